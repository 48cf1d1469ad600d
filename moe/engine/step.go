package engine

import (
	"errors"
	"slices"
	"time"

	"moebot/moe/model"
	"moebot/moe/model/steer"
)

// stepper is the state of the loop: what it may touch without a lock.
type stepper struct {
	*Engine
	all     conversations
	waiting []*sequence
	scratch *model.Scratch
	batch   []model.Input
	spans   []span // what of the batch belongs to whom
	dist    distribution
	turn    int // the conversation whose prompt is read first in the next step
}

// span is a conversation's part of a batch; logits is the index of the first of its
// logits, -1 for none, and wanted how many there are: those of its last tokens.
type span struct {
	of             *conversation
	first, n       int
	logits, wanted int
}

func (e *Engine) loop() {
	defer close(e.done)
	defer e.pool.Close()
	s := &stepper{Engine: e, scratch: e.model.NewScratch(e.pool, e.opt.Slots*(1+e.opt.Lookup)+e.opt.ChunkTokens)}
	for s.receive(s.all.busy() == 0 && len(s.waiting) == 0) {
		s.cancelled()
		s.admit()
		s.step()
	}
	for _, q := range s.waiting {
		s.counters.queued.Add(-1)
		q.end(StopCancelled, ErrClosed)
	}
	for _, c := range slices.Clone(s.all) {
		if c.seq != nil {
			s.finish(c, StopCancelled, ErrClosed)
		}
	}
	s.snapshots.keep(s.all)
}

// receive takes in all requests, and calls of Forget, that are there, waiting for one
// if idle. It reports false when the engine is to close.
func (s *stepper) receive(idle bool) bool {
	if idle {
		select {
		case q := <-s.submit:
			s.waiting = append(s.waiting, q)
		case f := <-s.forget:
			s.drop(f)
		case <-s.quit:
			return false
		}
	}
	for {
		s.takeIn()
		select {
		case <-s.quit:
			return false
		case f := <-s.forget:
			s.drop(f)
		default:
			return true
		}
	}
}

// takeIn takes in the requests that are there.
func (s *stepper) takeIn() {
	for {
		select {
		case q := <-s.submit:
			s.waiting = append(s.waiting, q)
		default:
			return
		}
	}
}

// cancelled ends the sequences whose context has ended.
func (s *stepper) cancelled() {
	for i := len(s.all) - 1; i >= 0; i-- { // finish may drop the element
		if q := s.all[i].seq; q != nil && q.ctx.Err() != nil {
			s.finish(s.all[i], StopCancelled, q.ctx.Err())
		}
	}
	kept := s.waiting[:0]
	for _, q := range s.waiting {
		if err := q.ctx.Err(); err != nil {
			s.counters.queued.Add(-1)
			q.end(StopCancelled, err)
		} else {
			kept = append(kept, q)
		}
	}
	clear(s.waiting[len(kept):])
	s.waiting = kept
}

// step computes one batch and deals with its logits.
func (s *stepper) step() {
	s.plan()
	if len(s.batch) == 0 {
		return
	}
	s.steer()
	s.model.Forward(s.scratch, s.batch)
	for _, sp := range s.spans {
		s.counters.experts(s.scratch, sp.first, sp.n)
		if sp.logits >= 0 {
			s.advanceAll(sp)
		}
	}
}

// plan fills the batch: the next token of each reply, then prompt tokens up to the
// chunk's size, beginning with another conversation each time so that prompts take
// turns.
func (s *stepper) plan() {
	s.batch, s.spans = s.batch[:0], s.spans[:0]
	logits := 0
	for _, c := range s.all {
		if q := c.seq; q != nil && !q.prefilling() {
			n := 1 + len(q.lookup.draft)
			s.spans = append(s.spans, span{of: c, first: len(s.batch), n: n, logits: logits, wanted: n})
			s.batch = append(s.batch, model.Input{ID: q.next, Cache: c.cache, Logits: true})
			for _, id := range q.lookup.draft {
				s.batch = append(s.batch, model.Input{ID: id, Cache: c.cache, Logits: true})
			}
			logits += n
		}
	}
	room := s.opt.ChunkTokens
	for i := range s.all {
		c := s.all[(s.turn+i)%len(s.all)]
		q := c.seq
		if q == nil || !q.prefilling() || room == 0 || !s.ready(c) {
			continue
		}
		n := min(room, len(q.req.Tokens)-q.read)
		sp := span{of: c, first: len(s.batch), n: n, logits: -1}
		for j, id := range q.req.Tokens[q.read : q.read+n] {
			last := q.read+j == len(q.req.Tokens)-1
			if last {
				sp.logits, sp.wanted = logits, 1
				logits++
			}
			s.batch = append(s.batch, model.Input{ID: id, Cache: c.cache, Logits: last})
		}
		q.read += n
		room -= n
		s.spans = append(s.spans, sp)
		if room == 0 {
			s.turn = (s.turn + i + 1) % len(s.all)
		}
	}
}

// steer lets the plans of the batch's sequences into the pass, if there are any.
func (s *stepper) steer() {
	s.scratch.Hook = nil
	for _, sp := range s.spans {
		if sp.of.seq.req.Plan.Key() != "" {
			s.scratch.Hook = s.hook
			return
		}
	}
}

// hook applies each sequence's plan to its own rows of the batch.
func (s *stepper) hook(at model.Point, layer int, rows []float32, width int) {
	for _, sp := range s.spans {
		if p := sp.of.seq.req.Plan; p.Key() != "" {
			p.Apply(s.scratch, steer.Rows{First: sp.first, N: sp.n, Position: len(sp.of.cache.Tokens) - sp.n}, at, layer, rows, width)
		}
	}
}

var errNoToken = errors.New("engine: the model gave no finite logit")

// advanceAll draws a sequence's next token, and further ones as long as they are those
// that were foretold.
func (s *stepper) advanceAll(sp span) {
	q := sp.of.seq
	accepted, goes := 0, true
	q.result.Usage.DraftedTokens += sp.wanted - 1
	for i := range sp.wanted {
		if goes = s.advance(sp, i); !goes { // it may be with its caller by now
			break
		}
		q.lookup.note(q.next)
		if i+1 == sp.wanted || q.next != q.lookup.draft[i] {
			break
		}
		accepted++
		q.result.Usage.AcceptedTokens++
	}
	// what was computed in vain is forgotten
	sp.of.cache.Truncate(len(sp.of.cache.Tokens) - (sp.wanted - 1 - accepted))
	if goes {
		q.lookup.judge(accepted)
		q.lookup.foretell(q.limit - q.result.Usage.DecodedTokens - 1)
	}
}

// advance draws a token from the i-th of a sequence's logits. It reports false if the
// sequence ends with it.
func (s *stepper) advance(sp span, i int) bool {
	q := sp.of.seq
	logits := s.scratch.Logits(sp.logits + i)[:s.tok.Size()] // a model may know more tokens than the vocabulary
	if q.first.IsZero() {
		q.first = time.Now()
	}
	traced := q.req.Trace || q.req.Watch != nil
	if traced {
		s.dist.set(logits)
	}
	id := q.sampler.Sample(logits)
	if id < 0 {
		s.finish(sp.of, StopCancelled, errNoToken)
		return false
	}
	if s.tok.IsEnd(id) || s.tok.IsControl(id) || slices.Contains(q.req.StopTokens, id) {
		if traced {
			q.result.end = s.dist.prob(id)
		}
		s.finish(sp.of, StopEnd, nil)
		return false
	}
	q.result.Usage.DecodedTokens++
	if traced {
		t := s.trace(id, sp.first+sp.n-sp.wanted+i)
		if q.req.Trace {
			q.result.Trace = append(q.result.Trace, t)
		}
		if q.req.Watch != nil {
			q.out.putToken(t)
		}
	}
	if q.take(q.stream.Push(id)) {
		s.finish(sp.of, StopString, nil)
		return false
	}
	if q.result.Usage.DecodedTokens == q.limit {
		stop := StopLength
		if q.req.MaxTokens <= 0 || q.limit < q.req.MaxTokens {
			stop = StopContext
		}
		s.finish(sp.of, stop, nil)
		return false
	}
	q.next = id
	return true
}
