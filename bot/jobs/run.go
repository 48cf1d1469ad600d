package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/session/redisstore"
)

// Causes for which a job is broken off.
var (
	errYield  = errors.New("jobs: handing over")              // the worker stops
	errFenced = errors.New("jobs: another worker is at it")   // this one was taken for dead
	errGone   = errors.New("jobs: nobody wants it any more")  // it was stopped, or who asked is dead
	errSevere = errors.New("jobs: Redis refuses what we say") // for good
)

// run is a job being worked on.
type run struct {
	w       *Worker
	entry   entry
	job     job
	ctx     context.Context // of the generation
	cancel  context.CancelCauseFunc
	suspect bool // another worker may have died of it

	attempt int
	token   string  // of the attempt: no other has it
	at      int     // bytes of the answer's text that are said
	pieces  []event // said in this attempt

	mu     sync.Mutex
	text   strings.Builder // to be said
	tokens int             // of it
	news   chan struct{}   // holds one
}

// outTTL is how long events are kept of a client that reads them no more.
const outTTL = 5 * time.Minute

// tries is how many workers may die of a job before a word until it is given up: two may do
// so by chance where many are killed. maxDeaths is how many of one that goes on each time:
// most such jobs only ran beside the one that kills.
const (
	tries     = 3
	maxDeaths = 2 * tries
)

// start works on an entry; it has a slot.
func (w *Worker) start(e entry, suspect bool) {
	r := &run{w: w, entry: e, suspect: suspect, news: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancelCause(w.ctx)
	if suspect {
		w.risky.Store(true)
	}
	var err error
	r.job, err = decode(e.text, w.opt.Keys)
	w.mu.Lock()
	w.running[e.key()] = r
	w.mu.Unlock()
	w.jobs.Go(func() {
		defer func() {
			r.cancel(nil)
			r.safe()
			w.mu.Lock()
			delete(w.running, e.key())
			w.mu.Unlock()
			<-w.slots
		}()
		r.work(err)
	})
}

// safe notes that nobody dies of the job, at least not at once.
func (r *run) safe() {
	if r.suspect {
		r.suspect = false
		r.w.risky.Store(false)
	}
}

// work begins the job, makes its answer and takes the entry off the stream.
func (r *run) work(unreadable error) {
	w := r.w
	if unreadable != nil && r.job.id == "" {
		w.opt.Log.Error("a job cannot be read; dropped", "err", unreadable)
		r.settle()
		return
	}
	said, tokens, verdict := r.begin()
	switch verdict {
	case "go":
	case "poison":
		w.opt.Log.Error("workers died of a job; it is given up", "job", r.job.id, "channel", r.job.prompt.Key.Channel, "question", r.job.prompt.QuestionID)
		r.bury()
		r.settle()
		return
	case "gone":
		r.settle()
		return
	default: // Redis is away, to the end: the entry is claimed later
		return
	}
	if unreadable == nil && r.job.sealed {
		said, unreadable = openPieces(w.opt.Keys, r.job.id, said)
	}
	if unreadable != nil {
		why := whyFailed
		if errors.Is(unreadable, errNewer) {
			why = whyVersion
		}
		w.opt.Log.Error("a job cannot be done", "job", r.job.id, "err", unreadable)
		if r.say(failed, why, 0, "") == nil {
			r.settle()
		}
		return
	}
	err := r.answer(said, tokens)
	switch {
	case err == nil:
		w.done.Add(1)
		r.settle()
	case errors.Is(err, errGone):
		r.settle()
	case errors.Is(err, errYield):
		r.handOver()
	default: // fenced, or Redis is away: others have the entry, or claim it
		w.opt.Log.Warn("a job is left to others", "job", r.job.id, "channel", r.job.prompt.Key.Channel, "err", err)
	}
}

// begin asks who wants the job and what was said of it; see begin.lua.
func (r *run) begin() (said string, tokens int, verdict string) {
	w, blame := r.w, 0
	r.token = rand.Text()
	if r.suspect || w.alone() {
		blame = 1
	}
	err := w.insist(func() error {
		res, err := beginScript.Run(w.hard, w.rdb, r.keys(), r.job.id, r.entry.id, r.token, w.id, tries, maxDeaths, outTTL.Milliseconds(), blame).Slice()
		if err != nil {
			return err
		}
		verdict, _ = res[0].(string)
		if verdict == "go" && len(res) == 4 {
			attempt, _ := res[1].(int64)
			said, _ = res[2].(string)
			n, _ := res[3].(int64)
			r.attempt, tokens = int(attempt), int(n)
		}
		return nil
	})
	if err != nil {
		w.opt.Log.Warn("a job could not be begun; it is claimed later", "job", r.job.id, "err", err)
		verdict = ""
	}
	return said, tokens, verdict
}

// alone reports whether one job runs here.
func (w *Worker) alone() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.running) == 1
}

func (r *run) keys() []string {
	return []string{keys.job(r.job.client, r.job.id), keys.out(r.job.client)}
}

// insist calls f again while Redis is away, until the worker's end.
func (w *Worker) insist(f func() error) error {
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := f()
		var refused redis.Error
		if err == nil || errors.As(err, &refused) && !redisstore.Passing(refused) {
			return err
		}
		select {
		case <-w.hard.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// answer makes the answer, from what was said of it before on, and says it.
func (r *run) answer(said string, tokens int) error {
	w, p := r.w, r.job.prompt
	r.at = len(said)
	ctx, stop := context.WithTimeout(r.ctx, r.job.timeout)
	defer stop()
	var talk sync.WaitGroup
	over := make(chan struct{})
	talk.Go(func() { r.talk(over) })
	var a chat.Answer
	var err error
	left := 1
	if p.Settings.MaxTokens != nil {
		left = *p.Settings.MaxTokens - tokens
		p.Settings.MaxTokens = &left
	}
	if left > 0 {
		p.Begin += said
		a, err = w.generate(ctx, p, r.emit)
	} else { // the worker before died when all was said
		a.Stop = "length"
	}
	close(over)
	talk.Wait()
	if r.ctx.Err() != nil && err != nil {
		return context.Cause(r.ctx)
	}
	a.Text = said + a.Text
	a.Usage.DecodedTokens += tokens
	switch {
	case err == nil:
		data, err := encodeAnswer(a)
		if err != nil {
			w.opt.Log.Error("an answer cannot be written", "job", r.job.id, "err", err)
			return r.say(failed, whyFailed, 0, "")
		}
		trace, err := pack(a.Trace)
		if err != nil { // the answer is whole without
			w.opt.Log.Warn("how an answer came about is not passed on", "job", r.job.id, "err", err)
		}
		return r.say(done, data, 0, trace)
	case errors.Is(err, context.DeadlineExceeded):
		return r.say(failed, whyTimeout, 0, "")
	case w.opt.Busy(err):
		return r.say(failed, whyBusy, 0, "")
	}
	w.opt.Log.Error("an answer broke off", "job", r.job.id, "channel", p.Key.Channel, "question", p.QuestionID, "err", err)
	return r.say(failed, whyFailed, 0, "")
}

// generate calls the Generator and makes an error of its panic.
func (w *Worker) generate(ctx context.Context, p chat.Prompt, emit func(string) error) (a chat.Answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("a panic: %v", v)
			w.opt.Log.Error("the generator panics", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	return w.gen.Generate(ctx, p, emit)
}

// settle takes the entry off its stream. If that fails it is claimed, and found done.
func (r *run) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	_, err := r.w.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.XAck(ctx, r.entry.stream, group, r.entry.id)
		p.XDel(ctx, r.entry.stream, r.entry.id)
		return nil
	})
	if err != nil {
		r.w.opt.Log.Warn("a job that is over stays in its stream for now", "job", r.job.id, "err", err)
	}
}

// handOver puts the job where any worker takes it and goes on.
func (r *run) handOver() {
	w := r.w
	mine := 0
	err := w.insist(func() (err error) {
		mine, err = yieldScript.Run(w.hard, w.rdb, r.keys()[:1], r.token).Int()
		return err
	})
	if err == nil && mine == 0 {
		return // another worker is at it, or will find that nobody wants it
	}
	if err == nil {
		err = w.insist(func() error {
			return moveScript.Run(w.hard, w.rdb, []string{r.entry.stream, keys.any()}, r.entry.id, group, r.entry.text).Err()
		})
	}
	if err != nil {
		w.opt.Log.Warn("a job could not be handed over; others claim it", "job", r.job.id, "err", err)
		return
	}
	w.moved.Add(1)
	w.opt.Log.Info("a job is handed over", "job", r.job.id, "channel", r.job.prompt.Key.Channel)
}

// maxDead bounds the stream of dead letters.
const maxDead = 1000

// bury notes a job that is given up, without a word of what was said in it.
func (r *run) bury() {
	w := r.w
	w.dead.Add(1)
	ctx, cancel := context.WithTimeout(w.hard, grace)
	defer cancel()
	err := w.rdb.XAdd(ctx, &redis.XAddArgs{Stream: keys.dead(), MaxLen: maxDead, Approx: true, Values: []any{"job", r.job.id, "channel", r.job.prompt.Key.Channel,
		"question", r.job.prompt.QuestionID, "worker", w.id, "turns", len(r.job.prompt.Turns)}}).Err()
	if err != nil {
		w.opt.Log.Warn("a job given up could not be noted", "job", r.job.id, "err", err)
	}
}
