package kernel

// Instructions names the instructions that the products are computed with. What other
// ones compute differs in the last bits.
func Instructions() string {
	switch {
	case useAVX512:
		return "AVX-512"
	case useAVX2:
		return "AVX2"
	}
	return "Go"
}
