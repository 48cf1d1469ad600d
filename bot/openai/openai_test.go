package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moebot/bot/chat"
	"moebot/session"
)

func ptr[T any](v T) *T { return &v }

func defaults() session.Settings {
	return session.Settings{Temperature: ptr(0.5), TopP: ptr(0.9), MinP: ptr(0.1), RepeatPenalty: ptr(1.2), TopK: ptr(40), MaxTokens: ptr(64), Persona: ptr("")}
}

// open starts a server that answers with handle, and a client of it.
func open(t *testing.T, change func(*Options), handle http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	o := Options{URL: server.URL + "/v1", Model: "big", Window: 512, Defaults: defaults, Client: server.Client()}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func said(author, text string) session.Turn {
	return session.Turn{Role: session.RoleUser, Author: author, Text: text}
}

// events answers with a stream, each part of which is sent on its own.
func events(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, p := range parts {
			io.WriteString(w, p)
			w.(http.Flusher).Flush()
		}
	}
}

func delta(text string) string {
	b, _ := json.Marshal(text)
	return fmt.Sprintf(`data: {"choices":[{"index":0,"delta":{"content":%s}}]}`+"\n\n", b)
}

const stop = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"

func generate(c *Client, p chat.Prompt) (a chat.Answer, pieces []string, err error) {
	a, err = c.Generate(context.Background(), p, func(s string) error {
		pieces = append(pieces, s)
		return nil
	})
	return a, pieces, err
}

func TestRequest(t *testing.T) {
	var got map[string]any
	var path, key string
	c := open(t, func(o *Options) {
		o.Key, o.Extras, o.Chances = "k3y", true, true
		o.Penalties = func() (float64, float64) { return 0.5, -1 }
	}, func(w http.ResponseWriter, r *http.Request) {
		path, key = r.URL.Path, r.Header.Get("Authorization")
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		events(stop)(w, r)
	})
	turns := []session.Turn{said("Ann: the\nsecond", "hello"), {Role: session.RoleAssistant, Text: "Hi!"}, said("", "and?")}
	_, _, err := generate(c, chat.Prompt{Turns: turns, Begin: "Well,", Settings: session.Settings{Temperature: ptr(0.0), Persona: ptr("Be brief."), Seed: ptr(uint64(7))}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"model": "big", "stream": true, "stream_options": map[string]any{"include_usage": true},
		"temperature": 0.0, "top_p": 0.9, "seed": 7.0, "max_tokens": 64.0, "logprobs": true, "top_logprobs": 5.0, "frequency_penalty": 0.5, "presence_penalty": -1.0,
		"top_k": 40.0, "min_p": 0.1, "repeat_penalty": 1.2, "repetition_penalty": 1.2, "add_generation_prompt": false, "continue_final_message": true,
		"messages": []any{
			map[string]any{"role": "system", "content": "Be brief."},
			map[string]any{"role": "user", "content": "Ann the second: hello"},
			map[string]any{"role": "assistant", "content": "Hi!"},
			map[string]any{"role": "user", "content": "and?"},
			map[string]any{"role": "assistant", "content": "Well,"}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if path != "/v1/chat/completions" || key != "Bearer k3y" {
		t.Errorf("asked at %s with %q", path, key)
	}
}

func TestWithoutExtrasOnlyWhatOpenAIKnows(t *testing.T) {
	var got map[string]any
	c := open(t, nil, func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		events(stop)(w, r)
	})
	if _, _, err := generate(c, chat.Prompt{Turns: []session.Turn{said("A", "b")}, Begin: "c"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"top_k", "min_p", "repeat_penalty", "repetition_penalty", "add_generation_prompt", "continue_final_message", "logprobs", "seed", "frequency_penalty", "presence_penalty"} {
		if v, ok := got[name]; ok {
			t.Errorf("%s is %v", name, v)
		}
	}
}

func TestStream(t *testing.T) {
	usage := `data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":8}}}` + "\n\n"
	for _, tc := range []struct {
		name   string
		parts  []string
		begin  string
		pieces []string
		text   string
		stop   string
		usage  [3]int
	}{
		{"pieces", []string{delta(" \n"), delta(" Hel"), delta("lo."), stop, usage, "data: [DONE]\n\n"}, "", []string{"Hel", "lo."}, "Hello.", "end", [3]int{12, 3, 8}},
		{"an event cut in two", []string{delta("Hel")[:20], delta("Hel")[20:], stop, "data: [DONE]\n\n"}, "", []string{"Hel"}, "Hel", "end", [3]int{0, 1, 0}},
		{"lines end as in HTTP", []string{strings.ReplaceAll(delta("a")+stop, "\n", "\r\n")}, "", []string{"a"}, "a", "end", [3]int{0, 1, 0}},
		{"comments and other fields", []string{": ping\n\nevent: x\nid: 1\n", delta("a"), stop}, "", []string{"a"}, "a", "end", [3]int{0, 1, 0}},
		{"no blank line at the end", []string{delta("a"), strings.TrimSuffix(stop, "\n\n")}, "", []string{"a"}, "a", "end", [3]int{0, 1, 0}},
		{"too long", []string{delta("a"), strings.Replace(stop, `"stop"`, `"length"`, 1)}, "", []string{"a"}, "a", "length", [3]int{0, 1, 0}},
		{"what follows a beginning keeps its blank", []string{delta(" more"), stop}, "One", []string{" more"}, " more", "end", [3]int{0, 1, 0}},
		{"nothing", []string{stop}, "", nil, "", "end", [3]int{}},
		{"ends as only this server does", []string{delta("a"), strings.Replace(stop, `"stop"`, `"tool_calls"`, 1)}, "", []string{"a"}, "a", "stop", [3]int{0, 1, 0}},
		{"goes on without end", []string{delta("a"), delta(strings.Repeat("x", 64*tokenBytes)), delta("b"), stop}, "", []string{"a"}, "a", "length", [3]int{0, 1, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := open(t, nil, events(tc.parts...))
			a, pieces, err := generate(c, chat.Prompt{Turns: []session.Turn{said("A", "b")}, Begin: tc.begin})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.pieces, pieces); d != "" {
				t.Error(d)
			}
			u := a.Usage
			if a.Text != tc.text || a.Stop != tc.stop || [3]int{u.PromptTokens, u.DecodedTokens, u.ReusedTokens} != tc.usage {
				t.Errorf("%q, %s, %+v", a.Text, a.Stop, u)
			}
		})
	}
}

func TestChances(t *testing.T) {
	event := `data: {"choices":[{"delta":{"content":"yes"},"logprobs":{"content":[{"token":"yes","logprob":-0.5,"top_logprobs":[{"token":"yes","logprob":-0.5},{"token":"no","logprob":-1}]}]}}]}` + "\n\n"
	a, _, err := generate(open(t, nil, events(event, stop)), chat.Prompt{Turns: []session.Turn{said("A", "b")}})
	if err != nil {
		t.Fatal(err)
	}
	want := []chat.TraceToken{{Text: "yes", Prob: math.Exp(-0.5), Alternatives: []chat.Alternative{{Text: "yes", Prob: math.Exp(-0.5)}, {Text: "no", Prob: math.Exp(-1)}}}}
	if d := cmp.Diff(want, a.Trace.Tokens); d != "" {
		t.Error(d)
	}
}

func TestErrors(t *testing.T) {
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	for _, tc := range []struct {
		name   string
		handle http.HandlerFunc
		want   string
		says   string // of the server: only for who looks for it
		busy   bool
		text   string // what is kept
	}{
		{"a reason", status(404, `{"error":{"message":"no model big"}}`), "404 Not Found", "no model big", false, ""},
		{"a kind", status(400, `{"error":{"message":"hello is no JSON","type":"invalid_request_error","code":400}}`), "invalid_request_error, 400", "hello is no JSON", false, ""},
		{"a kind that is none", status(400, `{"error":{"message":"what","type":"you asked: hello","code":{"a":"s3cret"}}}`), "400 Bad Request: the server reports an error", "what", false, ""},
		{"a page", status(502, "<html>\nbad gateway</html>"), "502 Bad Gateway", "<html> bad gateway</html>", false, ""},
		{"too many", status(429, `{"error":{"message":"slow down"}}`), "429 Too Many Requests", "slow down", true, ""},
		{"loading", status(503, `{"error":{"message":"loading model"}}`), "503 Service Unavailable", "loading model", true, ""},
		{"the key comes back", status(401, `{"error":{"message":"wrong key s3cret","code":"s3cret"}}`), "401 Unauthorized", "wrong key (hidden)", false, ""},
		{"an error in the stream", events(delta("So far"), `data: {"error":{"message":"out of memory","type":"server_error"}}`+"\n\n"), "server_error", "out of memory", false, "So far"},
		{"the stream breaks off", events(delta("So far")), "ended too early", "", false, "So far"},
		{"no JSON", events(delta("So far"), "data: {\n\n"), "no JSON", "", false, "So far"},
		{"a line without end", events("data: " + strings.Repeat("x", maxEvent+1)), "too long", "", false, ""},
		{"an event without end", events(strings.Repeat("data: "+strings.Repeat("x", 1000)+"\n", maxEvent/1000)), "too long", "", false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log strings.Builder
			c := open(t, func(o *Options) {
				o.Key, o.Log = "s3cret", slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			}, tc.handle)
			a, _, err := generate(c, chat.Prompt{Turns: []session.Turn{said("A", "b")}})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), c.host) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error %v", err)
			}
			if told := log.String(); tc.says != "" && (strings.Contains(err.Error(), tc.says) || !strings.Contains(told, tc.says)) || strings.Contains(told, "s3cret") {
				t.Errorf("error %v; told of %s", err, told)
			}
			if errors.Is(err, ErrBusy) != tc.busy || a.Text != tc.text {
				t.Errorf("busy %v, kept %q", errors.Is(err, ErrBusy), a.Text)
			}
		})
	}
}

func TestCancelKeepsWhatCame(t *testing.T) {
	gone := make(chan struct{})
	c := open(t, nil, func(w http.ResponseWriter, r *http.Request) {
		events(delta("First"))(w, r)
		<-r.Context().Done() // the client hangs up
		close(gone)
	})
	ctx, cancel := context.WithCancel(context.Background())
	a, err := c.Generate(ctx, chat.Prompt{Turns: []session.Turn{said("A", "b")}}, func(string) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || a.Text != "First" || a.Stop != "cancelled" {
		t.Errorf("%+v, %v", a, err)
	}
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Error("the server goes on")
	}
}

func TestOldTurnsAreLeftOut(t *testing.T) {
	c := open(t, func(o *Options) { o.Window = 256 }, nil)
	var turns []session.Turn
	for i := range 40 {
		turns = append(turns, said("A", fmt.Sprintf("message %d %s", i, strings.Repeat("x", 40))))
	}
	r, dropped := c.request(chat.Prompt{Turns: turns})
	if dropped == 0 || dropped+len(r.Messages) != len(turns) || !strings.Contains(r.Messages[len(r.Messages)-1].Content, "message 39") {
		t.Errorf("%d dropped, %d sent", dropped, len(r.Messages))
	}
	n := 0
	for _, m := range r.Messages {
		n += guess(m.Content)
	}
	if n > 256-r.MaxTokens {
		t.Errorf("about %d tokens for a window of 256 with %d for the answer", n, r.MaxTokens)
	}
	if r, dropped := c.request(chat.Prompt{Turns: []session.Turn{said("A", "old"), said("A", strings.Repeat("long ", 1000))}}); dropped != 1 || len(r.Messages) != 1 {
		t.Errorf("of a question that is too long %d messages are sent", len(r.Messages))
	}
}

func TestNewRefuses(t *testing.T) {
	for url, want := range map[string]string{"": "no address", "host:1/v1": "no address", "ftp://h/v1": "no address", "http://u:p@h/v1": "password", "http://h/v1?key=x": "query"} {
		if _, err := New(Options{URL: url, Model: "m", Window: 512}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := New(Options{URL: "http://h/v1", Window: 512}); err == nil || !strings.Contains(err.Error(), "no name") {
		t.Errorf("%v", err)
	}
	if _, err := New(Options{URL: "http://h/v1", Model: "m", Window: 3}); err == nil || !strings.Contains(err.Error(), "window of 3") {
		t.Errorf("%v", err)
	}
}

func FuzzStream(f *testing.F) {
	f.Add(delta("a") + stop)
	f.Add("data: {\"choices\":null}\n\ndata: [DONE]\n\n")
	f.Fuzz(func(t *testing.T, in string) {
		var got strings.Builder
		s := stream{leading: true, room: 1 << 20, emit: func(p string) error { got.WriteString(p); return nil }}
		err := s.read(strings.NewReader(in))
		if a := s.answer(); strings.TrimRight(got.String(), " \n") != a.Text || err == nil && a.Stop == "" {
			t.Errorf("emitted %q, answer %+v, error %v", got.String(), a, err)
		}
	})
}
