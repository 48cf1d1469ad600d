package discord

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/session"
)

// typingInterval renews the typing indicator, which lasts 10 seconds
// (resources/channel, Trigger Typing Indicator). typingDelay is how long an answer
// may take before typing is shown at all: most begin sooner.
const (
	typingInterval = 8 * time.Second
	typingDelay    = 250 * time.Millisecond
)

// thinkingDelay is how long an answer may take to begin before a message says that it
// is being made, with a button to stop it.
const thinkingDelay = 1500 * time.Millisecond

// maxInterval is the longest that previews are apart when Discord asks for less.
const maxInterval = 8 * time.Second

// reply shows one answer in one channel: a message that replies to the question,
// edited as the text grows, and further messages when it grows over one's length. The
// last one has the buttons. One goroutine writes at a time: previews come from a
// writer that Queued or Start begins and Finish ends.
type reply struct {
	rest     surface
	log      *slog.Logger
	channel  string
	question string
	asker    string // may press its buttons
	nonce    string // begins the nonces of its messages
	interval time.Duration
	old      *session.Turn               // the answer to replace; nil for a new one
	head     string                      // stands before the text
	later    func(func(context.Context)) // runs what need not be waited for

	mu    sync.Mutex
	stage stage
	text  string
	hint  string        // shown while there is no text
	news  chan struct{} // what is to be shown has changed; holds one

	end   chan struct{} // closed to end the writer after the request it is at
	abort context.CancelFunc
	done  chan struct{} // closed by the writer

	// of the goroutine that writes
	ids    []string // the messages of the answer
	shown  []face   // what each shows
	tried  bool     // whether one was asked for
	grown  int      // how many of them the text so far fills
	spoken bool     // the text itself is shown, and no hint
	filed  bool     // the second message has a file with the whole answer
	// wait is the message that says that the question waits; "" for none. It is none
	// of the answer's, which begins below all that was said meanwhile.
	wait string
	// asked is the interaction that it answers; nil of a message, whose writer's language is
	// not known
	asked *discordgo.Interaction
	// inPlace says that the first message is there before the answer: Discord's own, of an
	// interaction
	inPlace bool
	// lost is that message if the answer to its creation was: it may be there
	lost *draft
	// yields has a notice leave alone what another process shows of the same question
	yields bool
}

// surface is where a reply is shown: a channel's messages, or those of an interaction.
type surface interface {
	create(ctx context.Context, channel string, d draft) (id string, f face, err error)
	edit(ctx context.Context, channel, id, content string, row buttons, reply bool) error
	remove(ctx context.Context, channel, id string) error
	typing(ctx context.Context, channel string) error
}

// stage is how far a reply has come.
type stage int

const (
	fresh stage = iota
	queued
	started
	finished
)

// face is what a message shows: its text and the custom ids of its buttons.
type face struct{ text, row string }

// unknownRow is that of a message whose buttons are not known.
const unknownRow = "?"

func (b *Bot) newReply(channel, question, asker string) *reply {
	return &reply{rest: b.rest(), log: b.log, channel: channel, question: question, asker: asker, nonce: question, interval: b.opt.EditInterval, later: b.afterwards, news: make(chan struct{}, 1)}
}

// newRedo returns a reply that shows another answer in place of old. nonce tells its
// messages from those of all other tries.
func (b *Bot) newRedo(channel, question string, old session.Turn, nonce string) *reply {
	r := b.newReply(channel, question, "")
	r.nonce, r.old, r.hint = nonce, &old, harmless(old.Text)
	r.ids = []string{old.ID}
	if a := old.Answer; a != nil {
		r.asker = a.For
		r.ids = append(r.ids, a.More...)
	}
	parts := split(harmless(old.Text))
	r.filed = long(parts) && len(r.ids) == 2
	for i := range r.ids {
		f := face{row: unknownRow}
		if len(parts) == len(r.ids) {
			f.text = parts[i]
		}
		if i < len(r.ids)-1 {
			f.row = ""
		}
		r.shown = append(r.shown, f)
	}
	return r
}

// Queued shows that the question waits, and how to take it back.
func (r *reply) Queued(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stage != fresh {
		return
	}
	r.stage = queued
	if r.old == nil {
		r.hint = fmt.Sprintf(in(r.asked, "*waiting for %d questions before this one …*", "*前面还有 %d 个问题……*"), n)
		if n == 1 {
			r.hint = in(r.asked, "*waiting for the question before this one …*", "*前面还有 1 个问题……*")
		}
	}
	r.begin(typingDelay)
}

// Start shows that the bot is typing and begins to show previews.
func (r *reply) Start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.stage
	r.stage = started
	if r.old == nil {
		r.hint = in(r.asked, "*thinking …*", "*思考中……*")
	}
	switch {
	case before == queued: // it is shown already, or soon
		r.wake()
	case r.old != nil:
		r.begin(0)
	default:
		r.begin(thinkingDelay)
	}
}

// begin starts the writer; mu is held.
func (r *reply) begin(hintAfter time.Duration) {
	ctx, abort := context.WithCancel(context.Background())
	r.abort, r.end, r.done = abort, make(chan struct{}), make(chan struct{})
	go r.write(ctx, r.end, r.done, hintAfter)
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

// current is what is to be shown: the text, or the hint while there is none.
func (r *reply) current() (text string, spoken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.TrimSpace(r.text) != "" {
		return r.head + harmless(r.text), true
	}
	return r.head + r.hint, false
}

func (r *reply) at() stage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stage
}

// show makes message i of the answer say text above a row of buttons, which may be
// empty.
func (r *reply) show(ctx context.Context, i int, text string, row buttons, preview bool) error {
	if i < len(r.ids) {
		want := face{text, row.key()}
		if r.shown[i] == want {
			return nil
		}
		if err := r.rest.edit(ctx, r.channel, r.ids[i], text, row, i == 0); err != nil {
			return err
		}
		r.shown[i] = want
		return nil
	}
	return r.create(ctx, i, draft{content: text, row: row, nonce: fmt.Sprintf("%s-%d", r.nonce, i), silent: preview})
}

// create makes message i. What it says may be older than the draft: the answer to a
// create before it was lost. Then it is left to be edited.
func (r *reply) create(ctx context.Context, i int, d draft) error {
	r.tried = true
	if i == 0 {
		d.replyTo = r.question
	}
	id, f, err := r.rest.create(ctx, r.channel, d)
	if err != nil {
		return err
	}
	if strings.TrimSpace(f.text) == strings.TrimSpace(d.content) { // Discord trims
		f.text = d.content
	} else if r.yields && f.row != stopRow(r.asked, r.question, r.asker).key() { // unless it is but a preview
		f = face{d.content, d.row.key()} // taken for what is to be shown
	}
	r.ids, r.shown = append(r.ids, id), append(r.shown, f)
	return nil
}

// Finish shows the end, whatever it takes within ctx.
func (r *reply) Finish(ctx context.Context, e chat.End) ([]string, error) {
	r.stopPreviews(ctx)
	r.yields = !e.Answer && (r.yields || !r.tried) // another process may answer: its message stands, or takes the notice's place
	parts := split(r.head + harmless(notice(r.asked, e.Text)))
	err := error(nil)
	// A notice may stand in place of what said that the question waits, unless another process
	// may answer: that one finds it only where its answer would be.
	if r.wait != "" && !r.tried && !e.Answer && !e.Shared {
		r.ids, r.shown, r.wait = []string{r.wait}, []face{{row: unknownRow}}, ""
	}
	inFile := false
	if e.Answer && long(parts) {
		inFile, err = r.finishLong(ctx, parts[0], e)
	} else if r.filed {
		err = r.cut(ctx, 1)
	}
	if inFile {
		parts = parts[:2]
	}
	for i, part := range parts {
		if err != nil || inFile {
			break
		}
		var row buttons
		if i == len(parts)-1 {
			row = endRow(e, r.question, r.asker)
		}
		if err = r.finish(ctx, i, part, row); err != nil {
			break
		}
	}
	if err == nil { // the final text may need fewer messages than a preview did
		err = r.cut(ctx, len(parts))
	}
	if err == nil {
		r.unwait()
	}
	if hint := explain(err); hint != "" {
		r.log.Error(hint, "channel", r.channel)
	}
	return r.ids, err
}

// Pause ends the previews; what they have shown stays. It is chat.Pauser.
func (r *reply) Pause(ctx context.Context) { r.stopPreviews(ctx) }

// Withdraw removes what previews have shown.
func (r *reply) Withdraw(ctx context.Context) {
	r.stopPreviews(ctx)
	if r.old != nil {
		return
	}
	r.unwait()
	for _, id := range r.ids {
		if err := insist(ctx, func() error { return r.rest.remove(ctx, r.channel, id) }); err != nil {
			r.log.Warn("an answer to a deleted question could not be removed", "channel", r.channel, "message", id, "err", err)
		}
	}
	r.ids, r.shown = nil, nil
}

// stopPreviews waits for the request the writer is at: were it broken off, it might
// take effect after the final one.
func (r *reply) stopPreviews(ctx context.Context) {
	r.mu.Lock()
	r.stage = finished
	done := r.done
	r.done = nil
	r.mu.Unlock()
	if done == nil {
		return
	}
	close(r.end)
	stop := context.AfterFunc(ctx, r.abort)
	<-done
	stop()
	r.abort()
}

// finish makes message i say text for good.
func (r *reply) finish(ctx context.Context, i int, text string, row buttons) error {
	err := insist(ctx, func() error {
		if err := r.show(ctx, i, text, row, false); err != nil {
			return err
		}
		return r.show(ctx, i, text, row, false) // an edit, if the message was there already
	})
	if code(err) != discordgo.ErrCodeUnknownMessage || i >= len(r.ids) {
		return err
	}
	// somebody deleted what was shown so far: say it anew, under another nonce, and
	// what stood below it too
	below := r.ids[i+1:]
	r.ids, r.shown = r.ids[:i:i], r.shown[:i:i]
	for _, id := range below {
		if err := insist(ctx, func() error { return r.rest.remove(ctx, r.channel, id) }); err != nil {
			return err
		}
	}
	nonce := fmt.Sprintf("%s+%d", r.nonce, i)
	if r.yields {
		nonce = fmt.Sprintf("%s-%d", r.nonce, i)
	}
	return insist(ctx, func() error {
		return r.create(ctx, i, draft{content: text, row: row, nonce: nonce})
	})
}
