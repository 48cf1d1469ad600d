package jobs

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// beatAlways gives signs of life until the end.
func (w *Worker) beatAlways() {
	tick := time.NewTicker(w.opt.Lease / 5)
	defer tick.Stop()
	for {
		if err := w.beat(); err != nil && w.hard.Err() == nil {
			w.opt.Log.Warn("Redis does not hear that this worker lives", "err", err)
		}
		select {
		case <-w.hard.Done():
			return
		case <-tick.C:
		}
	}
}

// beat renews the lease and the charge of the jobs under way.
func (w *Worker) beat() error {
	ctx, cancel := context.WithTimeout(w.hard, w.opt.Lease/2)
	defer cancel()
	w.mu.Lock()
	byStream := map[string][]string{}
	for _, r := range w.running {
		byStream[r.entry.stream] = append(byStream[r.entry.stream], r.entry.id)
	}
	me := card{ID: w.id, Slots: w.opt.Slots, Busy: len(w.running), Version: version, Model: w.opt.Model}
	w.mu.Unlock()
	text, err := json.Marshal(me)
	if err != nil {
		return err
	}
	_, err = w.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error { // one round trip: Redis may be slow
		p.SAdd(ctx, keys.workers(), w.id)
		if w.intake.Err() == nil { // or nothing more is meant for it
			p.Set(ctx, keys.worker(w.id), text, w.opt.Lease)
		} else {
			p.Del(ctx, keys.worker(w.id))
		}
		for stream, ids := range byStream { // idle again since now
			p.XClaimJustID(ctx, &redis.XClaimArgs{Stream: stream, Group: group, Consumer: w.id, Messages: ids})
		}
		return nil
	})
	if err != nil && !strings.HasPrefix(err.Error(), "NOGROUP") { // a stream that Redis has forgotten
		return err
	}
	w.mu.Lock()
	w.beaten = time.Now()
	w.mu.Unlock()
	_, length, err := survey(ctx, w.rdb)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.length = length
	w.mu.Unlock()
	return nil
}

// Ready reports whether Redis has heard of this worker lately.
func (w *Worker) Ready() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.intake.Err() == nil && time.Since(w.beaten) < w.opt.Lease
}

// hearStops breaks off jobs that are wanted no more, and forgets conversations. A stop
// that it misses is noticed when the job says something next.
func (w *Worker) hearStops() {
	sub := w.rdb.Subscribe(w.hard, keys.stop())
	defer sub.Close()
	messages := sub.Channel()
	for {
		select {
		case <-w.hard.Done():
			return
		case m, open := <-messages:
			if !open {
				return
			}
			if channel, ok := strings.CutPrefix(m.Payload, forgetMark); ok {
				if w.opt.Forget != nil {
					w.opt.Forget(channel)
				}
				continue
			}
			w.mu.Lock()
			for _, r := range w.running {
				if r.job.id == m.Payload {
					r.cancel(errGone)
				}
			}
			w.mu.Unlock()
		}
	}
}

// WorkerStats are figures of a worker, now and since it was made.
type WorkerStats struct {
	Slots, Running int
	Length         int64 // entries of all streams of jobs
	Done           int64 // jobs answered
	Claimed        int64 // jobs taken over from dead workers
	Stolen         int64 // jobs taken that waited for others
	Moved          int64 // jobs handed over
	Dead           int64 // jobs given up
}

// Stats returns the figures.
func (w *Worker) Stats() WorkerStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return WorkerStats{Slots: w.opt.Slots, Running: len(w.running), Length: w.length, Done: w.done.Load(), Claimed: w.claimed.Load(),
		Stolen: w.stolen.Load(), Moved: w.moved.Load(), Dead: w.dead.Load()}
}
