package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"moebot/moe/defaultmodel"
	"moebot/moe/engine"
	"moebot/moe/gguf"
	"moebot/moe/model"
	"moebot/moe/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open is a Lab over the embedded model, and its handler; in channel "empty" nothing was
// said.
func open(t *testing.T) (*Lab, http.Handler) {
	t.Helper()
	f, err := gguf.Parse(defaultmodel.GGUF())
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := model.Tokenizer(f)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(m, tok, engine.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	l := New(m, tok, e)
	t.Cleanup(func() { l.Close(); e.Close() })
	return l, l.Handler(func(_ context.Context, channel, author, text string) (engine.Request, error) {
		if channel == "empty" && text == "" {
			return engine.Request{}, errors.New("nothing was said")
		}
		return engine.Request{Key: channel, Tokens: tok.Encode(author+": "+text, false), Sampling: sample.Params{TopP: 1, RepeatPenalty: 1}}, nil
	})
}

func ask(t *testing.T, h http.Handler, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = "127.0.0.1:999"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestLook(t *testing.T) {
	l, h := open(t)
	c := l.model.Config
	got := map[string]map[string]json.RawMessage{}
	for _, what := range []string{"tokens", "next", "neighbours", "attention", "neurons", "lens", "routes"} {
		code, body := ask(t, h, "/look", fmt.Sprintf(`{"what":%q,"text":"The old king told his daughters a story","layer":1,"head":2,"position":3}`, what))
		var v map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &v); code != 200 || err != nil || len(v["tokens"]) < 50 {
			t.Fatalf("%s: %d %.300s", what, code, body)
		}
		got[what] = v
	}
	read := func(what, key string, v any) {
		t.Helper()
		if err := json.Unmarshal(got[what][key], v); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	var tokens []token
	read("tokens", "tokens", &tokens)
	var text strings.Builder
	for _, x := range tokens {
		text.WriteString(x.Text)
	}
	if text.String() != "<|bos|>The·old·king·told·his·daughters·a·story" {
		t.Errorf("tokens %q", text.String())
	}
	var spread []struct {
		Entropy float64
		Top     []struct{ Prob float64 }
	}
	read("next", "spread", &spread)
	if len(spread) != 20 || spread[0].Entropy >= spread[19].Entropy || len(spread[3].Top) != shownNext || spread[0].Top[0].Prob < spread[19].Top[0].Prob {
		t.Errorf("next %+v", spread)
	}
	var pattern struct{ Weights [][]float64 }
	read("attention", "pattern", &pattern)
	for i, row := range pattern.Weights {
		sum := 0.0
		for _, w := range row {
			sum += w
		}
		if len(row) != len(tokens) || sum < 0.999 || sum > 1.001 {
			t.Errorf("attention row %d: %v", i, row)
		}
	}
	var routes [][]struct{ Experts []int }
	read("routes", "routes", &routes)
	if len(routes) != len(tokens) || len(routes[0]) != c.Layers || len(routes[0][0].Experts) != c.TopK {
		t.Errorf("routes %v", routes)
	}
	var firings []struct {
		Expert int
		Raises []struct{ Text string }
	}
	read("neurons", "firings", &firings)
	if len(firings) != shownNeurons || len(firings[0].Raises) != 5 || !slices.Contains(routes[3][1].Experts, firings[0].Expert) {
		t.Errorf("neurons %+v, experts chosen %v", firings, routes[3][1].Experts)
	}
}

// An edit that does nothing changes nothing; one that silences both experts of a layer
// does; the null model stands beside it.
func TestCompare(t *testing.T) {
	_, h := open(t)
	for _, tc := range []struct {
		edits   string
		changes bool
	}{{`[]`, false}, {`["expert:0.0=1"]`, false}, {`["head:0.0=0","head:0.1=0","head:0.2=0"]`, true}, {`["direction:2.question=6"]`, true}, {`["component:0.question=1e8","expert:0.0=-1e8"]`, true}} {
		code, body := ask(t, h, "/look", `{"what":"edit","text":"How are you","edits":`+tc.edits+`}`)
		var v changed
		if err := json.Unmarshal([]byte(body), &v); code != 200 || err != nil || len(v.Before.Top) != shownNext || len(v.After.Top) != shownNext {
			t.Fatalf("%s: %d %.300s", tc.edits, code, body)
		}
		if (v.Distance > 1e-6) != tc.changes {
			t.Errorf("%s changes the next token by %v bits", tc.edits, v.Distance)
		}
		if tc.changes && (len(v.Null) != 10 || v.P <= 0 || v.P > 1) {
			t.Errorf("%s: null model %v, p %v", tc.edits, v.Null, v.P)
		}
	}
}

// side is what one of the two replies said.
type side struct {
	text    string
	experts [][]int // [token] of layer 1
	end     string
}

func replies(t *testing.T, h http.Handler, body string) (out [2]side) {
	t.Helper()
	code, got := ask(t, h, "/reply", body)
	if code != 200 {
		t.Fatalf("%s: %d %s", body, code, got)
	}
	lines := bufio.NewScanner(strings.NewReader(got))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var x line
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil || x.Error != "" {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		s := &out[x.Side]
		if x.Token != nil {
			s.text += x.Token.Text
			var experts []int
			for _, c := range x.Token.Experts[1] {
				experts = append(experts, c.Expert)
			}
			s.experts = append(s.experts, experts)
			if len(x.Token.Alternatives) != 5 || !(x.Token.Prob > 0 && x.Token.Prob <= 1) {
				t.Errorf("token %+v", x.Token)
			}
		}
		if x.End != "" {
			s.end = x.End
		}
	}
	return out
}

func TestRepliesSideBySide(t *testing.T) {
	_, h := open(t)
	const ask = `{"channel":"c","as":"Mia","text":"hello, what do you like?","tokens":24,"temperature":0.8,"seed":4,"edits":[%s]%s}`
	none := replies(t, h, fmt.Sprintf(ask, "", ""))
	if none[0].text == "" || none[0].text != none[1].text || none[0].end == "" || none[1].end == "" {
		t.Errorf("without edits %+v", none)
	}
	taken := none[0].experts[0][0]
	for _, tc := range []struct {
		edit string
		ok   func(e []int) bool
	}{
		{fmt.Sprintf("forbid:1.%d", taken), func(e []int) bool { return !slices.Contains(e, taken) }},
		{fmt.Sprintf("force:1.%d", (taken+3)%8), func(e []int) bool { return slices.Contains(e, (taken+3)%8) }},
	} {
		got := replies(t, h, fmt.Sprintf(ask, `"`+tc.edit+`"`, ""))
		if got[0].text != none[0].text {
			t.Errorf("%s changes the other side: %q, %q", tc.edit, got[0].text, none[0].text)
		}
		for i, e := range got[1].experts {
			if !tc.ok(e) {
				t.Errorf("%s: token %d goes to %v", tc.edit, i, e)
			}
		}
	}
	far := replies(t, h, fmt.Sprintf(ask, `"direction:1.own=12"`, `,"with":["One two three four five."],"without":["The sea is blue and wide."]`))
	if far[0].text != none[0].text || far[1].text == none[1].text {
		t.Errorf("pushed far along a direction of one's own: %+v", far)
	}
}

func TestWrongRequestsNameWhatIsRight(t *testing.T) {
	l, h := open(t)
	c := l.model.Config
	text := `"text":"How are you"`
	reply := `"channel":"c","as":"Mia","text":"hi","tokens":4,"temperature":0`
	for _, tc := range []struct{ path, body, want string }{
		{"/look", `{"what":"nose",` + text + `}`, "unknown instrument"},
		{"/look", `{"what":"next","text":" "}`, "there is no text"},
		{"/look", `{"what":"attention","layer":99,` + text + `}`, fmt.Sprintf("layer is 99, want 0 to %d", c.Layers-1)},
		{"/look", `{"what":"attention","head":99,` + text + `}`, fmt.Sprintf("head is 99, want 0 to %d", c.Heads-1)},
		{"/look", `{"what":"neurons","layer":-1,` + text + `}`, fmt.Sprintf("layer is -1, want 0 to %d", c.Layers-1)},
		{"/look", `{"what":"neurons","position":9,` + text + `}`, "position is 9, want 0 to 3"},
		{"/look", `{"what":"neighbours","position":9,` + text + `}`, "position is 9, want 0 to 3"},
		{"/look", `{"what":"edit","edits":["nonsense"],` + text + `}`, "is no edit, want head:LAYER.HEAD=FACTOR"},
		{"/look", `{"what":"edit","edits":["direction:0.smell=1"],` + text + `}`, "unknown direction \\\"smell\\\", want one of question"},
		{"/look", `{"what":"edit","edits":["direction:0=1"],` + text + `}`, "a direction needs its name"},
		{"/look", `{"what":"edit","edits":["expert:0.99=0"],` + text + `}`, fmt.Sprintf("expert is 99, want 0 to %d", c.Experts-1)},
		{"/look", `{"what":"edit","edits":["expert:0.0=1e300"],` + text + `}`, "are too strong together"},
		{"/look", `{"what":"edit","edits":["component:0.question=1e6"` + strings.Repeat(`,"component:0.question=1e6"`, 9) + `],` + text + `}`, "are too strong together"},
		{"/look", `{"what":"edit","edits":["component:2.question=1e9","direction:0.question=1e9"],` + text + `}`, "are too strong together"},
		{"/look", `{"what":1}`, "not understood"},
		{"/look", `{"what":"next","nose":1}`, "not understood"},
		{"/reply", `{` + reply + `,"edits":["neuron:0.0.9999=0"]}`, fmt.Sprintf("neuron is 9999, want 0 to %d", c.Hidden-1)},
		{"/reply", `{` + reply + `,"edits":["force:77.0"]}`, fmt.Sprintf("layer is 77, want 0 to %d", c.Layers-1)},
		{"/reply", `{` + reply + `,"with":["a"],"edits":["direction:0.own=1"]}`, "needs 1 to 60 sentences without it"},
		{"/reply", `{` + reply + `,"edits":["direction:1.own=1"]}`, "needs 1 to 60 sentences with it, not 0"},
		{"/reply", `{"channel":"empty","text":"","tokens":4,"temperature":0}`, "nothing was said"},
		{"/reply", `{"channel":"c","text":"hi","tokens":4,"temperature":7}`, "0 to 2"},
		{"/reply", `{"channel":"c","text":"hi","tokens":0,"temperature":1}`, "number of reply tokens is 0, want 1 to 400"},
	} {
		if code, body := ask(t, h, tc.path, tc.body); code != 400 || !strings.Contains(body, tc.want) {
			t.Errorf("%s %s: %d %s; want 400 and %q", tc.path, tc.body, code, body, tc.want)
		}
	}
}

func TestOnlyThisMachineIsAnswered(t *testing.T) {
	_, h := open(t)
	for addr, want := range map[string]int{"127.0.0.1:5": 200, "[::1]:5": 200, "192.168.0.7:5": 403, "[2001:db8::1]:80": 403, "": 403} {
		r := httptest.NewRequest(http.MethodGet, "/model", nil)
		r.RemoteAddr = addr
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("from %q: %d, want %d", addr, w.Code, want)
		}
	}
	if code, _ := ask(t, h, "/look", strings.Repeat(" ", 70<<10)+"{}"); code != 400 {
		t.Errorf("a long request: %d", code)
	}
}
