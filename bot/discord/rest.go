package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bwmarrin/discordgo"
)

// rest sends messages. discordgo's own methods lack enforce_nonce, send
// "parse":null for empty allowed mentions and do not try again after most server
// errors, so creates and edits are built here.
type rest struct{ s *discordgo.Session }

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
	Content         string            `json:"content"`
	AllowedMentions noMentions        `json:"allowed_mentions"`
	Reference       *messageReference `json:"message_reference,omitempty"`
	Nonce           string            `json:"nonce,omitempty"`
	EnforceNonce    bool              `json:"enforce_nonce,omitempty"` // a create that is sent again makes no second message
}

// create posts a message; replyTo may be empty, the nonce must tell this message
// from all others of the last minutes.
func (r rest) create(ctx context.Context, channel, content, replyTo, nonce string) (id string, err error) {
	body := messageBody{Content: content, AllowedMentions: noMentions{Parse: []string{}}, Nonce: nonce, EnforceNonce: true}
	if replyTo != "" {
		body.Reference = &messageReference{MessageID: replyTo}
		body.AllowedMentions.RepliedUser = true
	}
	url := discordgo.EndpointChannelMessages(channel)
	b, err := r.s.RequestWithBucketID(http.MethodPost, url, body, url, discordgo.WithContext(ctx))
	if err != nil {
		return "", err
	}
	var m struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(b, &m); err != nil || m.ID == "" {
		return "", fmt.Errorf("discord: answer to a new message is %.100q", b)
	}
	return m.ID, nil
}

// edit replaces a message's text. A preview comes back at once with a
// *discordgo.RateLimitError where the final edit waits.
func (r rest) edit(ctx context.Context, channel, id, content string, preview bool) error {
	body := messageBody{Content: content, AllowedMentions: noMentions{Parse: []string{}}}
	opts := []discordgo.RequestOption{discordgo.WithContext(ctx)}
	if preview {
		opts = append(opts, discordgo.WithRetryOnRatelimit(false), discordgo.WithRestRetries(0))
	}
	_, err := r.s.RequestWithBucketID(http.MethodPatch, discordgo.EndpointChannelMessage(channel, id), body, discordgo.EndpointChannelMessage(channel, ""), opts...)
	return err
}

// insist calls f until it succeeds, fails for good or ctx ends, waiting longer each time.
func insist(ctx context.Context, f func() error) error {
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 8*time.Second) {
		err := f()
		if err == nil || !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// passing reports whether a request may succeed when it is sent again.
func passing(err error) bool {
	var re *discordgo.RESTError
	if errors.As(err, &re) && re.Response != nil {
		return re.Response.StatusCode >= 500 || re.Response.StatusCode == http.StatusTooManyRequests
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
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
