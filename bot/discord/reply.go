package discord

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
)

// typingInterval renews the typing indicator, which lasts 10 seconds
// (resources/channel, Trigger Typing Indicator). typingDelay is how long an answer
// may take before typing is shown at all: most begin sooner.
const (
	typingInterval = 8 * time.Second
	typingDelay    = 250 * time.Millisecond
)

// maxInterval is the longest that previews are apart when Discord asks for less.
const maxInterval = 8 * time.Second

// reply shows one answer in one channel: a message that replies to the question,
// edited as the text grows, and further messages when it grows over one's length.
// One goroutine writes at a time: previews come from a writer that Start begins and
// Finish ends.
type reply struct {
	rest     rest
	log      *slog.Logger
	channel  string
	question string
	interval time.Duration

	mu   sync.Mutex
	text string
	news chan struct{} // text has changed; holds one

	end   chan struct{} // closed to end the writer after the request it is at
	abort context.CancelFunc
	done  chan struct{} // closed by the writer

	// of the goroutine that writes
	ids   []string // the messages of the answer
	shown []string // what each says
}

func (b *Bot) newReply(channel, question string) *reply {
	return &reply{rest: rest{b.dg}, log: b.log, channel: channel, question: question, interval: b.opt.EditInterval, news: make(chan struct{}, 1)}
}

// Start shows that the bot is typing and begins to show previews.
func (r *reply) Start() {
	ctx, abort := context.WithCancel(context.Background())
	r.abort, r.end, r.done = abort, make(chan struct{}), make(chan struct{})
	go r.write(ctx)
}

// Update takes the text so far.
func (r *reply) Update(text string) {
	r.mu.Lock()
	r.text = text
	r.mu.Unlock()
	r.wake()
}

func (r *reply) wake() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (r *reply) current() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text
}

// write is the writer: typing until there is text, then the newest text, at most
// once in an interval. A preview that the rate limit has no room for is dropped:
// the newest text follows later, and from then on less often.
func (r *reply) write(ctx context.Context) {
	defer close(r.done)
	typing := time.NewTimer(typingDelay)
	defer typing.Stop()
	interval := r.interval
	pause := time.NewTimer(0)
	defer pause.Stop()
	var news chan struct{} // r.news when the interval is over
	for {
		select {
		case <-r.end:
			return
		default:
		}
		select {
		case <-r.end:
			return
		case <-typing.C:
			if len(r.ids) == 0 {
				typing.Reset(r.typing(ctx))
			}
		case <-pause.C:
			news = r.news
		case <-news:
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
	parts := split(r.current())
	// of a long answer only the message that grows is edited; those before it are
	// complete, and are made right in Finish if a border moved
	for i := max(0, len(r.ids)-1); i < len(parts); i++ {
		if err := r.show(ctx, i, parts[i], true); err != nil {
			return err
		}
	}
	return nil
}

// show makes message i of the answer say text.
func (r *reply) show(ctx context.Context, i int, text string, preview bool) error {
	if i < len(r.ids) {
		if r.shown[i] == text {
			return nil
		}
		if err := r.rest.edit(ctx, r.channel, r.ids[i], text, i == 0); err != nil {
			return err
		}
		r.shown[i] = text
		return nil
	}
	return r.create(ctx, i, draft{content: text, nonce: fmt.Sprintf("%s-%d", r.question, i), silent: preview})
}

// create makes message i. What it says may be older than the draft: the answer to a
// create before it was lost. Then it is left to be edited.
func (r *reply) create(ctx context.Context, i int, d draft) error {
	if i == 0 {
		d.replyTo = r.question
	}
	id, content, err := r.rest.create(ctx, r.channel, d)
	if err != nil {
		return err
	}
	if strings.TrimSpace(content) == strings.TrimSpace(d.content) { // Discord trims
		content = d.content
	}
	r.ids, r.shown = append(r.ids, id), append(r.shown, content)
	return nil
}

// Finish shows the whole text, whatever it takes within ctx.
func (r *reply) Finish(ctx context.Context, text string) (string, error) {
	r.stopPreviews(ctx)
	parts := split(text)
	err := error(nil)
	for i, part := range parts {
		if err = r.finish(ctx, i, part); err != nil {
			break
		}
	}
	for i := len(r.ids) - 1; err == nil && i >= len(parts); i-- { // the final text needs fewer messages than a preview did
		err = insist(ctx, func() error { return r.rest.remove(ctx, r.channel, r.ids[i]) })
	}
	if hint := explain(err); hint != "" {
		r.log.Error(hint, "channel", r.channel)
	}
	if len(r.ids) == 0 {
		return "", err
	}
	return r.ids[0], err
}

// stopPreviews waits for the request the writer is at: were it broken off, it might
// take effect after the final one.
func (r *reply) stopPreviews(ctx context.Context) {
	if r.done == nil {
		return
	}
	close(r.end)
	stop := context.AfterFunc(ctx, r.abort)
	<-r.done
	stop()
	r.abort()
	r.done = nil
}

// finish makes message i say text for good.
func (r *reply) finish(ctx context.Context, i int, text string) error {
	err := insist(ctx, func() error {
		if err := r.show(ctx, i, text, false); err != nil {
			return err
		}
		return r.show(ctx, i, text, false) // an edit, if the message was there already
	})
	if code(err) != discordgo.ErrCodeUnknownMessage || i >= len(r.ids) {
		return err
	}
	// somebody deleted what was shown so far: say it anew, under another nonce
	r.ids, r.shown = r.ids[:i], r.shown[:i]
	return insist(ctx, func() error {
		return r.create(ctx, i, draft{content: text, nonce: fmt.Sprintf("%s+%d", r.question, i)})
	})
}
