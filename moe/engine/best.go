package engine

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"moebot/moe/model"
)

// A model with at most so many parameters at work for a token answers within a few
// hundredths of a second, so that there is time to choose among several replies.
const (
	smallModel = 10_000_000
	bestOf     = 6
)

// BestOf is how many replies Best should make with a model, unless somebody has chosen: 6
// with a model as small as the embedded one, 1 with others.
func BestOf(m *model.Model) int {
	if _, active := m.Parameters(); active <= smallModel {
		return bestOf
	}
	return 1
}

// lengthPower makes replies of different lengths comparable: a sum of log-probabilities
// prefers the shortest, their mean what goes on without surprises. It is that of beam search
// in Wu et al., "Google's Neural Machine Translation System" (2016), section 7.
const lengthPower = 0.6

// Best is Generate with a choice: it makes n replies at once, one by the request's seed and
// the others by seeds made of it, and gives out the one that the model itself finds
// likeliest for its length, of those that came to an end, if any did. Nothing is emitted
// before all are made. With n 1, or at temperature 0, which draws nothing, it is Generate.
// The others take slots that are free, and no one's place in the queue: while there are
// none the choice is among fewer.
func (e *Engine) Best(ctx context.Context, r Request, n int, emit func(piece string) error) (Result, error) {
	if n <= 1 || r.Sampling.Temperature == 0 {
		return e.Generate(ctx, r, emit)
	}
	start, drafts := time.Now(), make([]draft, n)
	var all sync.WaitGroup
	for i := range drafts {
		mine := r
		mine.Watch, mine.Trace = nil, true
		if i > 0 {
			mine.Key, mine.beside = "", true
			mine.Sampling.Seed += uint64(i) * 0x9e3779b97f4a7c15 // far from each other, and from seeds chosen by counting
		}
		d := &drafts[i]
		q, res, err := e.enter(ctx, mine) // the first in front: it reads what is new for all
		if err != nil && i == 0 {
			return res, err
		}
		if d.Result, d.err = res, err; err == nil {
			all.Go(func() { d.listen(q) })
		}
	}
	all.Wait()
	if err := ctx.Err(); errors.Is(err, context.Canceled) { // nothing is wanted any more, whole or not
		return Result{Stop: StopCancelled}, err
	}
	for i := range drafts {
		drafts[i].known = slices.Contains(r.Unlike, strings.TrimSpace(drafts[i].Text))
	}
	if r.Doubt != nil {
		doubt(drafts, r.Doubt)
	}
	first := drafts[0]
	slices.SortStableFunc(drafts, func(a, b draft) int {
		switch {
		case a.better(&b):
			return -1
		case b.better(&a):
			return 1
		}
		return 0
	})
	best := drafts[0]
	if best.err != nil { // of all
		return Result{Stop: first.Stop}, first.err
	}
	res := best.Result
	if first.err == nil {
		res.Usage.ReusedTokens = first.Usage.ReusedTokens // the others copied more, of it
	}
	res.Usage.TimeToFirstToken = time.Since(start)
	for _, d := range drafts {
		if d.err == nil {
			res.Drafts = append(res.Drafts, Draft{d.Text, d.score()})
		}
	}
	if r.Watch != nil {
		for _, t := range res.Trace {
			r.Watch(t)
		}
	}
	if !r.Trace {
		res.Trace = nil
	}
	for _, piece := range best.pieces {
		if err := emit(piece); err != nil {
			res.Stop = StopCancelled
			return res, err
		}
	}
	return res, nil
}

// draft is one of several replies.
type draft struct {
	Result
	err    error
	pieces []string
	known  bool // it is one of Request.Unlike
	alone  bool // it is one of Request.Doubt, and most are not
}

// doubt notes which replies are of a kind that most are not. What was learnt by heart is
// likely for its length wherever it is said, and so would be chosen where one draft in six
// says it.
func doubt(drafts []draft, of func(text string) bool) {
	made, such := 0, 0
	for i := range drafts {
		if d := &drafts[i]; d.err == nil && d.full() {
			made++
			if d.alone = of(d.Text); d.alone {
				such++
			}
		}
	}
	for i := range drafts {
		drafts[i].alone = drafts[i].alone && 2*such <= made
	}
}

func (d *draft) listen(q *sequence) {
	d.Result, d.err = q.listen(nil, func(piece string) error {
		d.pieces = append(d.pieces, piece)
		return nil
	})
}

// better compares two replies: any is better than an error, or an empty one, a new one than
// one that is known, one that has ended than one that was cut off, one of a kind with most
// than one that is to be doubted, and else the likelier.
func (d *draft) better(than *draft) bool {
	if d.err != nil || than.err != nil {
		return d.err == nil
	}
	if full := d.full(); full != than.full() {
		return full
	}
	if d.known != than.known {
		return than.known
	}
	if ended := d.ended(); ended != than.ended() {
		return ended
	}
	if d.alone != than.alone {
		return than.alone
	}
	return d.score() > than.score()
}

func (d *draft) full() bool { return strings.TrimSpace(d.Text) != "" }

func (d *draft) ended() bool { return d.Stop == StopEnd || d.Stop == StopString }

// score is the reply's log-probability, that of its end included, over its length to the
// power of lengthPower.
func (d *draft) score() float64 {
	sum, n := 0.0, len(d.Trace)
	for _, t := range d.Trace {
		sum += math.Log(float64(t.Prob))
	}
	if d.Stop == StopEnd {
		sum, n = sum+math.Log(float64(d.end)), n+1
	}
	return sum / math.Pow(float64(max(n, 1)), lengthPower)
}
