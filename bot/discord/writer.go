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
