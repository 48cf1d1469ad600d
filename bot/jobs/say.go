package jobs

import (
	"fmt"
	"time"
)

// sayEvery is the least time between two pieces: what comes faster is said together.
const sayEvery = 20 * time.Millisecond

// emit takes a piece to be said.
func (r *run) emit(text string) error {
	r.mu.Lock()
	r.text.WriteString(text)
	r.tokens++
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
	return nil
}

// talk says the pieces as they come, until over is closed and all is said.
func (r *run) talk(over <-chan struct{}) {
	last := false
	for !last {
		select {
		case <-r.news:
		case <-over:
			last = true
		}
		r.mu.Lock()
		text, tokens := r.text.String(), r.tokens
		r.text.Reset()
		r.tokens = 0
		r.mu.Unlock()
		if text == "" {
			continue
		}
		if err := r.say(piece, text, tokens, ""); err != nil {
			r.cancel(err)
			return
		}
		if !last {
			pause(over, sayEvery)
		}
	}
}

// say says the next thing of the job; errFenced and errGone are its end here.
func (r *run) say(kind, data string, tokens int, trace string) error {
	w := r.w
	e := event{n: len(r.pieces) + 1, at: r.at, kind: kind, tokens: tokens}
	if kind == piece {
		r.at += len(data)
	}
	e.data, e.trace = r.job.seal(w.opt.Keys, kind, data, trace)
	heard, err := r.sayOne(e)
	for err == nil && heard == tailLost {
		heard = 1
		for i := 0; err == nil && heard == 1 && i < len(r.pieces); i++ {
			heard, err = r.sayOne(r.pieces[i])
		}
		if err == nil && heard == 1 {
			heard, err = r.sayOne(e)
		}
	}
	if kind == piece {
		r.pieces = append(r.pieces, e)
	}
	switch {
	case err != nil && w.hard.Err() != nil:
		return errYield // too late even for that: the entry is claimed
	case err != nil:
		return fmt.Errorf("%w: %v", errSevere, err)
	case heard == 0:
		return errFenced
	case heard < 0:
		return errGone
	}
	r.safe()
	return nil
}

// tailLost is what say.lua returns if what this attempt said before is lost, by a failover
// to a replica that had not heard of it.
const tailLost = -2

// sayOne says a numbered thing, once more if it was said: then nothing changes.
func (r *run) sayOne(e event) (heard int, err error) {
	w := r.w
	err = w.insist(func() (err error) {
		heard, err = sayScript.Run(w.hard, w.rdb, r.keys(), r.job.id, r.attempt, e.n, e.kind, e.data, e.tokens, outTTL.Milliseconds(), e.trace, e.at, r.token).Int()
		return err
	})
	return heard, err
}
