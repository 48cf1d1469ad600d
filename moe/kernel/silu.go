package kernel

// SiLUMul is the inside of a SwiGLU expert: dst[i] = silu(gate[i])·up[i] with
// silu(z) = z / (1 + e^-z). dst may be gate or up. It panics if the lengths differ.
func SiLUMul(dst, gate, up []float32) {
	sameLen("SiLUMul", len(dst), len(gate), len(up))
	siluMul(dst, gate, up)
}

// SiLUMulBackward is the gradient of SiLUMul. With s = 1 / (1 + e^-gate[i]):
//
//	dup[i]   = dout[i] · gate[i]·s
//	dgate[i] = dout[i] · up[i] · s·(1 + gate[i]·(1-s))
//
// dgate and dup are overwritten, and each may be any one of the inputs. It panics
// if the lengths differ.
func SiLUMulBackward(dgate, dup, gate, up, dout []float32) {
	sameLen("SiLUMulBackward", len(dgate), len(dup), len(gate), len(up), len(dout))
	siluMulBackward(dgate, dup, gate, up, dout)
}

func siluMulGo(dst, gate, up []float32) {
	for i, z := range gate {
		dst[i] = z * sigmoid(z) * up[i]
	}
}

func siluMulBackwardGo(dgate, dup, gate, up, dout []float32) {
	for i, z := range gate {
		s := sigmoid(z)
		d, u := dout[i], up[i]
		dup[i] = d * z * s
		dgate[i] = d * u * s * (1 + z*(1-s))
	}
}

func sigmoid(z float32) float32 { return 1 / (1 + exp1(-z)) }
