package optim

import "math"

// Schedule gives the learning rate as a share of its peak over a run's progress.
type Schedule struct {
	Kind   string  `json:"kind"`   // "wsd": warm-up, stable, decay (Hu et al. 2024, MiniCPM, arXiv 2404.06395) or "cosine"
	Warmup float64 `json:"warmup"` // share of the run, 0 to 1
	Decay  float64 `json:"decay"`  // last share of the run that decays ("wsd")
	Floor  float64 `json:"floor"`  // share of the peak at the end
}

// At returns the factor at progress p, 0 at the start of the run, 1 at its end.
func (s Schedule) At(p float64) float64 {
	p = min(max(p, 0), 1)
	switch {
	case p < s.Warmup:
		return max(0.01, p/s.Warmup)
	case s.Kind == "cosine":
		x := (p - s.Warmup) / max(1e-9, 1-s.Warmup)
		return s.Floor + (1-s.Floor)*0.5*(1+math.Cos(math.Pi*x))
	case p > 1-s.Decay:
		x := (p - (1 - s.Decay)) / s.Decay
		return s.Floor + (1-s.Floor)*(1-math.Sqrt(x))
	}
	return 1
}
