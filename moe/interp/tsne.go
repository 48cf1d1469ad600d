package interp

import (
	"context"
	"math"
	"math/rand/v2"
)

// tsne places points so that near ones stay near (van der Maaten & Hinton 2008,
// "Visualizing data using t-SNE": eq. 1, 4 and 5; exact, perplexity 15, early
// exaggeration 4 for the first 100 steps, seed 1). The cost is the square of the
// number of points a step.
func tsne(ctx context.Context, points [][]float64, steps int) ([][2]float64, error) {
	n := len(points)
	p := affinities(points, min(15, float64(n-1)/3))
	rng := rand.New(rand.NewPCG(1, 0))
	y, speed, gain := make([][2]float64, n), make([][2]float64, n), make([][2]float64, n)
	for i := range y {
		y[i] = [2]float64{1e-2 * rng.NormFloat64(), 1e-2 * rng.NormFloat64()}
		gain[i] = [2]float64{1, 1}
	}
	q := make([]float64, n*n)
	for step := range steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		exaggerate, momentum := 1.0, 0.8
		if step < 100 {
			exaggerate, momentum = 4, 0.5
		}
		sum := 0.0
		for i := range n {
			for j := range i {
				dx, dy := y[i][0]-y[j][0], y[i][1]-y[j][1]
				v := 1 / (1 + dx*dx + dy*dy)
				q[i*n+j], q[j*n+i] = v, v
				sum += 2 * v
			}
		}
		for i := range n {
			var g [2]float64
			for j := range n {
				if i == j {
					continue
				}
				f := 4 * (exaggerate*p[i*n+j] - q[i*n+j]/sum) * q[i*n+j]
				g[0] += f * (y[i][0] - y[j][0])
				g[1] += f * (y[i][1] - y[j][1])
			}
			for k := range 2 {
				if (g[k] > 0) == (speed[i][k] > 0) {
					gain[i][k] = max(0.01, gain[i][k]*0.8)
				} else {
					gain[i][k] += 0.2
				}
				speed[i][k] = momentum*speed[i][k] - float64(n)/4*gain[i][k]*g[k]
			}
		}
		for i := range y {
			y[i][0], y[i][1] = y[i][0]+speed[i][0], y[i][1]+speed[i][1]
		}
	}
	return y, nil
}

// affinities are t-SNE's symmetric neighbour probabilities [n·n] at a perplexity.
func affinities(points [][]float64, perplexity float64) []float64 {
	n := len(points)
	p := make([]float64, n*n)
	row := make([]float64, n)
	for i := range n {
		for j := range n {
			row[j] = 0
			for k, v := range points[i] {
				row[j] += (v - points[j][k]) * (v - points[j][k])
			}
		}
		lo, hi, beta := 0.0, math.Inf(1), 1.0/max(mean(row), 1e-300)
		for range 60 {
			h, sum := 0.0, 0.0
			for j, d := range row {
				if j != i {
					v := math.Exp(-beta * d)
					sum += v
					h += beta * d * v
				}
			}
			if entropy := math.Log(max(sum, 1e-300)) + h/max(sum, 1e-300); entropy > math.Log(perplexity) {
				lo = beta
			} else {
				hi = beta
			}
			if math.IsInf(hi, 1) {
				beta *= 2
			} else {
				beta = (lo + hi) / 2
			}
		}
		sum := 0.0
		for j, d := range row {
			if j != i {
				p[i*n+j] = math.Exp(-beta * d)
				sum += p[i*n+j]
			}
		}
		for j := range n {
			p[i*n+j] /= max(sum, 1e-300)
		}
	}
	for i := range n {
		for j := range i {
			v := max((p[i*n+j]+p[j*n+i])/float64(2*n), 1e-12)
			p[i*n+j], p[j*n+i] = v, v
		}
	}
	return p
}
