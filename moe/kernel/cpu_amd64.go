//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// useAVX2 says that the assembly may run: the processor has AVX2, FMA and F16C,
// and the system saves the wide registers. Only tests change it.
var useAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C
