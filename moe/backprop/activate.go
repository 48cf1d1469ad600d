package backprop

import "math"

// activate computes h = act(u), for the kinds without a gate.
func activate(kind FFN, h, u []float32) {
	switch kind {
	case ReLU:
		for i, v := range u {
			h[i] = max(v, 0)
		}
	case GELU:
		for i, v := range u {
			h[i] = v * normalCDF(v)
		}
	default:
		panic("backprop: no activation " + string(kind))
	}
}

// activateBackward computes du = dh·act'(u): for GELU Φ(u) + u·φ(u), for ReLU 1
// where u is positive.
func activateBackward(kind FFN, du, u, dh []float32) {
	switch kind {
	case ReLU:
		for i, v := range u {
			du[i] = 0
			if v > 0 {
				du[i] = dh[i]
			}
		}
	case GELU:
		for i, v := range u {
			density := float32(math.Exp(-float64(v)*float64(v)/2) / math.Sqrt(2*math.Pi))
			du[i] = dh[i] * (normalCDF(v) + v*density)
		}
	default:
		panic("backprop: no activation " + string(kind))
	}
}

// normalCDF is Φ, the share of a standard normal distribution below v.
func normalCDF(v float32) float32 { return float32(0.5 * (1 + math.Erf(float64(v)/math.Sqrt2))) }
