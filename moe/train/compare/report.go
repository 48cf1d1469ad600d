package compare

import (
	"fmt"
	"io"
	"math"

	"gonum.org/v1/gonum/stat"

	"moebot/moe/backprop"
	"moebot/moe/train/chart"
)

// Row sums up the runs of one variant.
type Row struct {
	Variant    string  `json:"variant"`
	Runs       int     `json:"runs"`
	Parameters int     `json:"parameters"`
	Active     int     `json:"active"`
	Mean       float64 `json:"mean"`       // held-out loss, nats per reply token, mean of the seeds
	Spread     float64 `json:"spread"`     // its standard deviation over the seeds; 0 of one
	Difference float64 `json:"difference"` // of Mean from the first variant's, paired by seed
	DiffSpread float64 `json:"difference_spread"`
	Speed      float64 `json:"tok_s"`
	Seconds    float64 `json:"seconds"`
	MiB        float64 `json:"mib"`
	Entropy    float64 `json:"entropy"`
	Lowest     float64 `json:"lowest"`
}

// Rows sums up the results of Do, a row for each variant in their order.
func Rows(results []Result) []Row {
	var out []Row
	losses := map[string][]float64{}
	var first []float64
	for _, r := range results {
		n := len(out)
		if n == 0 || out[n-1].Variant != r.Variant {
			out = append(out, Row{Variant: r.Variant, Parameters: r.Parameters, Active: r.Active, Lowest: 1})
			n++
		}
		row := &out[n-1]
		row.Runs++
		row.Speed, row.Seconds, row.Entropy = row.Speed+r.Speed, row.Seconds+r.Seconds, row.Entropy+r.Entropy
		row.MiB, row.Lowest = max(row.MiB, r.MiB), min(row.Lowest, r.Lowest)
		losses[r.Variant] = append(losses[r.Variant], r.Mean)
	}
	for i := range out {
		row := &out[i]
		n := float64(row.Runs)
		row.Speed, row.Seconds, row.Entropy = row.Speed/n, row.Seconds/n, row.Entropy/n
		x := losses[row.Variant]
		row.Mean, row.Spread = meanSpread(x)
		if i == 0 {
			first = x
			continue
		}
		var d []float64
		for j := range min(len(x), len(first)) {
			d = append(d, x[j]-first[j])
		}
		row.Difference, row.DiffSpread = meanSpread(d)
	}
	return out
}

func meanSpread(x []float64) (mean, spread float64) {
	mean, spread = stat.MeanStdDev(x, nil)
	if len(x) < 2 {
		spread = 0
	}
	return mean, spread
}

// Table prints the rows for people.
func Table(w io.Writer, rows []Row) {
	fmt.Fprintf(w, "%-28s %4s %8s %8s %18s %20s %9s %8s %7s %8s\n", "variant", "runs", "total M", "active M", "held-out loss", "from the first", "tok/s", "seconds", "MiB", "entropy")
	for i, r := range rows {
		diff := ""
		if i > 0 {
			diff = fmt.Sprintf("%+.4f ± %.4f", r.Difference, r.DiffSpread)
		}
		entropy := "-" // a dense network has none
		if r.Entropy > 0 {
			entropy = fmt.Sprintf("%.3f", r.Entropy)
		}
		fmt.Fprintf(w, "%-28s %4d %8.2f %8.2f %9.4f ± %.4f %20s %9.0f %8.0f %7.0f %8s\n", r.Variant, r.Runs, float64(r.Parameters)/1e6, float64(r.Active)/1e6,
			r.Mean, r.Spread, diff, r.Speed, r.Seconds, r.MiB, entropy)
	}
	fmt.Fprintln(w, "loss in nats per reply token, sources weighed alike; ± is the standard deviation over seeds; differences are paired by seed")
}

// Panels draws a finished comparison from the logs of its runs: held-out loss over
// steps and over time, training loss, and how evenly the experts are used. All seeds
// of a variant have one colour.
func (c Comparison) Panels() ([]chart.Panel, error) {
	held := chart.Panel{Title: "Held-out loss", X: "step", Y: "nats per reply token"}
	clock := chart.Panel{Title: "Held-out loss over time", X: "seconds of training", Y: "nats per reply token"}
	loss := chart.Panel{Title: "Training loss", X: "step", Y: "nats per token"}
	entropy := chart.Panel{Title: "Entropy of the expert load, mean of the layers", X: "step", Y: "1 is even"}
	for i, v := range c.Config.Variants {
		for j, seed := range c.Config.Seeds {
			recs, err := readLog(c.RunDir(v.Name, seed))
			if err != nil {
				return nil, err
			}
			name := ""
			if j == 0 {
				name = v.Name
			}
			line := func() chart.Line { return chart.Line{Name: name, Group: i + 1} }
			h, s, l, e := line(), line(), line(), line()
			for _, r := range recs {
				x := float64(r.Step)
				switch r.Event {
				case "held":
					h.Points, s.Points = append(h.Points, chart.Point{X: x, Y: r.Mean}), append(s.Points, chart.Point{X: r.Seconds, Y: r.Mean})
				case "train":
					l.Points = append(l.Points, chart.Point{X: x, Y: r.Loss})
					mean := math.NaN()
					for k, load := range r.Load {
						if k == 0 {
							mean = 0
						}
						mean += backprop.Entropy(load) / float64(len(r.Load))
					}
					e.Points = append(e.Points, chart.Point{X: x, Y: mean})
				}
			}
			held.Lines, clock.Lines = append(held.Lines, h), append(clock.Lines, s)
			loss.Lines, entropy.Lines = append(loss.Lines, l), append(entropy.Lines, e)
		}
	}
	return []chart.Panel{held, clock, loss, entropy}, nil
}
