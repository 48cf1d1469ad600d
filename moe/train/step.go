package train

import (
	"errors"
	"fmt"
	"math"
	"os"

	"moebot/moe/backprop"
	"moebot/moe/checkpoint"
	"moebot/moe/optim"
)

// A step whose loss or gradient is not finite, or whose loss is far above the usual,
// is not taken. After maxSkips of them in a row the weights and moments of the last
// checkpoint come back, and the run goes on with the next batches; after maxReloads
// without a good step between, it ends.
const maxSkips, maxReloads = 5, 3

// step does one optimizer update.
func (l *loop) step(lr float64) (backprop.Stats, float64, error) {
	reloads := 0
	for skips := 1; ; skips++ {
		s, norm := l.gradient()
		loss := s.Loss / max(s.Weight, 1)
		bad := l.fault(loss, norm)
		if bad == "" {
			l.update(s, norm, lr)
			l.st.Usual.add(loss)
			return s, norm, nil
		}
		l.st.Skipped++
		// a number that is not finite cannot be logged as JSON
		if err := l.write(Record{Event: "skip", Step: l.st.Step, Tokens: l.st.Tokens, Seconds: l.seconds(), Phase: l.phase, Why: bad}); err != nil {
			return s, norm, err
		}
		fmt.Fprintf(l.Out, "step %d is not taken: %s\n", l.st.Step, bad)
		if skips < maxSkips {
			continue
		}
		if reloads++; reloads > maxReloads {
			return s, norm, fmt.Errorf("step %d: %s; so were the steps before, and going back to %s did not help", l.st.Step, bad, l.latest())
		}
		if err := l.reload(); err != nil {
			return s, norm, fmt.Errorf("step %d: %s: %d steps in a row: %w", l.st.Step, bad, skips, err)
		}
		skips = 0
	}
}

// gradient draws the step's batches and leaves their gradient in the network, or in
// the adapter if there is one.
func (l *loop) gradient() (backprop.Stats, float64) {
	c := l.Config
	weight := 0.0
	for i := range l.micro {
		l.loader.Next(&l.micro[i], c.Rows, c.Length)
		for _, w := range l.micro[i].Weights {
			weight += float64(w)
		}
	}
	l.count(c.Micro)
	var s backprop.Stats
	for i, m := range l.backward(1 / max(weight, 1)) {
		s.Loss, s.Weight = s.Loss+m.Loss, s.Weight+m.Weight
		s.AddSources(m.Sources)
		s.LoadBalance += m.LoadBalance / float64(c.Micro)
		s.RouterZ += m.RouterZ / float64(c.Micro)
		if i == 0 {
			s.ExpertLoad = m.ExpertLoad
		}
		for j, load := range m.ExpertLoad {
			for e, v := range load {
				if i == 0 {
					s.ExpertLoad[j][e] = 0
				}
				s.ExpertLoad[j][e] += v / float64(c.Micro)
			}
		}
	}
	l.st.Step++
	l.st.Tokens += int64(c.Rows * c.Length * c.Micro)
	if l.lora != nil {
		l.lora.project(l.net.Grads)
		return s, optim.Norm(l.lora.grads, l.Pool)
	}
	return s, optim.Norm(l.net.Grads, l.Pool)
}

func (l *loop) update(s backprop.Stats, norm, lr float64) {
	scale := optim.ClipScale(norm, l.Config.Clip)
	if l.lora != nil {
		l.opt.Update(l.lora.weights, l.lora.grads, lr, scale)
		l.lora.merge(l.net.Weights)
	} else {
		l.opt.Update(l.net.Weights, l.net.Grads, lr, scale)
	}
	if rate := l.Config.Routing.BiasRate; rate > 0 {
		l.net.Rebalance(s.ExpertLoad, rate)
	}
	if l.ema != nil {
		l.average()
	}
}

// average moves the averaged weights towards the present ones. The first steps count
// more, so that the average does not remember the fresh weights.
func (l *loop) average() {
	n := float64(l.opt.Step)
	keep := float32(min(l.Config.EMA, n/(n+10)))
	const block = 1 << 16
	l.Pool.Run((len(l.ema)+block-1)/block, func(i int) {
		lo, hi := i*block, min(len(l.ema), (i+1)*block)
		w := l.net.Weights[lo:hi]
		for j := range w {
			l.ema[lo+j] += (1 - keep) * (w[j] - l.ema[lo+j])
		}
	})
}

// fault says what is wrong with a step, "" if nothing.
func (l *loop) fault(loss, norm float64) string {
	switch {
	case !finite(loss) || !finite(norm):
		return fmt.Sprintf("loss %g, gradient norm %g", loss, norm)
	case l.Config.Spike >= 0 && l.st.Usual.spike(loss, l.Config.Spike):
		return fmt.Sprintf("loss %.3f, usual are %.3f", loss, l.st.Usual.Mean)
	}
	return ""
}

// reload takes weights and moments from the last checkpoint; the data goes on.
func (l *loop) reload() error {
	var old state
	f, err := checkpoint.Open(l.latest(), &old)
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("and there is no checkpoint yet to go back to")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Read(l.vectors()); err != nil {
		return err
	}
	l.opt.Step, l.st.Usual = old.updates(), usual{}
	l.st.Reloads++
	fmt.Fprintf(l.Out, "back to the weights of step %d\n", old.Step)
	return l.write(Record{Event: "reload", Step: l.st.Step, Tokens: l.st.Tokens, Seconds: l.seconds(), Phase: l.phase})
}

// usual is what losses are like: their running mean and variance over about 100 steps
// of one phase.
type usual struct {
	Steps int     `json:"steps"`
	Mean  float64 `json:"mean"`
	Var   float64 `json:"var"`
}

func (u *usual) add(loss float64) {
	u.Steps++
	rate := max(0.01, 1/float64(u.Steps))
	d := loss - u.Mean
	u.Mean += rate * d
	u.Var = (1 - rate) * (u.Var + rate*d*d)
}

// defaultSpike is the number of deviations above the usual that make a spike, and
// spikeNats what it must be above it at least.
const defaultSpike, spikeNats = 10, 1.0

// spike reports whether loss is that many deviations above the mean; 0 means the
// default. The first steps of a phase are never spikes.
func (u usual) spike(loss, deviations float64) bool {
	if deviations == 0 {
		deviations = defaultSpike
	}
	return u.Steps >= 50 && loss > u.Mean+max(spikeNats, deviations*math.Sqrt(u.Var))
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
