//go:build !purego

package kernel

import (
	"syscall"

	"golang.org/x/sys/cpu"
)

// haveAMX reports whether the processor has a matrix unit for bfloat16 and asks Linux for
// its registers, which a process gets on request only (arch_prctl, ARCH_REQ_XCOMP_PERM).
func haveAMX() bool {
	const request, tileData = 0x1023, 18
	if !cpu.X86.HasAMXTile || !cpu.X86.HasAMXBF16 {
		return false
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, request, tileData, 0)
	return errno == 0
}
