//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// useAVX2 says that the assembly may run: the processor has AVX2, FMA and F16C,
// and the system saves the wide registers. Only tests change it.
var useAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C

// useAVX512 says that the assembly with vectors of 16 may run too: for it the
// foundation and the instructions for bytes, words and all vector lengths are needed.
// Only tests change it.
var useAVX512 = useAVX2 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL

// useBF16 says that the assembly with numbers in bfloat16 may run. Only tests change it.
var useBF16 = useAVX512 && cpu.X86.HasAVX512BF16
