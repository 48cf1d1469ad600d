package engine

import (
	"errors"
	"time"

	"moebot/moe/model"
)

// stepper is the state of the loop: what it may touch without a lock.
type stepper struct {
	*Engine
	slots   []*slot
	waiting []*sequence
	scratch *model.Scratch
	batch   []model.Input
	spans   []span // what of the batch belongs to whom
	dist    distribution
	turn    int // the slot whose prompt is read first in the next step
}

// span is a slot's part of a batch; logits is the index of its logits, -1 for none.
type span struct {
	slot     *slot
	first, n int
	logits   int
}

func (e *Engine) loop() {
	defer close(e.done)
	defer e.pool.Close()
	s := &stepper{Engine: e, scratch: e.model.NewScratch(e.pool, e.opt.Slots+e.opt.ChunkTokens)}
	for {
		busy := s.busy()
		if busy == 0 && len(s.waiting) == 0 {
			select {
			case q := <-e.submit:
				s.waiting = append(s.waiting, q)
			case <-e.quit:
				s.closeAll()
				return
			}
		}
		for more := true; more; {
			select {
			case q := <-e.submit:
				s.waiting = append(s.waiting, q)
			case <-e.quit:
				s.closeAll()
				return
			default:
				more = false
			}
		}
		s.admit()
		s.cancelled()
		s.step()
	}
}

func (s *stepper) busy() (n int) {
	for _, sl := range s.slots {
		if sl.seq != nil {
			n++
		}
	}
	return n
}

func (s *stepper) closeAll() {
	for {
		select {
		case q := <-s.submit:
			s.waiting = append(s.waiting, q)
			continue
		default:
		}
		break
	}
	for _, q := range s.waiting {
		s.counters.queued.Add(-1)
		q.end(StopCancelled, ErrClosed)
	}
	for _, sl := range s.slots {
		if sl.seq != nil {
			s.finish(sl, StopCancelled, ErrClosed)
		}
	}
}

// admit gives slots to waiting sequences, oldest first.
func (s *stepper) admit() {
	for len(s.waiting) > 0 {
		q := s.waiting[0]
		if q.ctx.Err() == nil {
			sl := s.slotFor(q)
			if sl == nil {
				return
			}
			s.start(sl, q)
		} else {
			q.end(StopCancelled, q.ctx.Err())
		}
		s.waiting = s.waiting[1:]
		s.counters.queued.Add(-1)
	}
}

// slotFor chooses an idle slot: the conversation's own, else a new one, else the
// one unused for longest. Nil if all are busy.
func (s *stepper) slotFor(q *sequence) *slot {
	var oldest *slot
	for _, sl := range s.slots {
		if sl.seq != nil {
			continue
		}
		if q.req.Key != "" && sl.key == q.req.Key {
			return sl
		}
		if oldest == nil || sl.used.Before(oldest.used) {
			oldest = sl
		}
	}
	if len(s.slots) < s.opt.Slots {
		sl := &slot{cache: s.newCache()}
		s.slots = append(s.slots, sl)
		return sl
	}
	return oldest
}

func (s *stepper) start(sl *slot, q *sequence) {
	// the last token of the prompt is always computed: its logits are the first wanted
	n := min(sl.cache.Prefix(q.req.Tokens), len(q.req.Tokens)-1)
	sl.cache.Truncate(n)
	sl.key, sl.seq, sl.used = q.req.Key, q, time.Now()
	q.read, q.started = n, time.Now()
	q.result.Usage.ReusedTokens = n
	s.counters.start(len(q.req.Tokens), n)
	s.counters.busy.Add(1)
}

// cancelled ends the sequences whose context has ended.
func (s *stepper) cancelled() {
	for _, sl := range s.slots {
		if q := sl.seq; q != nil && q.ctx.Err() != nil {
			s.finish(sl, StopCancelled, q.ctx.Err())
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
	s.waiting = kept
}

func (s *stepper) finish(sl *slot, stop StopReason, err error) {
	q := sl.seq
	sl.seq, sl.used = nil, time.Now()
	s.counters.busy.Add(-1)
	q.end(stop, err)
	s.counters.end(q.result.Usage)
}

// step computes one batch and deals with its logits.
func (s *stepper) step() {
	s.plan()
	if len(s.batch) == 0 {
		return
	}
	s.model.Forward(s.scratch, s.batch)
	for _, sp := range s.spans {
		s.counters.experts(s.scratch, sp.first, sp.n)
		if sp.logits >= 0 {
			s.advance(sp)
		}
	}
}

// plan fills the batch: the next token of each reply, then prompt tokens up to the
// chunk's size, beginning with another slot each time so that prompts take turns.
func (s *stepper) plan() {
	s.batch, s.spans = s.batch[:0], s.spans[:0]
	logits := 0
	for _, sl := range s.slots {
		if q := sl.seq; q != nil && !q.prefilling() {
			s.spans = append(s.spans, span{slot: sl, first: len(s.batch), n: 1, logits: logits})
			s.batch = append(s.batch, model.Input{ID: q.next, Cache: sl.cache, Logits: true})
			logits++
		}
	}
	room := s.opt.ChunkTokens
	for i := range s.slots {
		sl := s.slots[(s.turn+i)%len(s.slots)]
		q := sl.seq
		if q == nil || !q.prefilling() || room == 0 {
			continue
		}
		n := min(room, len(q.req.Tokens)-q.read)
		sp := span{slot: sl, first: len(s.batch), n: n, logits: -1}
		for j, id := range q.req.Tokens[q.read : q.read+n] {
			last := q.read+j == len(q.req.Tokens)-1
			if last {
				sp.logits = logits
				logits++
			}
			s.batch = append(s.batch, model.Input{ID: id, Cache: sl.cache, Logits: last})
		}
		q.read += n
		room -= n
		s.spans = append(s.spans, sp)
	}
	s.turn++
}

var errNoToken = errors.New("engine: the model gave no finite logit")

// advance draws a sequence's next token.
func (s *stepper) advance(sp span) {
	q, logits := sp.slot.seq, s.scratch.Logits(sp.logits)
	if q.first.IsZero() {
		q.first = time.Now()
	}
	if q.req.Trace {
		s.dist.set(logits)
	}
	id := q.sampler.Sample(logits)
	if id < 0 {
		s.finish(sp.slot, StopCancelled, errNoToken)
		return
	}
	if s.tok.IsEnd(id) || s.tok.IsControl(id) {
		s.finish(sp.slot, StopEnd, nil)
		return
	}
	q.result.Usage.DecodedTokens++
	if q.req.Trace {
		q.result.Trace = append(q.result.Trace, s.trace(id, sp))
	}
	if q.take(q.stream.Push(id)) {
		s.finish(sp.slot, StopString, nil)
		return
	}
	if q.result.Usage.DecodedTokens == q.limit {
		stop := StopLength
		if q.req.MaxTokens <= 0 || q.limit < q.req.MaxTokens {
			stop = StopContext
		}
		s.finish(sp.slot, stop, nil)
		return
	}
	q.next = id
}
