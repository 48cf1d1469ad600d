package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
)

// wall is Discord's messages of one channel, as far as a reply sees them.
type wall struct {
	mu     sync.Mutex
	posts  []post
	log    []string // "POST text", "PATCH id text", ...
	before func(r *http.Request, body messageBody) *http.Response
	after  func(r *http.Request) // when the request has had its effect
}

type post struct {
	content, nonce string
	silent, gone   bool
	replyTo        string
	row            json.RawMessage // its components
}

func response(status int, body any) *http.Response {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(b)))}
}

func (w *wall) RoundTrip(r *http.Request) (*http.Response, error) {
	var body messageBody
	var parts struct{ Components json.RawMessage }
	if r.Body != nil { // DELETE has none
		raw, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(raw, &parts)
		_ = json.Unmarshal(raw, &body) // all but the components, which discordgo cannot read back here
	}
	if w.before != nil {
		if res := w.before(r, body); res != nil {
			return res, nil
		}
	}
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	res := w.act(r, body, parts.Components)
	if w.after != nil {
		w.after(r)
	}
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	return res, nil
}

func (w *wall) act(r *http.Request, body messageBody, row json.RawMessage) *http.Response {
	if row == nil {
		row = json.RawMessage("[]")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var i int
	path := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if path == "typing" {
		w.log = append(w.log, "typing")
		return response(204, nil)
	}
	if len(body.AllowedMentions.Parse) != 0 || body.AllowedMentions.Parse == nil && r.Method != http.MethodDelete {
		return response(400, map[string]any{"code": 50035, "message": "allowed_mentions.parse"})
	}
	w.log = append(w.log, r.Method+" "+body.Content)
	if r.Method == http.MethodPost {
		for i, p := range w.posts {
			if p.nonce == body.Nonce && body.EnforceNonce {
				return response(200, map[string]any{"id": fmt.Sprint(i), "content": p.content, "components": p.row})
			}
		}
		p := post{row: row, content: strings.TrimSpace(body.Content), nonce: body.Nonce, silent: body.Flags&discordgo.MessageFlagsSuppressNotifications != 0}
		if body.Reference != nil {
			p.replyTo = body.Reference.MessageID
		}
		w.posts = append(w.posts, p)
		return response(200, map[string]any{"id": fmt.Sprint(len(w.posts) - 1), "content": p.content, "components": p.row})
	}
	if _, err := fmt.Sscan(path, &i); err != nil || i >= len(w.posts) || w.posts[i].gone {
		return response(404, map[string]any{"code": discordgo.ErrCodeUnknownMessage})
	}
	if r.Method == http.MethodDelete {
		w.posts[i].gone = true
		return response(204, nil)
	}
	w.posts[i].content, w.posts[i].row = body.Content, row
	return response(200, map[string]any{"id": path, "content": body.Content})
}

// reads is what stands there.
func (w *wall) reads() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.posts {
		if !p.gone {
			out = append(out, p.content)
		}
	}
	return out
}

func (w *wall) count(prefix string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.log {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}

func (w *wall) reply(t *testing.T, question string) *reply {
	t.Helper()
	dg, err := discordgo.New("Bot x")
	if err != nil {
		t.Fatal(err)
	}
	dg.Client = &http.Client{Transport: w}
	b := &Bot{dg: dg, log: slog.New(slog.DiscardHandler), opt: Options{EditInterval: 20 * time.Millisecond}}
	return b.newReply("77", question, "5")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func finish(t *testing.T, r *reply, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ids, err := r.Finish(ctx, chat.End{Text: text, Answer: true, Of: 1})
	if err != nil || len(ids) == 0 {
		t.Fatal(ids, err)
	}
	return ids[0]
}

func want(t *testing.T, w *wall, texts ...string) {
	t.Helper()
	if got := w.reads(); strings.Join(got, "\x00") != strings.Join(texts, "\x00") {
		t.Errorf("there stands %q, want %q", got, texts)
	}
}

func TestPreviewIsSilentAndTheEndIsWhole(t *testing.T) {
	w := &wall{}
	r := w.reply(t, "1")
	r.Start()
	r.Update("Hel")
	eventually(t, "a preview", func() bool { return len(w.reads()) == 1 })
	r.Update("Hello the")
	eventually(t, "an edit", func() bool { return w.count("PATCH") == 1 })
	if id := finish(t, r, "Hello there."); id != "0" {
		t.Errorf("the answer begins in message %q", id)
	}
	want(t, w, "Hello there.")
	if p := w.posts[0]; !p.silent || p.replyTo != "1" {
		t.Errorf("the preview is %+v; want it silent, as a reply to 1", p)
	}
	r = w.reply(t, "2")
	finish(t, r, "At once.")
	if p := w.posts[1]; p.silent || p.replyTo != "2" {
		t.Errorf("an answer shown whole is %+v; want it to notify", p)
	}
}

// The end comes while a preview is on its way: the preview's text must not be the
// last word.
func TestEndDuringAPreview(t *testing.T) {
	for _, lost := range []bool{false, true} { // whether the preview's answer is lost
		w := &wall{}
		started, goOn := make(chan struct{}), make(chan struct{})
		var once sync.Once
		w.after = func(r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/messages") {
				once.Do(func() { close(started); <-goOn })
			}
		}
		r := w.reply(t, "1")
		r.Start()
		r.Update("Half")
		<-started
		if lost {
			r.abort()
		}
		done := make(chan struct{})
		go func() { defer close(done); finish(t, r, "The whole.") }()
		time.Sleep(20 * time.Millisecond)
		close(goOn)
		<-done
		want(t, w, "The whole.")
	}
}

func TestRateLimitDropsPreviewsAndDelaysTheEnd(t *testing.T) {
	w := &wall{}
	var full sync.Mutex
	until := time.Now().Add(400 * time.Millisecond)
	w.before = func(r *http.Request, _ messageBody) *http.Response {
		full.Lock()
		defer full.Unlock()
		left := time.Until(until)
		if r.Method != http.MethodPatch || left <= 0 {
			return nil
		}
		w.mu.Lock()
		w.log = append(w.log, "429")
		w.mu.Unlock()
		return response(429, map[string]any{"retry_after": left.Seconds()})
	}
	r := w.reply(t, "1")
	r.Start()
	for i := range 30 {
		r.Update(fmt.Sprint("text ", i))
		time.Sleep(5 * time.Millisecond)
	}
	full.Lock()
	until = time.Now().Add(400 * time.Millisecond) // however slow the machine was
	full.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := r.Finish(ctx, chat.End{Text: "the end"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a finish without time gives %v", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("a finish with 50 ms took %v", took)
	}
	finish(t, r, "the end")
	want(t, w, "the end")
	if n := w.count("429"); n > 4 {
		t.Errorf("%d requests into the rate limit", n)
	}
}

func TestFailuresAreTriedAgain(t *testing.T) {
	w := &wall{}
	n := 0
	w.before = func(*http.Request, messageBody) *http.Response {
		if n++; n <= 2 {
			return response(500+n, "away")
		}
		return nil
	}
	finish(t, w.reply(t, "1"), "Here.")
	want(t, w, "Here.")

	w.before = func(*http.Request, messageBody) *http.Response { return response(403, map[string]any{"code": 50013}) }
	r := w.reply(t, "2")
	if id, err := r.Finish(context.Background(), chat.End{Text: "Not here."}); len(id) > 0 || code(err) != discordgo.ErrCodeMissingPermissions {
		t.Errorf("without permission: %q, %v", id, err)
	}
}

func TestDeletedPreviewIsSaidAnew(t *testing.T) {
	w := &wall{}
	r := w.reply(t, "1")
	r.Start()
	r.Update("Half")
	eventually(t, "a preview", func() bool { return len(w.reads()) == 1 })
	w.mu.Lock()
	w.posts[0].gone = true
	w.mu.Unlock()
	finish(t, r, "The whole.")
	want(t, w, "The whole.")
}

func TestShrinkingAnswerRemovesWhatIsTooMuch(t *testing.T) {
	w := &wall{}
	r := w.reply(t, "1")
	r.Start()
	r.Update(strings.Repeat("word ", 500))
	eventually(t, "two messages", func() bool { return len(w.reads()) == 2 })
	finish(t, r, "short")
	want(t, w, "short")
}

func TestTypingWhileNothingIsSaid(t *testing.T) {
	w := &wall{}
	r := w.reply(t, "1")
	r.Start()
	eventually(t, "typing", func() bool { return w.count("typing") == 1 })
	finish(t, r, "Done.")
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := w.log[len(w.log)-1]; last != "POST Done." {
		t.Errorf("the last request is %q", last)
	}
}

// note is a surface that notes what is done there.
type note struct{ did []string }

func (n *note) create(_ context.Context, _ string, d draft) (string, face, error) {
	n.did = append(n.did, "create "+d.nonce)
	return "5", face{}, nil
}

func (n *note) edit(context.Context, string, string, string, buttons, bool) error { return nil }
func (n *note) typing(context.Context, string) error                              { return nil }

func (n *note) remove(_ context.Context, _, id string) error {
	n.did = append(n.did, "remove "+id)
	return nil
}

// What says that a question waits goes with it, also if Discord's answer to its creation
// was lost: its nonce finds it.
func TestWithdrawOfWhatIsNotKnown(t *testing.T) {
	n := &note{}
	r := &reply{rest: n, question: "1", lost: &draft{nonce: "1-w"}, later: func(f func(context.Context)) { f(t.Context()) }}
	r.Withdraw(t.Context())
	if want := []string{"create 1-w", "remove 5"}; !slices.Equal(n.did, want) {
		t.Errorf("done: %q, want %q", n.did, want)
	}
}
