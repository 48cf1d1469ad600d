package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"time"

	"github.com/bwmarrin/discordgo"
)

// ackTime is how long an interaction waits for its first answer
// (interactions/receiving-and-responding); past it the token is void.
const ackTime = 3 * time.Second

// mine claims an interaction for this process: true for one of those that share the
// store. It is for what must not be done twice; what is merely shown is settled by
// whose acknowledgement Discord takes.
func (b *Bot) mine(ctx context.Context, i *discordgo.Interaction) (bool, error) {
	wait, err := b.store.Take(ctx, "interaction/"+i.ID, 1, 15*time.Minute)
	return wait == 0, err
}

// yield lets another process go first that may know more.
func (b *Bot) yield(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(yieldTime):
	}
}

// yieldTime is short for a person and long for another process.
const yieldTime = 250 * time.Millisecond

// webhook sends one request of an interaction, once; its files are read from their
// beginning, so that it can be sent again. It goes past discordgo's rate
// limiter: interactions have no part in the global limit (topics/rate-limits), which
// must not delay an acknowledgement, and the limiter would keep a bucket for each
// interaction for ever, or one for all of them.
func (b *Bot) webhook(ctx context.Context, method, url string, body any, files []*discordgo.File) ([]byte, error) {
	for _, f := range files {
		if s, ok := f.Reader.(io.Seeker); ok {
			if _, err := s.Seek(0, io.SeekStart); err != nil {
				return nil, fmt.Errorf("discord: %w", err)
			}
		}
	}
	kind, payload, err := encoded(body, files)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("discord: %w", withoutAddress(err))
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", b.dg.UserAgent)
	res, err := b.dg.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("discord: %s for an interaction: %w", method, withoutAddress(err))
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return nil, err
	}
	switch {
	case res.StatusCode == http.StatusTooManyRequests:
		var limit struct {
			RetryAfter float64 `json:"retry_after"`
		}
		_ = json.Unmarshal(answer, &limit) // without it the wait of insist will do
		b.limits.Add(1)
		return nil, limited{time.Duration(limit.RetryAfter * float64(time.Second))}
	case res.StatusCode >= 300:
		e := &discordgo.RESTError{Request: req, Response: res, ResponseBody: answer}
		var m discordgo.APIErrorMessage
		if json.Unmarshal(answer, &m) == nil {
			e.Message = &m
		}
		return nil, e
	}
	return answer, nil
}

// withoutAddress is the error of a request without its address, which has a token in it.
func withoutAddress(err error) error {
	if e := (*neturl.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// acknowledge sends the first answer to an interaction, again if need be, while
// Discord waits for it.
func (b *Bot) acknowledge(ctx context.Context, i *discordgo.Interaction, r *discordgo.InteractionResponse) error {
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	tries := 0
	return insist(ctx, func() error {
		var files []*discordgo.File
		if r.Data != nil {
			files = r.Data.Files
		}
		_, err := b.webhook(ctx, http.MethodPost, discordgo.EndpointInteractionResponse(i.ID, i.Token), r, files)
		if tries++; tries > 1 && code(err) == discordgo.ErrCodeInteractionHasAlreadyBeenAcknowledged {
			return nil // only the answer to the first try was lost
		}
		return err
	})
}

// respond answers an interaction at once; hidden is for the person alone.
func (b *Bot) respond(ctx context.Context, i *discordgo.Interaction, text string, hidden bool) error {
	return b.respondWith(ctx, i, &discordgo.InteractionResponseData{Content: text}, hidden)
}

func (b *Bot) respondWith(ctx context.Context, i *discordgo.Interaction, data *discordgo.InteractionResponseData, hidden bool) error {
	data.AllowedMentions = &discordgo.MessageAllowedMentions{Parse: []discordgo.AllowedMentionType{}}
	if hidden {
		data.Flags |= discordgo.MessageFlagsEphemeral
	}
	return b.acknowledge(ctx, i, &discordgo.InteractionResponse{Type: discordgo.InteractionResponseChannelMessageWithSource, Data: data})
}

// deferred tells Discord that the answer takes longer than an acknowledgement may.
func (b *Bot) deferred(ctx context.Context, i *discordgo.Interaction, hidden bool) error {
	data := &discordgo.InteractionResponseData{}
	if hidden {
		data.Flags = discordgo.MessageFlagsEphemeral
	}
	return b.acknowledge(ctx, i, &discordgo.InteractionResponse{Type: discordgo.InteractionResponseDeferredChannelMessageWithSource, Data: data})
}

// hookBody is a message of an interaction. Content and Components are left as they
// are in an edit if they are nil.
type hookBody struct {
	Content         *string                   `json:"content,omitempty"`
	Embeds          []*discordgo.MessageEmbed `json:"embeds,omitempty"`
	Components      *buttons                  `json:"components,omitempty"`
	AllowedMentions noMentions                `json:"allowed_mentions"`
	Flags           discordgo.MessageFlags    `json:"flags,omitempty"`

	files []*discordgo.File
}

// fill puts the answer into an interaction that was deferred, or edits what it says.
func (b *Bot) fill(ctx context.Context, i *discordgo.Interaction, m hookBody) error {
	return b.hook(ctx, http.MethodPatch, discordgo.EndpointInteractionResponseActions(i.AppID, i.Token), m)
}

// fillText is fill with a text alone.
func (b *Bot) fillText(ctx context.Context, i *discordgo.Interaction, text string) error {
	return b.fill(ctx, i, hookBody{Content: &text})
}

// follow sends a further message for an interaction.
func (b *Bot) follow(ctx context.Context, i *discordgo.Interaction, m hookBody) error {
	return b.hook(ctx, http.MethodPost, discordgo.EndpointFollowupMessage(i.AppID, i.Token), m)
}

func (b *Bot) hook(ctx context.Context, method, url string, m hookBody) error {
	m.AllowedMentions = noMentions{Parse: []string{}}
	return insist(ctx, func() error {
		_, err := b.webhook(ctx, method, url, m, m.files)
		return err
	})
}

// whisper tells the person alone something, after the acknowledgement.
func (b *Bot) whisper(ctx context.Context, i *discordgo.Interaction, text string) error {
	return b.follow(ctx, i, hookBody{Content: &text, Flags: discordgo.MessageFlagsEphemeral})
}
