package main

import (
	"context"
	"io"
	"strconv"

	"moebot/moe/interp"
)

const corpusUsage = "[FILE.jsonl|FILE.txt[.zst] ...]"

// inspectExperts counts which expert takes which token.
func inspectExperts(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newInspection("experts", corpusUsage, out, errOut).withCorpus(20000)
	shuffles := p.Int("shuffles", 20, "shuffled routings as a null model")
	effects := p.Int("effects", 2000, "tokens over which the loss with changed routing is measured; 0 leaves it out")
	silence := p.Bool("silence", true, "also silence each expert in turn: a pass over -effects tokens each")
	with := p.String("with", "", "another model `file`, a checkpoint of the same training, whose choices are compared (saturation)")
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	corpus := p.corpus()
	x, err := p.lab.Experts(ctx, corpus, *shuffles)
	if err != nil {
		return err
	}
	if *effects > 0 {
		if x.Loss, err = p.lab.ExpertLoss(ctx, corpus, *effects, []int{1, 2, 3, 8}, *silence); err != nil {
			return err
		}
	}
	r := x.Report()
	if *with != "" {
		other, err := p.another(*with)
		if err != nil {
			return err
		}
		common, err := interp.Saturation(ctx, p.lab, other, corpus)
		if err != nil {
			return err
		}
		t := interp.Table{Name: "saturation", Header: []string{"layer", "experts_in_common", "low", "high", "at_random"}}
		number := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
		for n, e := range common {
			t.Rows = append(t.Rows, []string{strconv.Itoa(n), number(e.Mean), number(e.Low), number(e.High), number(float64(x.K) / float64(len(x.Layers[0].Load)))})
		}
		r.Tables = append(r.Tables, t)
	}
	return p.show(x, r)
}
