package sessiontest

import (
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// StartRedisOnSmallDisk starts a redis-server as StartRedis does, whose files cannot
// grow past that many kilobytes: a write past it fails as one on a full disk does.
func StartRedisOnSmallDisk(t testing.TB, kilobytes int, args ...string) *Redis {
	t.Helper()
	// ulimit counts in 512 bytes (POSIX), or in 1024 (bash); the signal would end the server.
	limit := "trap '' XFSZ; ulimit -S -f " + strconv.Itoa(2*kilobytes) + `; exec redis-server "$@"`
	return start(t, func(r *Redis, port string) []string {
		r.command = []string{"sh", "-c", limit, "redis-server"}
		return append(plainArgs(r, port), args...)
	})
}

// StartOnLargeDisk starts such a server again after Kill, without the limit.
func (r *Redis) StartOnLargeDisk() {
	r.t.Helper()
	r.command = []string{"redis-server"}
	r.Start()
}

// Enlarge takes the limit off the server's disk.
func (r *Redis) Enlarge() {
	r.t.Helper()
	if err := unix.Prlimit(r.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, nil); err != nil {
		skip(r.t, "a process's limits cannot be raised: "+err.Error())
	}
}
