package gguf

import "moebot/moe/tensor"

// FileType is the value of general.file_type for a file whose matrices are mostly of
// type t, as llama.cpp numbers them; 0 for a type that has no number.
func FileType(t tensor.Type) uint32 {
	switch t {
	case tensor.F16:
		return 1
	case tensor.Q4_0:
		return 2
	case tensor.Q4_1:
		return 3
	case tensor.Q8_0:
		return 7
	case tensor.Q5_0:
		return 8
	case tensor.Q5_1:
		return 9
	case tensor.Q4_K:
		return 15
	case tensor.Q5_K:
		return 17
	case tensor.Q6_K:
		return 18
	case tensor.BF16:
		return 32
	}
	return 0
}
