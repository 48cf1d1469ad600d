package embedded

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lock takes the lock on an open file for as long as it is open. It reports
// false if somebody has it. The kernel frees it when a process ends, however
// that ends.
func lock(f *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
