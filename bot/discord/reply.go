package discord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
)

// typingInterval renews the typing indicator, which lasts 10 seconds
// (resources/channel, Trigger Typing Indicator).
const typingInterval = 8 * time.Second

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

	mu     sync.Mutex
	text   string
	news   chan struct{} // text has changed; holds one
	stop   context.CancelFunc
	done   chan struct{}
	shown  []string // what each message of the answer says
	ids    []string
	failed error // why previews have ended
}

func newReply(s *discordgo.Session, log *slog.Logger, channel, question string, interval time.Duration) *reply {
	return &reply{rest: rest{s}, log: log, channel: channel, question: question, interval: interval, news: make(chan struct{}, 1)}
}

// Start shows that the bot is typing and begins to show previews.
func (r *reply) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.done = cancel, make(chan struct{})
	go r.write(ctx)
}

// Update takes the text so far.
func (r *reply) Update(text string) {
	r.mu.Lock()
	r.text = text
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// write is the writer: typing until there is text, then the newest text, at most
// once in an interval.
func (r *reply) write(ctx context.Context) {
	defer close(r.done)
	typing := time.NewTicker(typingInterval)
	defer typing.Stop()
	interval := r.interval
	pause := time.NewTimer(0)
	defer pause.Stop()
	ready := false
	r.typing(ctx)
	for r.failed == nil {
		news := r.news
		if !ready {
			news = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-typing.C:
			if len(r.ids) == 0 {
				r.typing(ctx)
			}
		case <-pause.C:
			ready = true
		case <-news:
			ready = false
			wait := interval
			err := r.preview(ctx)
			var limit *discordgo.RateLimitError
			switch {
			case errors.As(err, &limit): // drop this one; the newest text follows later
				interval = min(interval*3/2, maxInterval)
				wait = max(interval, limit.RetryAfter)
				r.Update(r.current())
			case err != nil && passing(err):
				r.Update(r.current())
			case err != nil:
				r.failed = err
			}
			pause.Reset(wait)
		}
	}
}

func (r *reply) current() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text
}

func (r *reply) typing(ctx context.Context) {
	if err := r.rest.s.ChannelTyping(r.channel, discordgo.WithContext(ctx), discordgo.WithRetryOnRatelimit(false)); err != nil && ctx.Err() == nil {
		r.log.Debug("typing could not be shown", "channel", r.channel, "err", err)
	}
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
		if err := r.rest.edit(ctx, r.channel, r.ids[i], text, preview); err != nil {
			return err
		}
		r.shown[i] = text
		return nil
	}
	question := r.question
	if i > 0 {
		question = ""
	}
	id, err := r.rest.create(ctx, r.channel, text, question, fmt.Sprintf("%s-%d", r.question, i))
	if err != nil {
		return err
	}
	r.ids, r.shown = append(r.ids, id), append(r.shown, text)
	return nil
}

// Finish shows the whole text, whatever it takes within ctx.
func (r *reply) Finish(ctx context.Context, text string) (string, error) {
	if r.stop != nil {
		r.stop()
		<-r.done
	}
	parts := split(text)
	err := error(nil)
	for i, part := range parts {
		if err = insist(ctx, func() error { return r.show(ctx, i, part, false) }); code(err) == discordgo.ErrCodeUnknownMessage && i < len(r.ids) {
			// somebody deleted what was shown so far: say it anew
			r.ids, r.shown = r.ids[:i], r.shown[:i]
			err = insist(ctx, func() error { return r.again(ctx, i, part) })
		}
		if err != nil {
			break
		}
	}
	for i := len(r.ids) - 1; err == nil && i >= len(parts); i-- { // the final text needs fewer messages than a preview did
		err = insist(ctx, func() error {
			return r.rest.s.ChannelMessageDelete(r.channel, r.ids[i], discordgo.WithContext(ctx))
		})
	}
	if hint := explain(err); hint != "" {
		r.log.Error(hint, "channel", r.channel)
	}
	if len(r.ids) == 0 {
		return "", err
	}
	return r.ids[0], err
}

// again creates message i under another nonce: the first one's message is gone.
func (r *reply) again(ctx context.Context, i int, text string) error {
	question := r.question
	if i > 0 {
		question = ""
	}
	id, err := r.rest.create(ctx, r.channel, text, question, fmt.Sprintf("%s+%d", r.question, i))
	if err != nil {
		return err
	}
	r.ids, r.shown = append(r.ids, id), append(r.shown, text)
	return nil
}
