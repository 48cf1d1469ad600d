package train

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"moebot/moe/checkpoint"
)

// state is what a checkpoint remembers beside the vectors.
type state struct {
	Config  Config     `json:"config"`
	Step    int        `json:"step"`
	Tokens  int64      `json:"tokens"`
	Seconds float64    `json:"seconds"` // of training so far
	Batches []mixCount `json:"batches"` // micro-batches drawn, in order, by phase
	Skipped int        `json:"skipped"` // steps not taken for a value that was not finite, or a spike
	Reloads int        `json:"reloads"` // times that the last checkpoint's weights were taken again after such steps
	Updates *int       `json:"updates"` // of the optimizer; nil in older files, where no reload was known
	Usual   usual      `json:"usual"`
	Best    float64    `json:"best"` // held-out loss of best.ckpt, nats per reply token; 0 before the first
}

type mixCount struct {
	Phase int `json:"phase"`
	Count int `json:"count"`
}

// updates is the number of steps that the optimizer took.
func (s state) updates() int {
	if s.Updates != nil {
		return *s.Updates
	}
	return s.Step - s.Skipped
}

func (l *loop) restore() error {
	vectors, err := checkpoint.Load(l.latest(), &l.st)
	if err != nil {
		return fmt.Errorf("%w; %s is the one before", err, filepath.Join(l.Dir, "previous.ckpt"))
	}
	if l.st.Config.Model != l.Config.Model {
		return fmt.Errorf("checkpoint %s: its model is %+v, the recipe's %+v", l.latest(), l.st.Config.Model, l.Config.Model)
	}
	if a, b := l.st.Config, l.Config; a.Rows != b.Rows || a.Length != b.Length || a.Seed != b.Seed {
		return fmt.Errorf("checkpoint %s: its batches have %d rows of %d and seed %d, the recipe's %d of %d and seed %d", l.latest(), a.Rows, a.Length, a.Seed, b.Rows, b.Length, b.Seed)
	}
	for _, b := range l.st.Batches {
		if b.Phase >= len(l.Config.Phases) {
			return fmt.Errorf("checkpoint %s: it has been in phase %d, the recipe has %d phases", l.latest(), b.Phase, len(l.Config.Phases))
		}
	}
	l.st.Config = l.Config // what may change: the length of the run, later phases, learning rates
	if err := l.take(vectors); err != nil {
		return err
	}
	l.opt.Step = l.st.updates()
	l.before = l.st.Seconds
	usual := l.st.Usual
	// the stream of batches is replayed up to where the run stood
	for _, b := range l.st.Batches {
		if err := l.enter(b.Phase); err != nil {
			return err
		}
		for range b.Count {
			l.loader.Next(&l.batch, l.Config.Rows, l.Config.Length)
		}
	}
	l.st.Usual = usual // entering a phase forgets it
	fmt.Fprintf(l.Out, "resumed at step %d, %.1f M tokens\n", l.st.Step, float64(l.st.Tokens)/1e6)
	return nil
}

func (l *loop) save() error {
	l.st.Seconds = l.seconds()
	updates := l.opt.Step
	l.st.Updates = &updates
	// the newest stays in its place until its successor is whole
	previous := filepath.Join(l.Dir, "previous.ckpt")
	if err := os.Remove(previous); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Link(l.latest(), previous); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return checkpoint.Save(l.latest(), l.st, l.vectors())
}

// vectors are the arrays of a checkpoint, the weights first.
func (l *loop) vectors() []checkpoint.Vector {
	v := []checkpoint.Vector{{Name: "weights", Data: l.net.Weights}, {Name: "m", Data: l.opt.M}, {Name: "v", Data: l.opt.V}}
	if l.lora != nil {
		v = append(v, checkpoint.Vector{Name: "lora", Data: l.lora.weights})
	}
	if l.ema != nil {
		v = append(v, checkpoint.Vector{Name: "ema", Data: l.ema})
	}
	if l.net.RouterBias != nil {
		v = append(v, checkpoint.Vector{Name: "router_bias", Data: l.net.RouterBias})
	}
	return v
}

// take copies a checkpoint's arrays into place.
func (l *loop) take(vectors []checkpoint.Vector) error {
	want := l.vectors()
	if len(vectors) != len(want) {
		return fmt.Errorf("checkpoint %s: it has %d vectors, the recipe needs %d", l.latest(), len(vectors), len(want))
	}
	for i, v := range want {
		if vectors[i].Name != v.Name || len(vectors[i].Data) != len(v.Data) {
			return fmt.Errorf("checkpoint %s: its vector %s of %d elements does not fit the recipe's %s of %d", l.latest(), vectors[i].Name, len(vectors[i].Data), v.Name, len(v.Data))
		}
	}
	for i, v := range want {
		copy(v.Data, vectors[i].Data)
	}
	return nil
}

func (l *loop) count(n int) {
	b := l.st.Batches
	if k := len(b); k > 0 && b[k-1].Phase == l.phase {
		b[k-1].Count += n
		return
	}
	l.st.Batches = append(b, mixCount{l.phase, n})
}
