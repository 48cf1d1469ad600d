package discord

import (
	"context"
	"time"
)

// write is the writer: typing until there is text, then the newest text, at most
// once in an interval. If there is none for hintAfter, the hint is shown. A preview
// that the rate limit has no room for is dropped: the newest text follows later, and
// from then on less often.
func (r *reply) write(ctx context.Context, end <-chan struct{}, done chan<- struct{}, hintAfter time.Duration) {
	defer close(done)
	typing := time.NewTimer(typingDelay)
	defer typing.Stop()
	hint := time.NewTimer(hintAfter)
	defer hint.Stop()
	hinting := false
	interval := r.interval
	pause := time.NewTimer(0)
	defer pause.Stop()
	var news chan struct{} // r.news when the interval is over
	for {
		select {
		case <-end:
			return
		default:
		}
		select {
		case <-end:
			return
		case <-typing.C:
			switch {
			case r.at() == queued:
				typing.Reset(typingDelay)
			case !r.spoken:
				typing.Reset(r.typing(ctx))
			}
		case <-hint.C:
			hinting = true
			r.wake()
		case <-pause.C:
			news = r.news
		case <-news:
			if _, spoken := r.current(); !spoken && !hinting {
				continue
			}
			news = nil
			wait := interval
			if err := r.preview(ctx); err != nil {
				if !passing(err) { // Finish will meet it too, and say so
					return
				}
				if after, ok := rateLimit(err); ok {
					interval = min(interval*3/2, maxInterval)
					wait = max(interval, after)
				}
				r.wake()
			}
			pause.Reset(wait)
		}
	}
}

// typing shows the indicator and returns when to do so again.
func (r *reply) typing(ctx context.Context) time.Duration {
	err := r.rest.typing(ctx, r.channel)
	if err == nil {
		return typingInterval
	}
	r.log.Debug("typing could not be shown", "channel", r.channel, "err", err)
	if after, ok := rateLimit(err); ok {
		return min(after, typingInterval)
	}
	return typingInterval
}

// preview shows the newest text as it is.
func (r *reply) preview(ctx context.Context) error {
	text, spoken := r.current()
	if spoken && !r.spoken { // the hint goes, or the old answer
		r.spoken, r.grown = true, 0
	}
	if !spoken && r.old == nil && (r.wait != "" || r.at() == queued) {
		return r.sayWait(ctx, text)
	}
	parts := split(text)
	if long(parts) {
		parts = parts[:fileParts] // it will be a file
	}
	if r.filed {
		parts = parts[:1] // until Finish has removed the file of the answer before
	}
	// of a long answer only the message that grows is edited; those before it are
	// complete, and are made right in Finish if a border moved
	for i := max(0, r.grown-1); i < len(parts); i++ {
		row := stopRow(r.asked, r.question, r.asker)
		if i < len(parts)-1 {
			row = nil
		}
		if err := r.show(ctx, i, parts[i], row, true); err != nil {
			return err
		}
		r.grown = i + 1
	}
	if spoken {
		r.unwait()
	}
	return nil
}

// sayWait shows that the question waits: by a message of its own, or where the first message
// is there from the beginning, in that.
func (r *reply) sayWait(ctx context.Context, text string) error {
	if r.inPlace {
		return r.show(ctx, 0, text, stopRow(r.asked, r.question, r.asker), true)
	}
	if r.wait != "" {
		return nil
	}
	d := draft{content: text, replyTo: r.question, nonce: r.nonce + "-w", silent: true, noPing: true, row: stopRow(r.asked, r.question, r.asker)}
	id, _, err := r.rest.create(ctx, r.channel, d)
	r.wait, r.lost = id, nil
	if err != nil && (passing(err) || ctx.Err() != nil) {
		r.lost = &d
	}
	return err
}

// unwait removes what sayWait has shown, without waiting for that: the next question's
// turn must not hang on it.
func (r *reply) unwait() {
	id, lost := r.wait, r.lost
	if id == "" && lost == nil {
		return
	}
	r.wait, r.lost = "", nil
	r.later(func(ctx context.Context) {
		if id == "" { // the nonce finds it, or else makes it now, for a moment
			err := insist(ctx, func() (err error) {
				id, _, err = r.rest.create(ctx, r.channel, *lost)
				return err
			})
			if err != nil {
				r.log.Warn("what said that a question waits may still be there", "channel", r.channel, "err", err)
				return
			}
		}
		if err := insist(ctx, func() error { return r.rest.remove(ctx, r.channel, id) }); err != nil {
			r.log.Warn("what said that a question waits could not be removed", "channel", r.channel, "message", id, "err", err)
		}
	})
}

// laterTime bounds what need not be waited for, and removeTime what of it a stop of the
// program waits for.
const (
	laterTime  = 10 * time.Minute
	removeTime = 8 * time.Second
)

// afterwards runs what need not be waited for, with a context that outlives the bot's
// by a little.
func (b *Bot) afterwards(f func(context.Context)) {
	b.begin(func() {
		ctx, cancel := context.WithTimeout(context.Background(), laterTime)
		defer cancel()
		defer context.AfterFunc(b.ctx, func() { time.AfterFunc(removeTime, cancel) })()
		f(ctx)
	})
}
