package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"moebot/moe/engine"
	"moebot/moe/interp"
	"moebot/moe/model/steer"
)

// replyRequest asks for a reply with and without edits.
type replyRequest struct {
	Channel     string   `json:"channel"`
	As          string   `json:"as"`   // the person's name
	Text        string   `json:"text"` // said now; without it the channel's last question is answered again
	Edits       []string `json:"edits"`
	Tokens      int      `json:"tokens"` // of the reply at most
	Temperature float64  `json:"temperature"`
	Seed        uint64   `json:"seed"`
	// With and Without are sentences, one a line: the difference of their means is the
	// direction "own".
	With    []string `json:"with"`
	Without []string `json:"without"`
}

// ownDirection is the name of the direction of a request's own sentences.
const ownDirection = "own"

// maxSentences and maxSentence, bytes, bound the sentences of a direction.
const (
	maxSentences = 60
	maxSentence  = 400
)

// Conversation makes the request for the engine that answers a text in a channel: the
// turns that the model sees there, its persona and what it must not say. Without a text
// the last question is answered again.
type Conversation func(ctx context.Context, channel, author, text string) (engine.Request, error)

// line is one of the stream of a reply.
type line struct {
	Side   int    `json:"side"` // 0 as the model is, 1 edited
	Token  *drawn `json:"token,omitempty"`
	End    string `json:"end,omitempty"`    // why the reply ended
	Prompt int    `json:"prompt,omitempty"` // tokens read
	Error  string `json:"error,omitempty"`
}

// drawn is a token of a reply and how it came about.
type drawn struct {
	Text         string     `json:"text"`
	Prob         float64    `json:"prob"`
	Alternatives []option   `json:"alternatives"`
	Experts      [][]choice `json:"experts"` // [layer], best first
}

type option struct {
	Text string  `json:"text"`
	Prob float64 `json:"prob"`
}

type choice struct {
	Expert int     `json:"expert"`
	Gate   float64 `json:"gate"`
}

// reply answers both ways at once and gives each token as it is drawn. An error from it
// comes before the first call of give.
func (l *Lab) reply(ctx context.Context, talk Conversation, r replyRequest, give func(line)) error {
	if err := steer.InRange("number of reply tokens", r.Tokens, 1, 400); err != nil {
		return err
	}
	if !(r.Temperature >= 0 && r.Temperature <= 2) {
		return errors.New("the temperature must be 0 to 2")
	}
	edits, err := steer.ParseAll(strings.Join(r.Edits, " "))
	if err != nil {
		return err
	}
	own := map[string]func(*interp.Lab, int) ([]float32, error){}
	if slices.ContainsFunc(edits, func(e steer.Edit) bool { return e.Name == ownDirection }) {
		if err := errors.Join(checkSentences("with", r.With), checkSentences("without", r.Without)); err != nil {
			return err
		}
		own[ownDirection] = func(b *interp.Lab, layer int) ([]float32, error) {
			return b.MeanDifference(ctx, layer, r.With, r.Without)
		}
	}
	plan, err := l.plan(ctx, edits, own)
	if err != nil {
		return err
	}
	request, err := talk(ctx, r.Channel, r.As, r.Text)
	if err != nil {
		return err
	}
	request.MaxTokens, request.Sampling.Temperature, request.Sampling.Seed, request.Key, request.Trace = r.Tokens, r.Temperature, r.Seed, "", false
	var mu sync.Mutex
	say := func(x line) {
		mu.Lock()
		defer mu.Unlock()
		give(x)
	}
	say(line{Prompt: len(request.Tokens)})
	var both sync.WaitGroup
	for side, p := range []*steer.Plan{nil, plan} {
		both.Go(func() {
			mine := request
			mine.Plan = p
			mine.Watch = func(t engine.TokenTrace) { say(line{Side: side, Token: show(t)}) }
			res, err := l.engine.Generate(ctx, mine, func(string) error { return nil })
			if err != nil {
				say(line{Side: side, Error: err.Error()})
				return
			}
			say(line{Side: side, End: string(res.Stop)})
		})
	}
	both.Wait()
	return nil
}

func checkSentences(what string, list []string) error {
	if len(list) == 0 || len(list) > maxSentences {
		return fmt.Errorf("a direction of one's own needs 1 to %d sentences %s it, not %d", maxSentences, what, len(list))
	}
	for _, s := range list {
		if len(s) > maxSentence {
			return fmt.Errorf("a sentence %s it is %d bytes long, want %d at most", what, len(s), maxSentence)
		}
	}
	return nil
}

func show(t engine.TokenTrace) *drawn {
	d := &drawn{Text: valid(t.Text), Prob: float64(t.Prob)}
	for _, a := range t.Alternatives {
		d.Alternatives = append(d.Alternatives, option{valid(a.Text), float64(a.Prob)})
	}
	for n := range t.Experts {
		var layer []choice
		for j, e := range t.Experts[n] {
			layer = append(layer, choice{int(e), float64(t.Gates[n][j])})
		}
		d.Experts = append(d.Experts, layer)
	}
	return d
}

// valid is a token's bytes as text.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
