package interp

import (
	"fmt"
	"strings"
)

// Report says how the neurons are used.
func (x *Neurons) Report() Report {
	t := Table{Name: "experts", Header: []string{"layer", "expert", "tokens", "dead", "sparsity", "sparsity_low", "sparsity_high", "largest"}}
	var dead, sparse [][]float64
	var names []string
	all, gone := 0, 0
	for n, row := range x.Experts {
		var a, b []float64
		for e, u := range row {
			t.add(n, e, u.Tokens, u.Dead, u.Sparsity.Mean, u.Sparsity.Low, u.Sparsity.High, u.Largest)
			a, b = append(a, float64(u.Dead)), append(b, u.Sparsity.Mean)
			all++
			gone += u.Dead
		}
		dead, sparse, names = append(dead, a), append(sparse, b), append(names, fmt.Sprint(n))
	}
	experts := count(len(x.Experts[0]))
	return Report{
		Finding: fmt.Sprintf("Over %d tokens %d neurons of %d experts never reach 1 %% of their expert's largest activation; the sparsity of a token's activations is %.2f to %.2f by expert (random normal numbers: %.2f).",
			x.Tokens, gone, all, least(sparse), most(sparse), x.Hoyer),
		Tables:  []Table{t},
		Figures: []Figure{heat("Dead neurons", "expert", "layer", dead, experts, names), heat("Sparsity of activations (Hoyer)", "expert", "layer", sparse, experts, names)},
	}
}

// Report says what the neuron does.
func (n *Neuron) Report() Report {
	contexts := Table{Name: "contexts", Header: []string{"activation", "topic", "before", "token", "after"}}
	var names []string
	bar := line{name: "activation"}
	flat := strings.NewReplacer("\n", `\n`)
	for _, c := range n.Contexts {
		contexts.add(c.Activation, c.Topic, flat.Replace(c.Before), c.Token, flat.Replace(c.After))
		names, bar.y = append(names, c.Token), append(bar.y, c.Activation)
	}
	effect := Table{Name: "effect", Header: []string{"token", "logit_per_unit"}}
	var tokens []string
	logits := line{}
	for _, list := range [][]Alternative{n.Raises, n.Lowers} {
		for _, a := range list {
			effect.add(a.Text, a.Prob)
			tokens, logits.y = append(tokens, a.Text), append(logits.y, a.Prob)
		}
	}
	where := fmt.Sprintf("layer %d, expert %d, neuron %d", n.Layer, n.Expert, n.Neuron)
	finding := fmt.Sprintf("Neuron %d of expert %d in layer %d was never reached: none of the tokens went to the expert.", n.Neuron, n.Expert, n.Layer)
	if len(n.Contexts) > 0 {
		finding = fmt.Sprintf("Neuron %d of expert %d in layer %d has activation %.3f (95 %% interval %.3f to %.3f) over %d tokens of its expert; of its %d strongest places %.0f %% share one token, of places drawn at random %.0f %%. It raises %q most and lowers %q most; its largest effect is %.1f deviations, that of 50 random directions at most %.1f.",
			n.Neuron, n.Expert, n.Layer, n.Activity.Mean, n.Activity.Low, n.Activity.High, n.Tokens, len(n.Contexts), 100*n.SameToken, 100*n.Null, n.Raises[0].Text, n.Lowers[0].Text, n.Sharp, n.SharpNull)
	}
	return Report{Finding: finding, Tables: []Table{contexts, effect},
		Figures: []Figure{bars("Strongest places of "+where, "activation", names, bar), bars("Direct effect on the logits per unit of activation", "logit", tokens, logits)}}
}

// ConceptReport says which neurons know which concepts.
func ConceptReport(all []*Concept) Report {
	t := Table{Name: "concepts", Header: []string{"concept", "layer", "expert", "neuron", "mean_with", "mean_without", "t", "p"}}
	sums := Table{Name: "summary", Header: []string{"concept", "sentences_with", "without", "specific_neurons", "of", "threshold_t", "strongest_t"}}
	var names, said []string
	top, limit := line{name: "strongest neuron"}, line{name: "reached by 5 % of relabellings"}
	for _, c := range all {
		for _, n := range c.Found {
			t.add(c.Name, n.Layer, n.Expert, n.Neuron, n.With, n.Without, n.T, n.P)
		}
		sums.add(c.Name, c.With, c.Without, c.Specific, c.Neurons, c.Threshold, c.Found[0].T)
		names = append(names, c.Name)
		top.y, limit.y = append(top.y, max(c.Found[0].T, -c.Found[0].T)), append(limit.y, c.Threshold)
		n := c.Found[0]
		said = append(said, fmt.Sprintf("%s: %d (strongest layer %d expert %d neuron %d, t = %.1f, p = %.3f)", c.Name, c.Specific, n.Layer, n.Expert, n.Neuron, n.T, n.P))
	}
	return Report{
		Finding: fmt.Sprintf("Neurons that tell a concept's sentences from the others, beyond what 95 %% of relabellings show anywhere among %d neurons: %s.", all[0].Neurons, strings.Join(said, "; ")),
		Tables:  []Table{sums, t},
		Figures: []Figure{bars("How well the best neuron tells a concept apart", "|t|", names, top, limit)},
	}
}
