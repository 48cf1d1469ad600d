//go:build unix

package sessiontest

import "syscall"

// Pause stops the server's process without ending it, so that connections
// hang.
func (r *Redis) Pause() { r.signal(syscall.SIGSTOP) }

// Continue lets a paused server go on.
func (r *Redis) Continue() { r.signal(syscall.SIGCONT) }

func (r *Redis) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}
