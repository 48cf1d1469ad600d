package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/bwmarrin/discordgo"
)

// rest sends messages. discordgo's own methods lack enforce_nonce, send
// "parse":null for empty allowed mentions, do not try again after most server
// errors, and sleep out a rate limit whatever the context says: so creates and
// edits are built here, and do never waits.
type rest struct {
	s      *discordgo.Session
	limits *atomic.Int64 // counts refusals of the rate limit; may be nil
}

func (r rest) count() {
	if r.limits != nil {
		r.limits.Add(1)
	}
}

// limited is the error of a request that the rate limit leaves no room for.
type limited struct{ after time.Duration }

func (e limited) Error() string {
	return fmt.Sprintf("discord: rate limited for %v", e.after.Round(time.Millisecond))
}

// do sends one request once. A request that Discord refuses for its rate limit, or
// is known to refuse, fails with a limited error at once.
func (r rest) do(ctx context.Context, method, url string, body any, bucket string) ([]byte, error) {
	return r.doFiles(ctx, method, url, body, nil, bucket)
}

// doFiles is do with files attached.
func (r rest) doFiles(ctx context.Context, method, url string, body any, files []*discordgo.File, bucket string) ([]byte, error) {
	kind, payload, err := encoded(body, files)
	if err != nil {
		return nil, err
	}
	b := r.s.Ratelimiter.GetBucket(bucket)
	b.Lock()
	wait := r.s.Ratelimiter.GetWaitTime(b, 1)
	b.Unlock()
	if wait > 0 {
		r.count()
		return nil, limited{wait}
	}
	answer, err := r.s.RequestRaw(method, url, kind, payload, bucket, 0, once(ctx)...)
	var full *discordgo.RateLimitError
	if errors.As(err, &full) {
		r.count()
		return nil, limited{full.RetryAfter}
	}
	return answer, err
}

// encoded is the body of a request and its content type: JSON, or a form with files.
func encoded(body any, files []*discordgo.File) (kind string, payload []byte, err error) {
	kind = "application/json"
	if len(files) > 0 {
		kind, payload, err = discordgo.MultipartBodyWithJSON(body, files)
	} else if body != nil {
		payload, err = json.Marshal(body)
	}
	if err != nil {
		return "", nil, fmt.Errorf("discord: %w", err)
	}
	return kind, payload, nil
}

// once are the options of a request that is sent one time and does not sleep.
func once(ctx context.Context) []discordgo.RequestOption {
	return []discordgo.RequestOption{discordgo.WithContext(ctx), discordgo.WithRetryOnRatelimit(false), discordgo.WithRestRetries(0)}
}

// noMentions lets a message ping nobody but, if asker, the person it replies to
// (resources/message, Allowed Mentions Object).
type noMentions struct {
	Parse       []string `json:"parse"`
	RepliedUser bool     `json:"replied_user"`
}

type messageReference struct {
	MessageID       string `json:"message_id"`
	FailIfNotExists bool   `json:"fail_if_not_exists"` // false: the question may be deleted meanwhile
}

type messageBody struct {
	Content         string                 `json:"content"`
	AllowedMentions noMentions             `json:"allowed_mentions"`
	Flags           discordgo.MessageFlags `json:"flags,omitempty"`
	Reference       *messageReference      `json:"message_reference,omitempty"`
	Nonce           string                 `json:"nonce,omitempty"`
	EnforceNonce    bool                   `json:"enforce_nonce,omitempty"`
	Components      *buttons               `json:"components,omitempty"`
}

// draft is a message to create.
type draft struct {
	content string
	replyTo string // may be empty
	// nonce tells this message from all others of the last minutes: a create that is
	// sent again, because its answer was lost or the program died, makes no second one.
	nonce  string
	silent bool // no push notification: the text is not whole yet
	noPing bool // nor is who asked told: it will be gone soon
	row    buttons
	file   []byte // attached as answer.md; may be nil
}

// files is what is attached to d.
func (d draft) files() []*discordgo.File {
	if d.file == nil {
		return nil
	}
	return []*discordgo.File{{Name: "answer.md", ContentType: "text/markdown", Reader: bytes.NewReader(d.file)}}
}

// create posts a message. What it shows then is not always the draft: if the nonce
// is known, it is what was created before.
func (r rest) create(ctx context.Context, channel string, d draft) (id string, f face, err error) {
	body := messageBody{Content: d.content, AllowedMentions: noMentions{Parse: []string{}}, Nonce: d.nonce, EnforceNonce: true}
	if d.replyTo != "" {
		body.Reference = &messageReference{MessageID: d.replyTo}
		body.AllowedMentions.RepliedUser = !d.noPing
	}
	if len(d.row) > 0 {
		body.Components = &d.row
	}
	if d.silent {
		body.Flags = discordgo.MessageFlagsSuppressNotifications
	}
	url := discordgo.EndpointChannelMessages(channel)
	b, err := r.doFiles(ctx, http.MethodPost, url, body, d.files(), url)
	if err != nil {
		return "", face{}, err
	}
	var m struct {
		ID, Content string
		Components  []struct {
			Components []struct {
				CustomID string `json:"custom_id"`
			}
		}
	}
	if err := json.Unmarshal(b, &m); err != nil || m.ID == "" {
		return "", face{}, fmt.Errorf("discord: answer to a new message is %.100q", b)
	}
	f.text = m.Content
	for _, row := range m.Components {
		for _, c := range row.Components {
			f.row += c.CustomID + " "
		}
	}
	return m.ID, f, nil
}

// edit replaces a message's text and buttons. reply says that the message replies to the person
// it answers, who stays named there; an edit pings nobody.
func (r rest) edit(ctx context.Context, channel, id, content string, row buttons, reply bool) error {
	if row == nil {
		row = buttons{}
	}
	body := messageBody{Content: content, Components: &row, AllowedMentions: noMentions{Parse: []string{}, RepliedUser: reply}}
	_, err := r.do(ctx, http.MethodPatch, discordgo.EndpointChannelMessage(channel, id), body, discordgo.EndpointChannelMessage(channel, ""))
	return err
}

// dress replaces a message's buttons and leaves its text.
func (r rest) dress(ctx context.Context, channel, id string, row buttons) error {
	if row == nil {
		row = buttons{}
	}
	body := struct {
		Components buttons `json:"components"`
	}{row}
	_, err := r.do(ctx, http.MethodPatch, discordgo.EndpointChannelMessage(channel, id), body, discordgo.EndpointChannelMessage(channel, ""))
	return err
}

// remove deletes a message; one that is gone already is no error.
func (r rest) remove(ctx context.Context, channel, id string) error {
	_, err := r.do(ctx, http.MethodDelete, discordgo.EndpointChannelMessage(channel, id), nil, discordgo.EndpointChannelMessage(channel, "delete"))
	if code(err) == discordgo.ErrCodeUnknownMessage {
		return nil
	}
	return err
}

// typing shows the typing indicator for ten seconds, or until the bot's next message.
func (r rest) typing(ctx context.Context, channel string) error {
	url := discordgo.EndpointChannelTyping(channel)
	_, err := r.do(ctx, http.MethodPost, url, nil, url)
	return err
}

// insist calls f until it succeeds, fails for good or ctx ends, waiting longer each
// time, or as long as Discord says.
func insist(ctx context.Context, f func() error) error {
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 8*time.Second) {
		err := f()
		if err == nil || !passing(err) {
			return err
		}
		pause := wait
		if after, ok := rateLimit(err); ok {
			pause = after + time.Duration(rand.Int64N(int64(20*time.Millisecond)))
			wait = 125 * time.Millisecond // a limit is no sign of trouble
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// rateLimit is how long the rate limit that err tells of lasts.
func rateLimit(err error) (time.Duration, bool) {
	var l limited
	if errors.As(err, &l) {
		return l.after, true
	}
	var full *discordgo.RateLimitError
	if errors.As(err, &full) {
		return full.RetryAfter, true
	}
	return 0, false
}

// passing reports whether a request may succeed when it is sent again: a rate limit,
// a fault of the server or of the network, or no answer in time. An answer that cannot be
// understood will be the same again.
func passing(err error) bool {
	var re *discordgo.RESTError
	if errors.As(err, &re) && re.Response != nil {
		return re.Response.StatusCode >= 500
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, discordgo.ErrJSONUnmarshal)
}

// code is Discord's error code in err, 0 for none.
func code(err error) int {
	var re *discordgo.RESTError
	if errors.As(err, &re) && re.Message != nil {
		return re.Message.Code
	}
	return 0
}

// explain says what to do about the refusals that a server's owner can mend.
func explain(err error) string {
	switch code(err) {
	case discordgo.ErrCodeMissingAccess:
		return "the bot may not see this channel: give it View Channel there"
	case discordgo.ErrCodeMissingPermissions:
		return "the bot may not write in this channel: give it Send Messages (in threads: Send Messages in Threads) and Read Message History there"
	}
	return ""
}
