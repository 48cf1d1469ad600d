// Package lab looks into the model of a running bot and changes it while it talks: what
// moe/interp sees, on a sentence of the visitor's own, and the edits of
// moe/model/steer on a conversation, the reply with and without them side by side. It
// serves both to the playground's page as JSON below a path, and turns the settings of a
// channel into a plan for the engine.
//
// A Lab is safe for concurrent use. Its own passes are made one at a time, on one
// thread, beside the engine's.
package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"moebot/moe/engine"
	"moebot/moe/interp"
	"moebot/moe/kernel"
	"moebot/moe/model"
	"moebot/moe/model/steer"
	"moebot/moe/tokenizer"
)

// maxTokens is the longest text that is looked into.
const maxTokens = 96

// Lab is the bench beside an engine.
type Lab struct {
	model  *model.Model
	tok    *tokenizer.Tokenizer
	engine *engine.Engine

	bench chan *interp.Lab // holds the one bench, nil until it is used
	pool  *kernel.Pool
	names []string

	mu         sync.Mutex
	directions map[string][]float32 // by name and layer
}

// New returns a Lab for the model that an engine serves. Close it when done.
func New(m *model.Model, tok *tokenizer.Tokenizer, e *engine.Engine) *Lab {
	l := &Lab{model: m, tok: tok, engine: e, bench: make(chan *interp.Lab, 1), pool: kernel.NewPool(1), directions: map[string][]float32{}}
	l.bench <- nil
	return l
}

// Close waits for the pass in progress.
func (l *Lab) Close() {
	<-l.bench
	l.pool.Close()
}

// on calls use with the bench, for itself.
func (l *Lab) on(ctx context.Context, use func(*interp.Lab) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case b := <-l.bench:
		defer func() { l.bench <- b }()
		if b == nil {
			made, err := interp.New(l.model, l.tok, l.pool, 2*maxTokens)
			if err != nil {
				return err
			}
			b = made
		}
		return use(b)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Names are the directions known by name.
func (l *Lab) Names(ctx context.Context) (names []string, err error) {
	l.mu.Lock()
	names = l.names
	l.mu.Unlock()
	if names != nil {
		return names, nil
	}
	err = l.on(ctx, func(b *interp.Lab) error {
		names = b.DirectionNames()
		return nil
	})
	l.mu.Lock()
	l.names = names
	l.mu.Unlock()
	return names, err
}

// Plan is what edits, as moe/model/steer writes them, do to this model; of none, nil.
// Directions are found by their names, which may take a while the first time.
func (l *Lab) Plan(ctx context.Context, edits []string) (*steer.Plan, error) {
	parsed, err := steer.ParseAll(strings.Join(edits, " "))
	if err != nil || len(parsed) == 0 {
		return nil, err
	}
	return l.plan(ctx, parsed, nil)
}

// plan is Plan of parsed edits; own, if any, are further directions by name, at the
// layer an edit asks for.
func (l *Lab) plan(ctx context.Context, edits []steer.Edit, own map[string]func(b *interp.Lab, layer int) ([]float32, error)) (*steer.Plan, error) {
	for i, e := range edits {
		if !e.Directed() {
			continue
		}
		if err := steer.CheckLayer(l.model.Config, e.Layer); err != nil {
			return nil, err
		}
		var d []float32
		var err error
		if find := own[e.Name]; find != nil {
			err = l.on(ctx, func(b *interp.Lab) (err error) {
				d, err = find(b, e.Layer)
				return err
			})
		} else {
			d, err = l.direction(ctx, e.Name, e.Layer)
		}
		if err != nil {
			return nil, err
		}
		edits[i].Direction = d
	}
	return steer.New(l.model, edits)
}

// direction is a named one, remembered once it was found.
func (l *Lab) direction(ctx context.Context, name string, layer int) ([]float32, error) {
	names, err := l.Names(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case name == "":
		return nil, fmt.Errorf("a direction needs its name, as in direction:%d.%s=1; there are %s", layer, names[0], strings.Join(names, ", "))
	case !slices.Contains(names, name):
		return nil, fmt.Errorf("unknown direction %q, want one of %s", name, strings.Join(names, ", "))
	}
	key := fmt.Sprint(name, " ", layer)
	l.mu.Lock()
	d := l.directions[key]
	l.mu.Unlock()
	if d != nil {
		return d, nil
	}
	err = l.on(ctx, func(b *interp.Lab) (err error) {
		d, err = b.Direction(ctx, name, layer)
		return err
	})
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.directions[key] = d
	l.mu.Unlock()
	return d, nil
}

// About is the model's shape, and what there is to turn.
type About struct {
	Layers     int      `json:"layers"`
	Heads      int      `json:"heads"`
	Experts    []int    `json:"experts"` // of each layer; 1 is a dense FFN
	Routed     []bool   `json:"routed"`  // whether the layer's router chooses among them
	Neurons    []int    `json:"neurons"` // of one expert of each layer
	PerToken   int      `json:"per_token"`
	Vocab      int      `json:"vocab"`
	Directions []string `json:"directions"`
}

// About tells the model's shape.
func (l *Lab) About(ctx context.Context) (About, error) {
	c := l.model.Config
	a := About{Layers: c.Layers, Heads: c.Heads, PerToken: max(c.TopK, 1), Vocab: c.Vocab}
	for n := range c.Layers {
		a.Experts, a.Routed, a.Neurons = append(a.Experts, l.model.LayerExperts(n)), append(a.Routed, l.model.Routed(n)), append(a.Neurons, l.model.LayerHidden(n))
	}
	var err error
	a.Directions, err = l.Names(ctx)
	return a, err
}

var errNothing = errors.New("there is no text")

// text is a visitor's sentence as tokens, the beginning of it if it is long.
func text(b *interp.Lab, s string) ([]int32, error) {
	ids := b.Encode(s, false)
	if strings.TrimSpace(s) == "" || len(ids) == 0 {
		return nil, errNothing
	}
	return ids[:min(len(ids), maxTokens)], nil
}
