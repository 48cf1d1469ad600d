package sessiontest

// Pause skips the test: Windows has no such signal.
func (r *Redis) Pause() { skip(r.t, "processes cannot be paused on Windows") }

// Continue does nothing.
func (r *Redis) Continue() {}
