package redisstore

import "github.com/redis/go-redis/v9"

// Client is the Store's connection, for who keeps other things in the same Redis,
// under keys of their own. It ends with the Store.
func (s *Store) Client() redis.UniversalClient { return s.client }
