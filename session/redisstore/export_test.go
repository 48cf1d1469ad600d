package redisstore

import "time"

// SetClock makes a Store go by another clock.
func (s *Store) SetClock(now func() time.Time) { s.now = now }
