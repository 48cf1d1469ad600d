package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"moebot/moe/interp"
)

// workload is how much the instruments of a report look at.
type workload struct {
	tokens  int   // of the corpus
	effects int   // tokens over which changed routing is measured
	history int   // tokens for each model of a history
	gaps    []int // of the recall
	passes  int   // of the circuit; 0 is as many as it takes
	silence bool  // also silence each expert in turn
	stride  int   // of the layers that are probed
	shuffle int   // relabellings of the concepts
	note    string
}

// Sizes of a report without a bound.
const (
	reportEffects = 1500
	reportHistory = 3000
	// reportFixed is, roughly, what the instruments read beside the corpus: repeated
	// sequences of the attention, sentences of concepts, probes and directions.
	reportFixed = 12000
	// probeSeconds is, roughly, what the probes of one layer take.
	probeSeconds = 30
	// relabelSeconds is, roughly, what one relabelling takes for a neuron and all concepts.
	relabelSeconds = 2e-6
	// passTokens is the length, roughly, of a circuit's prompts.
	passTokens = 6
)

func wholeReport(tokens int) workload {
	w := workload{tokens: tokens, effects: reportEffects, history: reportHistory, gaps: []int{0, 8, 32, 96, 192}, silence: true, stride: 1, shuffle: 100}
	if tokens > 0 { // 0 reads all
		w.history = min(tokens, reportHistory)
	}
	return w
}

// read is about how many tokens the model reads for it, the circuit and the silencing
// of experts left out.
func (w workload) read(models int) int {
	n := reportFixed + 5*w.tokens + 6*w.effects + models*5*w.history
	for _, g := range w.gaps {
		n += 48 * (g + 17)
	}
	return n
}

// bounded is a workload for a number of minutes, 0 for no bound. The model is measured
// for some seconds at most. Three quarters of the time are for reading, the rest for
// the circuit.
func (p *inspection) bounded(ctx context.Context, w workload, models int, minutes float64) (workload, error) {
	if minutes == 0 {
		return w, nil
	}
	long, err := p.speed(ctx, 64)
	if err != nil {
		return w, err
	}
	short, err := p.speed(ctx, passTokens)
	if err != nil {
		return w, err
	}
	return w.within(minutes*60, 1/long, passTokens/short, models, p.lab), nil
}

// speed is in tokens a second, of sequences of n tokens.
func (p *inspection) speed(ctx context.Context, n int) (float64, error) {
	ids := p.lab.Encode(sentence+" "+sentence+" "+sentence, true)
	ids = ids[:min(n, len(ids))]
	if err := p.lab.Read(ctx, ids); err != nil { // the first time fetches the weights
		return 0, err
	}
	began, done := time.Now(), 0
	for done == 0 || time.Since(began) < time.Second {
		if err := p.lab.Read(ctx, ids); err != nil {
			return 0, err
		}
		done += len(ids)
	}
	return float64(done) / time.Since(began).Seconds(), nil
}

// within shortens a workload to so many seconds at a cost, in seconds, of a token of a
// text and of a pass of a circuit.
func (w workload) within(seconds, token, pass float64, models int, lab *interp.Lab) workload {
	whole := w
	reading := 0.75 * seconds / token
	for ; float64(w.read(models)) > reading && w.tokens > 600; w.tokens = w.tokens * 4 / 5 {
		w.effects, w.history = max(200, w.effects*4/5), max(400, w.history*4/5)
		if len(w.gaps) > 2 {
			w.gaps = w.gaps[:len(w.gaps)-1]
		}
	}
	if c := lab.Model.Config; float64(w.effects*c.Layers*c.Experts)*token > 0.2*seconds {
		w.silence = false
	}
	w.passes = max(1, int(0.25*seconds/pass))
	// The fits of a layer take as long however fast the model is; some seconds each.
	if layers := lab.Model.Config.Layers; float64(layers)*probeSeconds > 0.2*seconds {
		w.stride = min(layers, int(math.Ceil(float64(layers)*probeSeconds/(0.2*seconds))))
	}
	neurons := 0
	for n := range lab.Model.Config.Layers {
		neurons += lab.Model.LayerExperts(n) * lab.Model.LayerHidden(n)
	}
	// A relabelling looks at every neuron: a microsecond or two for each of the concepts.
	if most := 0.1 * seconds / (float64(neurons) * relabelSeconds); most < float64(w.shuffle) {
		w.shuffle = max(20, int(most))
	}
	if w.tokens < whole.tokens || !w.silence || w.stride > 1 || w.shuffle < whole.shuffle {
		w.note = fmt.Sprintf("To stay near %.0f minutes (a token takes %.1f ms, a pass of the circuit %.0f), %d tokens of text are read instead of %d, %d instead of %d where routing is changed, %d instead of %d for the history; recall is measured over %d of %d distances",
			seconds/60, 1000*token, 1000*pass, w.tokens, whole.tokens, w.effects, whole.effects, w.history, whole.history, len(w.gaps), len(whole.gaps))
		if !w.silence {
			w.note += "; the experts are not silenced one by one"
		}
		if w.shuffle < whole.shuffle {
			w.note += fmt.Sprintf("; concepts are relabelled %d times instead of %d", w.shuffle, whole.shuffle)
		}
		if w.stride > 1 {
			w.note += fmt.Sprintf("; every %s layer is probed", ordinal(w.stride))
		}
	}
	return w
}

// ordinal writes 2 as 2nd.
func ordinal(n int) string {
	switch {
	case n%100/10 == 1:
	case n%10 == 1:
		return fmt.Sprint(n, "st")
	case n%10 == 2:
		return fmt.Sprint(n, "nd")
	case n%10 == 3:
		return fmt.Sprint(n, "rd")
	}
	return fmt.Sprint(n, "th")
}
