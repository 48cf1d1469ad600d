package lab

import (
	"context"
	"errors"
	"fmt"

	"moebot/moe/interp"
	"moebot/moe/model/steer"
)

// lookRequest asks for one instrument on a text.
type lookRequest struct {
	What string `json:"what"` // see look
	Text string `json:"text"`

	Layer    int      `json:"layer"`
	Head     int      `json:"head"`
	Position int      `json:"position"` // of a token in the text
	Edits    []string `json:"edits"`
}

// token is one of a text.
type token struct {
	ID   int32  `json:"id"`
	Text string `json:"text"`
}

// Numbers of things shown.
const (
	shownNext       = 10
	shownNeighbours = 10
	shownNeurons    = 8
)

// look uses one instrument. An error tells what is wrong with the request.
func (l *Lab) look(ctx context.Context, r lookRequest) (answer any, err error) {
	if r.What == "edit" {
		return l.compare(ctx, r)
	}
	err = l.on(ctx, func(b *interp.Lab) error {
		ids, err := text(b, r.Text)
		if err != nil {
			return err
		}
		answer, err = l.lookAt(ctx, b, ids, r)
		return err
	})
	return answer, err
}

func (l *Lab) lookAt(ctx context.Context, b *interp.Lab, ids []int32, r lookRequest) (any, error) {
	tokens := make([]token, len(ids))
	for i, id := range ids {
		tokens[i] = token{id, b.Show(id)}
	}
	switch r.What {
	case "tokens":
		return map[string]any{"tokens": tokens}, nil
	case "next":
		spread, err := b.Next(ids, temperatures(), shownNext, nil)
		return map[string]any{"tokens": tokens, "spread": spread}, err
	case "neighbours":
		if err := steer.InRange("position", r.Position, 0, len(ids)-1); err != nil {
			return nil, err
		}
		near, err := b.Neighbours(ids[r.Position], min(shownNeighbours, l.model.Config.Vocab-1))
		return map[string]any{"tokens": tokens, "neighbours": near}, err
	case "attention":
		if len(ids) < 2 {
			return nil, errors.New("attention needs two tokens at least")
		}
		pattern, err := b.PatternOf(ids, r.Layer, r.Head)
		return map[string]any{"tokens": tokens, "pattern": pattern}, err
	case "neurons":
		firings, half, all, err := b.Firings(ids, r.Layer, r.Position, shownNeurons)
		return map[string]any{"tokens": tokens, "firings": firings, "half": half, "all": all}, err
	case "lens":
		if len(ids) < 2 {
			return nil, errors.New("the lens needs two tokens at least")
		}
		lens, err := b.Lens(ctx, ids)
		return map[string]any{"tokens": tokens, "lens": lens}, err
	case "routes":
		routes, err := b.Routes(ids)
		return map[string]any{"tokens": tokens, "routes": routes}, err
	}
	return nil, fmt.Errorf("unknown instrument %.20q, want tokens, next, neighbours, attention, neurons, lens, routes or edit", r.What)
}

// temperatures are those between which a visitor's slider moves.
func temperatures() (out []float64) {
	for t := 1; t <= 20; t++ {
		out = append(out, float64(t)/10)
	}
	return out
}

// changed is the next token as the model is and edited.
type changed struct {
	Before   interp.Spread `json:"before"`
	After    interp.Spread `json:"after"`
	Distance float64       `json:"distance"` // of the edited from the other, KL divergence in bits
	Null     []float64     `json:"null"`     // the same for random edits of the same kind and strength
	P        float64       `json:"p"`        // share of them that change as much, the given one counted in
	Replies  [2]string     `json:"replies"`  // how the text goes on, likeliest tokens
}

// compare shows what edits change behind a text, and what random edits of their kind do.
func (l *Lab) compare(ctx context.Context, r lookRequest) (any, error) {
	plan, err := l.Plan(ctx, r.Edits)
	if err != nil {
		return nil, err
	}
	var out changed
	err = l.on(ctx, func(b *interp.Lab) error {
		ids, err := text(b, r.Text)
		if err != nil {
			return err
		}
		before, err := b.Next(ids, []float64{1}, shownNext, nil)
		if err != nil {
			return err
		}
		out.Before, out.After = before[0], before[0]
		if plan == nil {
			return nil
		}
		hook, err := b.Hook(plan.Edits())
		if err != nil {
			return err
		}
		after, err := b.Next(ids, []float64{1}, shownNext, hook)
		if err != nil {
			return err
		}
		s, err := b.Steer(ctx, ids, plan.Edits(), interp.SteerOptions{Tokens: 16, Seeds: 1, Random: 10})
		if err != nil {
			return err
		}
		out.After, out.Distance, out.Null, out.P, out.Replies = after[0], s.Distance, s.Null, s.P, s.Replies[0]
		return nil
	})
	return out, err
}
