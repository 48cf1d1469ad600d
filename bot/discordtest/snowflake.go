package discordtest

import (
	"strconv"
	"time"
)

// discordEpoch is the first second of 2015, in milliseconds since 1970. Reference: reference.mdx, "Snowflakes".
const discordEpoch = 1420070400000

// snowflake returns the smallest id that names the time t: the upper 42 bits are milliseconds since
// discordEpoch.
func snowflake(t time.Time) uint64 {
	return uint64(max(t.UnixMilli()-discordEpoch, 1)) << 22
}

// Time returns the moment an id was made, to the millisecond; the zero time for what is no id.
func Time(id string) time.Time {
	n, ok := parseID(id)
	if !ok {
		return time.Time{}
	}
	return time.UnixMilli(int64(n>>22) + discordEpoch)
}

// parseID reads a snowflake: 1 to 20 decimal digits without a leading zero.
func parseID(id string) (uint64, bool) {
	if id == "" || id[0] == '0' || id[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseUint(id, 10, 64)
	return n, err == nil
}

// Before reports whether id a is older than id b. Both are decimal numbers without leading zeros, so the
// shorter is the smaller.
func Before(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// newID returns a new id, greater than all before it. s.mu is held.
func (s *Server) newID() string {
	s.lastID = max(s.lastID+1, snowflake(s.clock.Now()))
	return strconv.FormatUint(s.lastID, 10)
}
