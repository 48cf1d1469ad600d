package model

import "math"

// ropeFrequencies is base^(-2i/dims)/scale for pair i.
func ropeFrequencies(c Config) []float64 {
	f := make([]float64, c.RopeDims/2)
	for i := range f {
		f[i] = math.Pow(c.RopeBase, -2*float64(i)/float64(c.RopeDims)) / c.RopeScale
	}
	return f
}

// ropeAngles writes the cosines and sines of one position.
func (m *Model) ropeAngles(cos, sin []float32, position int) {
	for i, f := range m.freq {
		s, c := math.Sincos(float64(position) * f)
		cos[i], sin[i] = float32(c), float32(s)
	}
}
