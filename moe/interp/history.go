package interp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"moebot/moe/model"
	"moebot/moe/tensor"
)

// Growth is how the models of one training, or any row of models, come to do what the
// last one does.
type Growth struct {
	Stages []Stage `json:"stages"`
}

// Stage is one model.
type Stage struct {
	Name       string    `json:"name"`
	Step       int       `json:"step"`                 // of the training; the place in the row if it is not known
	Null       bool      `json:"null"`                 // the first model's weights shuffled: what there is without training
	Loss       Estimate  `json:"loss"`                 // nats per token over the corpus
	Agreement  *Estimate `json:"agreement,omitempty"`  // share of verbs that agree with the subject right before them
	Far        *Estimate `json:"far,omitempty"`        // and with one three words away
	Induction  Estimate  `json:"induction"`            // of the strongest head
	Previous   Estimate  `json:"previous"`             // attention to the token before, of the strongest head
	Class      float64   `json:"class"`                // NMI of experts and token class less that of shuffled routing, mean over layers
	Vocabulary float64   `json:"vocabulary"`           // vocabulary specialisation less that of shuffled routing, mean over layers
	Saturation *float64  `json:"saturation,omitempty"` // share of experts chosen as by the last model, mean over layers
	CKA        *float64  `json:"cka,omitempty"`        // of its last layer with that of the last model
}

// Opened is one model of a row.
type Opened struct {
	Lab   *Lab
	Name  string
	Step  int
	Null  bool
	Close func()
}

// History measures a row of n models, which open gives by number; the last is kept
// open throughout, to compare with. All read the same corpus.
func History(ctx context.Context, n int, open func(i int) (Opened, error), corpus *Corpus, progress func(done, total int)) (*Growth, error) {
	if n < 1 {
		return nil, errors.New("no models to compare")
	}
	last, err := open(n - 1)
	if err != nil {
		return nil, err
	}
	defer last.Close()
	out := &Growth{}
	for i := range n {
		o := last
		if i < n-1 {
			if o, err = open(i); err != nil {
				return nil, err
			}
		}
		o.Lab.Progress = nil
		s, err := stage(ctx, o, last.Lab, corpus)
		if i < n-1 {
			o.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Name, err)
		}
		out.Stages = append(out.Stages, *s)
		if progress != nil {
			progress(i+1, n)
		}
	}
	return out, nil
}

func stage(ctx context.Context, o Opened, last *Lab, corpus *Corpus) (*Stage, error) {
	l := o.Lab
	s := &Stage{Name: o.Name, Step: o.Step, Null: o.Null}
	var losses running
	err := corpus.Each(ctx, l, func(q Sequence) error {
		l.pass(q.IDs, true, nil)
		for _, v := range l.losses(q.IDs) {
			losses.add(v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.Loss = losses.estimate()
	a, err := l.Attention(ctx, corpus)
	if err != nil {
		return nil, err
	}
	n, h, _ := a.Induction()
	s.Induction = a.Heads[n][h].Induction
	n, h, _ = a.strongest(func(s HeadScore) float64 { return s.Previous.Mean })
	s.Previous = a.Heads[n][h].Previous
	if g, err := l.Agreement(ctx); err == nil {
		s.Agreement, s.Far = &g[0].Right, &g[1].Right
	} else if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if l.Model.Config.Experts > 0 {
		x, err := l.Experts(ctx, corpus, 3)
		if err != nil {
			return nil, err
		}
		for _, y := range x.Layers {
			s.Class += (y.Shared[1].NMI - y.Shared[1].Null) / float64(len(x.Layers))
			s.Vocabulary += (y.Vocabulary - y.VocabNull) / float64(len(x.Layers))
		}
		if common, err := Saturation(ctx, l, last, corpus); err == nil { // not of models of other shapes
			mean := 0.0
			for _, e := range common {
				mean += e.Mean / float64(len(common))
			}
			s.Saturation = &mean
		}
	}
	if v, err := l.Similarity(ctx, last, corpus, 200, 1); err == nil {
		s.CKA = &v.CKA[len(v.CKA)-1][len(v.Columns)-1]
	}
	return s, ctx.Err()
}

// Shuffled is a model with the weights of src in random places: each matrix keeps its
// elements (of quantised ones, its blocks) and loses all that training put into their
// order. Norms stay as they are. It is the null model of a whole network.
func Shuffled(src model.Source, seed uint64) model.Source {
	out := &shuffled{Source: src, tensors: map[string]tensor.Tensor{}}
	for i, name := range src.Names() {
		t, ok := src.Tensor(name)
		if !ok || len(t.Shape) < 2 {
			continue
		}
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		size := t.Type.BlockBytes()
		data := append([]byte(nil), t.Data...)
		var swap [512]byte
		rng.Shuffle(len(data)/size, func(i, j int) {
			a, b := data[i*size:(i+1)*size], data[j*size:(j+1)*size]
			n := copy(swap[:], a)
			copy(a, b)
			copy(b, swap[:n])
		})
		t.Data = data
		out.tensors[name] = t
	}
	return out
}

type shuffled struct {
	model.Source
	tensors map[string]tensor.Tensor
}

func (s *shuffled) Tensor(name string) (tensor.Tensor, bool) {
	if t, ok := s.tensors[name]; ok {
		return t, true
	}
	return s.Source.Tensor(name)
}

// Report says what grew when.
func (g *Growth) Report() Report {
	t := Table{Name: "stages", Header: []string{"model", "step", "loss_nats", "loss_low", "loss_high", "agreement", "agreement_far", "induction", "previous", "class_nmi", "vocabulary", "saturation", "cka"}}
	opt := func(v *float64) any {
		if v == nil {
			return ""
		}
		return *v
	}
	at := func(e *Estimate) *float64 {
		if e == nil {
			return nil
		}
		return &e.Mean
	}
	loss := line{name: "loss"}
	measures := []line{{name: "agreement"}, {name: "agreement, 3 words"}, {name: "induction"}, {name: "previous token"}, {name: "experts and token class"}, {name: "experts and vocabulary"}, {name: "saturation"}, {name: "CKA with the last"}}
	for i, s := range g.Stages {
		t.add(s.Name, s.Step, s.Loss.Mean, s.Loss.Low, s.Loss.High, opt(at(s.Agreement)), opt(at(s.Far)), s.Induction.Mean, s.Previous.Mean, s.Class, s.Vocabulary, opt(s.Saturation), opt(s.CKA))
		x := float64(i)
		loss.x, loss.y, loss.low, loss.high = append(loss.x, x), append(loss.y, s.Loss.Mean), append(loss.low, s.Loss.Low), append(loss.high, s.Loss.High)
		for j, v := range []*float64{at(s.Agreement), at(s.Far), &s.Induction.Mean, &s.Previous.Mean, &s.Class, &s.Vocabulary, s.Saturation, s.CKA} {
			if v != nil {
				measures[j].x, measures[j].y = append(measures[j].x, x), append(measures[j].y, *v)
			}
		}
	}
	a, b := g.Stages[0], g.Stages[len(g.Stages)-1]
	var said []string
	say := func(what string, x, y Estimate) {
		said = append(said, fmt.Sprintf("%s %.2f to %.2f (95 %% interval %.2f to %.2f)", what, x.Mean, y.Mean, y.Low, y.High))
	}
	say("loss", a.Loss, b.Loss)
	if a.Agreement != nil && b.Agreement != nil {
		say("agreement", *a.Agreement, *b.Agreement)
	}
	say("the strongest induction head", a.Induction, b.Induction)
	say("the strongest previous-token head", a.Previous, b.Previous)
	return Report{
		Finding: fmt.Sprintf("From %s to %s (%d models, %d tokens each): %s.", a.Name, b.Name, len(g.Stages), b.Loss.N, strings.Join(said, "; ")),
		Tables:  []Table{t}, Figures: []Figure{lines("Loss", "model", "nats per token", loss), lines("What grew when (model 0 first)", "model", "", measures...)}}
}
