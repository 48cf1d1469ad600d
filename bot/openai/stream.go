package openai

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"moebot/bot/chat"
)

// Bounds of what a server may send: of one event, bytes; of what is kept for each token
// that was asked for, bytes of text and of tokens' names; and of the alternatives of a token.
const (
	maxEvent     = 1 << 20
	tokenBytes   = 512
	alternatives = 5
)

// stream is an answer that comes in server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
type stream struct {
	began   time.Time
	emit    func(string) error
	leading bool // blanks at the beginning are left out
	room    int  // for what is kept, bytes: a server may go on past the tokens it was asked for

	text   strings.Builder
	reason string
	first  time.Time
	usage  chat.Usage
	pieces int
	trace  chat.Trace
}

type chunk struct {
	Choices []struct {
		Delta struct {
			Content string `json:"content"`
		} `json:"delta"`
		FinishReason string `json:"finish_reason"`
		Logprobs     *struct {
			Content []struct {
				Token       string  `json:"token"`
				Logprob     float64 `json:"logprob"`
				TopLogprobs []struct {
					Token   string  `json:"token"`
					Logprob float64 `json:"logprob"`
				} `json:"top_logprobs"`
			} `json:"content"`
		} `json:"logprobs"`
	} `json:"choices"`
	Usage *struct {
		PromptTokens     int `json:"prompt_tokens"`
		CompletionTokens int `json:"completion_tokens"`
		PromptDetails    struct {
			CachedTokens int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	} `json:"usage"`
	Error *serverError `json:"error"`
}

var (
	errBroken = errors.New("the stream of the answer ended too early")
	errLong   = errors.New("an event of the stream is too long")
)

// read takes events until the end of the answer. What came before an error is kept.
func (s *stream) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxEvent)
	var data []string
	size := 0
	for lines.Scan() {
		line := lines.Text()
		if value, ok := strings.CutPrefix(line, "data:"); ok {
			if size += len(line); size > maxEvent {
				return errLong
			}
			data = append(data, strings.TrimPrefix(value, " "))
			continue
		}
		if line != "" || len(data) == 0 { // a comment, another field, or nothing yet
			continue
		}
		done, err := s.event(strings.Join(data, "\n"))
		if done || err != nil {
			return err
		}
		data, size = data[:0], 0
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if len(data) > 0 {
		if done, err := s.event(strings.Join(data, "\n")); done || err != nil {
			return err
		}
	}
	if s.reason == "" {
		return errBroken
	}
	return nil
}

// event takes in one event and reports whether it was the last.
func (s *stream) event(data string) (done bool, err error) {
	if strings.TrimSpace(data) == "[DONE]" {
		if s.reason == "" {
			s.reason = "end"
		}
		return true, nil
	}
	var c chunk
	if err := json.Unmarshal([]byte(data), &c); err != nil {
		return false, fmt.Errorf("an event that is no JSON: %w", err)
	}
	if c.Error != nil {
		return false, *c.Error
	}
	if u := c.Usage; u != nil {
		s.usage.PromptTokens, s.usage.DecodedTokens, s.usage.ReusedTokens = u.PromptTokens, u.CompletionTokens, u.PromptDetails.CachedTokens
	}
	for _, choice := range c.Choices {
		if choice.Logprobs != nil {
			for _, t := range choice.Logprobs.Content {
				token := chat.TraceToken{Text: strings.ToValidUTF8(t.Token, "\uFFFD"), Prob: math.Exp(t.Logprob)}
				s.room -= len(t.Token)
				for _, a := range t.TopLogprobs[:min(len(t.TopLogprobs), alternatives)] {
					s.room -= len(a.Token)
					token.Alternatives = append(token.Alternatives, chat.Alternative{Text: strings.ToValidUTF8(a.Token, "\uFFFD"), Prob: math.Exp(a.Logprob)})
				}
				s.trace.Tokens = append(s.trace.Tokens, token)
			}
		}
		if s.room -= len(choice.Delta.Content) + 1; s.room < 0 {
			s.reason = "length"
			return true, nil
		}
		if err := s.piece(choice.Delta.Content); err != nil {
			return false, err
		}
		if choice.FinishReason != "" {
			s.reason = stops[choice.FinishReason]
			if s.reason == "" { // of a server's own
				s.reason = "stop"
			}
		}
	}
	return false, nil
}

// stops are the names that the engine has for why an answer ended.
var stops = map[string]string{"stop": "end", "length": "length", "content_filter": "stop"}

func (s *stream) piece(text string) error {
	if s.leading {
		text = strings.TrimLeft(text, " \n")
	}
	if text == "" {
		return nil
	}
	s.leading = false
	if s.pieces == 0 {
		s.first = time.Now()
	}
	s.pieces++
	s.text.WriteString(text)
	return s.emit(text)
}

func (s *stream) answer() chat.Answer {
	a := chat.Answer{Text: strings.TrimRight(s.text.String(), " \n"), Stop: s.reason, Usage: s.usage, Trace: s.trace}
	if a.Usage.DecodedTokens == 0 { // a server that does not count: a piece is a token for most
		a.Usage.DecodedTokens = s.pieces
	}
	if !s.first.IsZero() {
		a.Usage.TimeToFirstToken, a.Usage.DecodeTime = s.first.Sub(s.began), time.Since(s.first)
	}
	return a
}
