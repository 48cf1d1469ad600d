package train

import (
	"context"
	"fmt"
	"time"
)

// Sample is what the model in training answered to a prompt.
type Sample struct {
	Prompt string `json:"prompt"`
	Reply  string `json:"reply"`
}

// Sampler lets the model in training answer its prompts. It must not keep weights.
type Sampler func(ctx context.Context, weights []float32) ([]Sample, error)

// firstSample is the step of the first samples after those of the fresh weights; from
// there on the steps between grow, as does what is learnt in them, until sampleEvery
// has passed.
const firstSample, sampleEvery = 20, 5 * time.Minute

// samples logs what the model says, if it is time. A sampler that fails is not asked again.
func (l *loop) samples(ctx context.Context) error {
	if l.Sample == nil || (l.st.Step < l.nextSample && time.Since(l.lastSample) < sampleEvery) {
		return nil
	}
	l.nextSample = firstSample
	for l.nextSample <= l.st.Step {
		l.nextSample *= 2
	}
	s, err := l.Sample(ctx, l.result())
	l.lastSample = time.Now()
	if ctx.Err() != nil {
		return nil // the loop ends by itself
	}
	if err != nil {
		fmt.Fprintf(l.Out, "no samples: %v\n", err)
		l.Sample = nil
		return nil
	}
	return l.write(Record{Event: "sample", Step: l.st.Step, Tokens: l.st.Tokens, Seconds: l.seconds(), Phase: max(l.phase, 0), Samples: s})
}
