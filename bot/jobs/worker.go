package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/session"
)

// WorkerOptions are what a Worker is told once; zero values choose.
type WorkerOptions struct {
	Name   string               // of the machine, for people; a random part is added
	Model  string               // for people
	Slots  int                  // answers made at a time; 8
	Forget func(channel string) // drops what the Generator keeps of a channel, "" for all; may be nil
	Busy   func(error) bool     // whether the Generator's error means "too many at once"
	Lease  time.Duration        // without a sign of life after which others go on with the jobs; the same in all processes; 5 s
	Keys   *session.Keys        // open sealed jobs, whose answers are sealed by the first; may be nil
	Log    *slog.Logger
}

func (o WorkerOptions) fill() WorkerOptions {
	if o.Slots == 0 {
		o.Slots = 8
	}
	if o.Busy == nil {
		o.Busy = func(error) bool { return false }
	}
	if o.Lease == 0 {
		o.Lease = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Worker takes jobs and answers them with a Generator.
type Worker struct {
	rdb redis.UniversalClient
	gen chat.Generator
	opt WorkerOptions
	id  string

	slots chan struct{} // one for each job being run, or to be read
	risky atomic.Bool   // a job that another worker may have died of has just begun

	mu      sync.Mutex
	running map[string]*run // by entry.key
	beaten  time.Time       // last sign of life that Redis took
	length  int64           // entries of all streams of jobs

	done, claimed, stolen, moved, dead atomic.Int64

	intake context.Context // ends when no more jobs are to be taken
	shut   context.CancelFunc
	ctx    context.Context // ends when running jobs are to be handed over
	yield  context.CancelCauseFunc
	hard   context.Context // ends when nothing can be said any more
	drop   context.CancelFunc
	taking sync.WaitGroup
	jobs   sync.WaitGroup
	upkeep sync.WaitGroup
}

// entry is a job as it stands in a stream.
type entry struct{ stream, id, text string }

// key tells an entry from those of other streams, whose ids may be the same.
func (e entry) key() string { return e.stream + " " + e.id }

// NewWorker returns a worker that takes jobs until Close; rdb and gen stay open.
func NewWorker(rdb redis.UniversalClient, gen chat.Generator, o WorkerOptions) *Worker {
	o = o.fill()
	w := &Worker{rdb: rdb, gen: gen, opt: o, slots: make(chan struct{}, o.Slots), running: map[string]*run{}}
	w.id = rand.Text()[:12]
	if o.Name != "" {
		w.id = strings.Map(func(r rune) rune {
			if r <= ' ' || r > '~' || strings.ContainsRune("{}:", r) {
				return '-'
			}
			return r
		}, o.Name) + "-" + w.id
	}
	w.intake, w.shut = context.WithCancel(context.Background())
	w.ctx, w.yield = context.WithCancelCause(context.Background())
	w.hard, w.drop = context.WithCancel(context.Background())
	w.upkeep.Go(w.beatAlways)
	w.upkeep.Go(w.hearStops)
	w.taking.Go(w.take)
	return w
}

// grace is how long Close lets jobs be handed over.
const grace = 3 * time.Second

// Close takes no more jobs and waits for those that run. When ctx ends, it hands them
// over: another worker goes on with each where it stands.
func (w *Worker) Close(ctx context.Context) {
	w.shut()
	w.taking.Wait()
	over := make(chan struct{})
	go func() { w.jobs.Wait(); close(over) }()
	select {
	case <-over:
	case <-ctx.Done():
		w.yield(errYield)
		defer time.AfterFunc(grace, w.drop).Stop()
		<-over
	}
	w.drop()
	w.upkeep.Wait()
	w.leave()
}

// leave gives the lease back.
func (w *Worker) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := w.rdb.Del(ctx, keys.worker(w.id)).Err()
	if err == nil {
		err = w.bury(ctx, w.id)
	}
	if err != nil {
		w.opt.Log.Debug("the lease of this worker stays for Redis to expire", "err", err)
	}
}

// take takes jobs while there are slots: what others died of, what is meant for this
// worker or any, and, if there is none, what waits for others.
func (w *Worker) take() {
	lost := false
	var claimed time.Time
	for {
		select {
		case <-w.intake.Done():
			return
		case w.slots <- struct{}{}:
		}
		var entries []entry
		var err error
		after := false
		if time.Since(claimed) > w.opt.Lease/5 && !w.risky.Load() {
			entries, err = w.claim()
			if after = len(entries) > 0; !after {
				claimed = time.Now()
			}
		}
		if err == nil && len(entries) == 0 {
			entries, err = w.read(stealAfter, keys.to(w.id), keys.any())
		}
		if err == nil && len(entries) == 0 && w.intake.Err() == nil {
			entries, err = w.steal()
		}
		if (err != nil) != lost && w.intake.Err() == nil {
			if lost = err != nil; lost {
				w.opt.Log.Warn("jobs cannot be taken; trying again", "err", err)
			} else {
				w.opt.Log.Info("jobs can be taken again")
			}
		}
		if len(entries) == 0 {
			<-w.slots
			if err != nil {
				pause(w.intake.Done(), 100*time.Millisecond)
			}
			continue
		}
		w.start(entries[0], after)
		for _, e := range entries[1:] { // rarely: both streams had one
			select {
			case w.slots <- struct{}{}:
				w.start(e, after)
			default:
				w.putBack(e)
			}
		}
	}
}

// putBack leaves an entry to whoever has a slot, at the end of its stream. If that fails it
// is claimed, as nobody gives signs of life for it.
func (w *Worker) putBack(e entry) {
	if err := moveScript.Run(w.hard, w.rdb, []string{e.stream, e.stream}, e.id, group, e.text).Err(); err != nil {
		w.opt.Log.Warn("a job that there is no slot for could not be put back; it is claimed later", "err", err)
	}
}

// stealAfter is how long a worker waits for jobs of its own before it looks for those
// of others.
const stealAfter = 100 * time.Millisecond

// read takes a job of each of the streams, or waits for one.
func (w *Worker) read(block time.Duration, streams ...string) ([]entry, error) {
	args := append([]string(nil), streams...)
	for range streams {
		args = append(args, ">")
	}
	res, err := w.rdb.XReadGroup(w.hard, &redis.XReadGroupArgs{Group: group, Consumer: w.id, Streams: args, Count: 1, Block: block}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		if strings.HasPrefix(err.Error(), "NOGROUP") {
			return nil, w.found(streams...)
		}
		return nil, err
	}
	var out []entry
	for _, s := range res {
		out = append(out, entries(s.Stream, s.Messages)...)
	}
	return out, nil
}

func entries(stream string, list []redis.XMessage) (out []entry) {
	for _, m := range list {
		text, _ := m.Values["job"].(string)
		out = append(out, entry{stream, m.ID, text})
	}
	return out
}

// found makes the groups of streams, and those of the streams that this worker reads
// itself: another's may be gone with it.
func (w *Worker) found(streams ...string) error {
	for _, s := range streams {
		create := w.rdb.XGroupCreate
		if s == keys.any() || s == keys.to(w.id) {
			create = w.rdb.XGroupCreateMkStream
		}
		err := create(w.hard, s, group, "0").Err()
		if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") && !strings.Contains(err.Error(), "requires the key to exist") {
			return err
		}
	}
	return nil
}

// steal takes a job that waits for another worker, which is busy or dead.
func (w *Worker) steal() ([]entry, error) {
	others, err := w.others()
	if err != nil {
		return nil, err
	}
	lengths := make([]*redis.IntCmd, len(others))
	_, err = w.rdb.Pipelined(w.hard, func(p redis.Pipeliner) error {
		for i, id := range others {
			lengths[i] = p.XLen(w.hard, keys.to(id))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, id := range others {
		if lengths[i].Val() == 0 {
			continue
		}
		got, err := w.read(-1, keys.to(id))
		if err != nil {
			return nil, err
		}
		if len(got) > 0 {
			w.stolen.Add(1)
			return got, nil
		}
	}
	return nil, nil
}

// others lists the other workers, dead ones too.
func (w *Worker) others() (out []string, err error) {
	ids, err := w.rdb.SMembers(w.hard, keys.workers()).Result()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if id != w.id {
			out = append(out, id)
		}
	}
	return out, nil
}

// claim takes one job of a worker that gives no sign of life.
func (w *Worker) claim() ([]entry, error) {
	others, err := w.others()
	if err != nil {
		return nil, err
	}
	streams := []string{keys.any(), keys.to(w.id)}
	for _, id := range others {
		streams = append(streams, keys.to(id))
	}
	for _, s := range streams {
		for at := "0-0"; ; { // one call looks at ten entries
			list, next, err := w.rdb.XAutoClaim(w.hard, &redis.XAutoClaimArgs{Stream: s, Group: group, Consumer: w.id, MinIdle: w.opt.Lease, Start: at, Count: 1}).Result()
			if err != nil && strings.HasPrefix(err.Error(), "NOGROUP") {
				if err = w.found(s); err == nil {
					break
				}
			}
			if err != nil {
				return nil, err
			}
			for _, e := range entries(s, list) {
				if !w.at(e) { // or else our own sign of life came late
					w.claimed.Add(1)
					return []entry{e}, nil
				}
			}
			if at = next; at == "0-0" {
				break
			}
		}
	}
	for _, id := range others {
		if err := w.bury(w.hard, id); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// at reports whether an entry is being worked on here.
func (w *Worker) at(e entry) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[e.key()] != nil
}

// bury removes what is left of a dead worker, if nothing waits for it.
func (w *Worker) bury(ctx context.Context, id string) error {
	return buryScript.Run(ctx, w.rdb, []string{keys.worker(id), keys.to(id), keys.workers()}, id).Err()
}
