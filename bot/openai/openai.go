// Package openai has answers made by a model behind a server that speaks OpenAI's
// chat completions, such as llama-server, vLLM or Ollama, for models that outgrow
// this machine: a chat.Generator over HTTP.
//
// The API: https://platform.openai.com/docs/api-reference/chat/create and, for the
// stream of an answer, https://platform.openai.com/docs/api-reference/chat-streaming.
package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"moebot/bot/chat"
	"moebot/session"
)

// Options say where the server is and what it knows.
type Options struct {
	URL   string // up to the version, as in http://127.0.0.1:8081/v1
	Model string // one of the server's
	Key   string // its API key; empty sends none
	// Window is the context window of the model in tokens. The prompt is cut to it by a
	// guess, since the vocabulary is on the other side.
	Window int
	// Extras sends what OpenAI itself refuses but llama-server and vLLM understand: top-k,
	// min-p and the repetition penalty.
	Extras bool
	// Chances asks for the probabilities of the tokens, for /why.
	Chances bool
	// Penalties are those that no channel has of its own; nil sends none.
	Penalties func() (frequency, presence float64)
	Defaults  func() session.Settings // what a channel without its own has; every field set
	Client    *http.Client            // nil is http.DefaultClient
	Log       *slog.Logger            // is told at level debug what the server says of its errors: it may repeat the request
}

// Client is a chat.Generator, safe for concurrent use.
type Client struct {
	o    Options
	http *http.Client
	at   string
	host string // for errors, without a password
}

// ErrBusy means that the server has too much to do.
var ErrBusy = errors.New("the server of the model is busy")

// New checks the options.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address of a server: want http://host:port/v1 or https://", o.URL)
	}
	if u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("the address of %s has a password or a query: want http://host:port/v1, and the key apart", u.Host)
	}
	if o.Model == "" {
		return nil, fmt.Errorf("no name of a model of %s", u.Host)
	}
	if o.Window < 128 {
		return nil, fmt.Errorf("a window of %d tokens is too small, want at least 128", o.Window)
	}
	c := &Client{o: o, http: o.Client, at: u.JoinPath("chat", "completions").String(), host: u.Host}
	if c.http == nil {
		c.http = http.DefaultClient
	}
	return c, nil
}

// Describe names the model for people.
func (c *Client) Describe() string { return fmt.Sprintf("%s at %s", c.o.Model, c.host) }

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type request struct {
	Model         string         `json:"model"`
	Messages      []message      `json:"messages"`
	Stream        bool           `json:"stream"`
	StreamOptions map[string]any `json:"stream_options"`
	MaxTokens     int            `json:"max_tokens"`
	Temperature   float64        `json:"temperature"`
	TopP          float64        `json:"top_p"`
	Seed          *uint64        `json:"seed,omitempty"`
	Logprobs      bool           `json:"logprobs,omitempty"`
	TopLogprobs   int            `json:"top_logprobs,omitempty"`
	Frequency     float64        `json:"frequency_penalty,omitempty"`
	Presence      float64        `json:"presence_penalty,omitempty"`

	// of llama-server and vLLM, which call the penalty differently
	TopK              *int     `json:"top_k,omitempty"`
	MinP              *float64 `json:"min_p,omitempty"`
	RepeatPenalty     *float64 `json:"repeat_penalty,omitempty"`
	RepetitionPenalty *float64 `json:"repetition_penalty,omitempty"`
	// of vLLM: the last message is the beginning of the answer
	AddGenerationPrompt  *bool `json:"add_generation_prompt,omitempty"`
	ContinueFinalMessage *bool `json:"continue_final_message,omitempty"`
}

// Generate is chat.Generator.
func (c *Client) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	began := time.Now()
	body, dropped := c.request(p)
	data, err := json.Marshal(body)
	if err != nil {
		return chat.Answer{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.at, bytes.NewReader(data))
	if err != nil {
		return chat.Answer{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	if c.o.Key != "" {
		r.Header.Set("Authorization", "Bearer "+c.o.Key)
	}
	res, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return chat.Answer{Stop: "cancelled"}, ctx.Err()
		}
		return chat.Answer{}, fmt.Errorf("%s: %w", c.host, c.hide(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return chat.Answer{}, c.refusal(res)
	}
	s := stream{began: began, emit: emit, leading: p.Begin == "", room: body.MaxTokens * tokenBytes}
	err = s.read(res.Body)
	a := s.answer()
	a.Usage.DroppedTurns = dropped
	switch {
	case ctx.Err() != nil:
		a.Stop = "cancelled"
		return a, ctx.Err()
	case err != nil:
		if e := (serverError{}); errors.As(err, &e) {
			c.note(e)
		}
		return a, fmt.Errorf("%s: %w", c.host, c.hide(err))
	}
	return a, nil
}

// request is what is asked, and how many turns were left out for want of room.
func (c *Client) request(p chat.Prompt) (request, int) {
	s := c.o.Defaults().Merge(p.Settings)
	room := min(*s.MaxTokens, c.o.Window/2)
	r := request{Model: c.o.Model, Stream: true, StreamOptions: map[string]any{"include_usage": true},
		MaxTokens: room, Temperature: *s.Temperature, TopP: *s.TopP, Seed: s.Seed}
	if c.o.Penalties != nil {
		r.Frequency, r.Presence = c.o.Penalties()
	}
	if c.o.Chances {
		r.Logprobs, r.TopLogprobs = true, alternatives
	}
	if c.o.Extras {
		r.TopK, r.MinP, r.RepeatPenalty, r.RepetitionPenalty = s.TopK, s.MinP, s.RepeatPenalty, s.RepeatPenalty
	}
	left := c.o.Window - room - guess(p.Begin)
	if *s.Persona != "" {
		r.Messages = append(r.Messages, message{"system", *s.Persona})
		left -= guess(*s.Persona)
	}
	first := len(p.Turns)
	for ; first > 0; first-- {
		need := guess(content(p.Turns[first-1]))
		if need > left && first < len(p.Turns) { // the question itself is always sent
			break
		}
		left -= need
	}
	for _, t := range p.Turns[first:] {
		m := message{"user", content(t)}
		if t.Role == session.RoleAssistant {
			m.Role = "assistant"
		}
		r.Messages = append(r.Messages, m)
	}
	if p.Begin != "" {
		r.Messages = append(r.Messages, message{"assistant", p.Begin})
		if c.o.Extras {
			no, yes := false, true
			r.AddGenerationPrompt, r.ContinueFinalMessage = &no, &yes
		}
	}
	return r, first
}

// Measure tells about what the model sees of a prompt.
func (c *Client) Measure(p chat.Prompt) chat.Budget {
	r, dropped := c.request(p)
	b := chat.Budget{Window: c.o.Window, Answer: r.MaxTokens, Turns: len(p.Turns) - dropped, Dropped: dropped}
	for _, m := range r.Messages {
		b.Used += guess(m.Content)
		if m.Role == "system" {
			b.Persona = guess(m.Content)
		}
	}
	return b
}

// content is a turn's text; people are told apart by their names before it.
func content(t session.Turn) string {
	if t.Role == session.RoleAssistant || t.Author == "" {
		return t.Text
	}
	name := strings.Join(strings.Fields(strings.ReplaceAll(t.Author, ":", "")), " ")
	if name == "" {
		name = "someone"
	}
	return name + ": " + t.Text
}

// guess is about how many tokens a message takes: more than most vocabularies need,
// also for scripts of three bytes a letter.
func guess(text string) int {
	if text == "" {
		return 0
	}
	return len(text)/3 + 8
}

// refusal is the error of an answer without an answer.
func (c *Client) refusal(res *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(res.Body, 2000))
	var e struct {
		Error serverError `json:"error"`
	}
	if json.Unmarshal(b, &e) != nil || e.Error.Message == "" {
		e.Error.Message = string(b)
	}
	c.note(e.Error)
	err := fmt.Errorf("%s: %s: %w", c.host, res.Status, c.hide(e.Error))
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

// serverError is what a server says of an error. Its message may repeat what was asked, so it is no
// part of the error's text.
type serverError struct {
	Message string `json:"message"`
	Type    any    `json:"type"`
	Code    any    `json:"code"`
}

// Error is the type and the code, as far as they are names or numbers.
func (s serverError) Error() string {
	text := "the server reports an error"
	for _, v := range []any{s.Type, s.Code} {
		if v := fmt.Sprint(v); v != "<nil>" && len(v) <= 60 && !strings.ContainsFunc(v, func(r rune) bool {
			return r != '_' && r != '-' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		}) {
			text += ", " + v
		}
	}
	return text
}

// note logs the message of an error.
func (c *Client) note(e serverError) {
	if c.o.Log != nil {
		c.o.Log.Debug("the server of the model reports an error", "host", c.host, "says", strings.Join(strings.Fields(c.without(e.Message)), " "))
	}
}

// hide keeps the key out of an error's text.
func (c *Client) hide(err error) error {
	if c.o.Key == "" || !strings.Contains(err.Error(), c.o.Key) {
		return err
	}
	return errors.New(c.without(err.Error()))
}

func (c *Client) without(text string) string {
	if c.o.Key == "" {
		return text
	}
	return strings.ReplaceAll(text, c.o.Key, "(hidden)")
}
