package model

import (
	"math"

	"moebot/moe/kernel"
)

// frequencies are the angles per position of each pair, and those for sequences
// longer than the model was made for. Files may have a factor for each pair that
// divides its angle: one table (Llama 3), or two (LongRoPE: Ding et al. 2024, arXiv
// 2402.13753).
func (l *loader) frequencies(c Config) (usual, long []float64) {
	var factors, longFactors []float32
	switch c.Architecture {
	case "llama", "granite", "granitemoe", "phimoe":
		short := l.option("rope_factors_short.weight", c.RopeDims/2)
		longFactors = l.option("rope_factors_long.weight", c.RopeDims/2)
		if factors = l.option("rope_freqs.weight", c.RopeDims/2); factors != nil {
			longFactors = factors
		} else {
			factors = short
		}
	}
	for _, f := range append(factors, longFactors...) {
		if !(f > 0) || math.IsInf(float64(f), 0) {
			l.fail("a RoPE factor is %g, want a positive number", f)
			break
		}
	}
	return ropeFrequencies(c, factors), ropeFrequencies(c, longFactors)
}

// ropeFrequencies is base^(-2i/dims)/factor for pair i, divided by the scale. With
// YaRN (Peng et al. 2023, arXiv 2309.00071, section 3.2) pairs that turn often within
// the original context window are not divided, and those between in part.
func ropeFrequencies(c Config, factors []float32) []float64 {
	f := make([]float64, c.RopeDims/2)
	low, high := yarnBounds(c)
	for i := range f {
		fast := math.Pow(c.RopeBase, -2*float64(i)/float64(c.RopeDims))
		if factors != nil {
			fast /= float64(factors[i])
		}
		f[i] = fast / c.RopeScale
		if c.Yarn {
			share := 1 - min(1, max(0, (float64(i)-low)/max(0.001, high-low)))
			f[i] = f[i]*(1-share) + fast*share
		}
	}
	return f
}

// yarnBounds are the pairs that turn 32 times and once within the original context
// window, rounded outwards.
func yarnBounds(c Config) (low, high float64) {
	pair := func(turns float64) float64 {
		return float64(c.RopeDims) * math.Log(float64(c.RopeTokens)/(turns*2*math.Pi)) / (2 * math.Log(c.RopeBase))
	}
	return max(0, math.Floor(pair(32))), min(float64(c.RopeDims-1), math.Ceil(pair(1)))
}

// ropeAngles writes the cosines and sines of one position of a sequence that may
// grow to limit tokens.
func (m *Model) ropeAngles(cos, sin []float32, position, limit int) {
	freq, gain := m.freq, m.Config.RopeGain
	if limit > m.Config.RopeTokens {
		freq = m.longFreq
	}
	for i, f := range freq {
		s, c := math.Sincos(float64(position) * f)
		cos[i], sin[i] = float32(c*gain), float32(s*gain)
	}
}

// turn applies RoPE to parts of x of 2·len(cos) elements that start stride apart.
func (c *Config) turn(x []float32, stride int, cos, sin []float32) {
	n := 2 * len(cos)
	switch {
	case n == 0:
	case c.RopeHalves:
		for h := 0; h < len(x); h += stride {
			turnHalves(x[h:h+n], cos, sin)
		}
	case n == stride:
		kernel.RoPE(x, cos, sin)
	default:
		for h := 0; h < len(x); h += stride {
			kernel.RoPE(x[h:h+n], cos, sin)
		}
	}
}

// turnHalves rotates the pairs (x[i], x[i+n]), n = len(cos), by the angles: the same
// as kernel.RoPE with the elements in another order.
func turnHalves(x, cos, sin []float32) {
	n := len(cos)
	a, b, sin := x[:n], x[n:2*n], sin[:n]
	for i, c := range cos {
		u, v, s := a[i], b[i], sin[i]
		a[i] = u*c - v*s
		b[i] = v*c + u*s
	}
}
