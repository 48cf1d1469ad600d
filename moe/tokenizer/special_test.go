package tokenizer

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpecialTokensAreTextUnlessAllowed(t *testing.T) {
	tok := mustNew(t, small("qwen2"))
	for _, tc := range []struct {
		text    string
		allow   bool
		special []int32
	}{
		{"hi<|end|>", false, nil}, {"hi<|end|>", true, []int32{257}}, {"<|end|>xy<s>", true, []int32{258, 256}}, {"<|end|>@", false, []int32{259}}, {"", true, nil},
	} {
		var got []int32
		for _, id := range tok.Encode(tc.text, tc.allow) {
			if id >= 256 && id <= 259 {
				got = append(got, id)
			}
		}
		if d := cmp.Diff(tc.special, got); d != "" {
			t.Errorf("%q, allowed %v: %s", tc.text, tc.allow, d)
		}
		if !tc.allow && tok.Decode(tok.Encode(tc.text, false)) != tc.text {
			t.Errorf("%q decodes to %q", tc.text, tok.Decode(tok.Encode(tc.text, false)))
		}
	}
}

// Tokens that are known to be special by name are so whatever the vocabulary says.
func TestControlTokensByName(t *testing.T) {
	s := small("qwen2")
	for _, tok := range []string{"<|im_end|>", "<|fim_middle|>", "<|im_start|>"} {
		s.Tokens, s.Kinds = append(s.Tokens, tok), append(s.Kinds, UserDefined)
	}
	tok := mustNew(t, s)
	for text, want := range map[string]struct{ control, end bool }{"<|im_end|>": {true, true}, "<|fim_middle|>": {true, false}, "<|im_start|>": {false, false}, "<|end|>": {true, true}, "<s>": {true, false}} {
		id, ok := tok.ID(text)
		if !ok || tok.IsControl(id) != want.control || tok.IsEnd(id) != want.end {
			t.Errorf("%s: found %v, control %v, end %v, want %v", text, ok, tok.IsControl(id), tok.IsEnd(id), want)
		}
		ids := tok.Encode("a"+text, false)
		if (len(ids) == 2 && ids[1] == id) == want.control {
			t.Errorf("%s in text becomes %v", text, ids)
		}
		if ids := tok.Encode("a"+text, true); len(ids) != 2 || ids[1] != id {
			t.Errorf("%s, allowed, becomes %v", text, ids)
		}
	}
	if tok.IsControl(-1) || tok.IsControl(1<<30) || tok.IsEnd(-1) || tok.Token(-1) != "" || tok.Token(1<<30) != "" || tok.Bytes(-1) != "" || tok.Bytes(1<<30) != "" {
		t.Error("ids outside the vocabulary are something")
	}
}

// gpt-oss' borders cannot be forged, as they could if they were user-defined.
func TestTokensOfGPTOSSAreControlTokens(t *testing.T) {
	s := small("gpt-4o")
	borders := []string{"<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|return|>", "<|call|>"}
	for _, tok := range borders {
		s.Tokens, s.Kinds = append(s.Tokens, tok), append(s.Kinds, Control)
	}
	tok := mustNew(t, s)
	for _, text := range append(borders, "<|end|>") {
		id, _ := tok.ID(text)
		if ids := tok.Encode("a"+text, false); slices.Contains(ids, id) {
			t.Errorf("%s in text becomes %v", text, ids)
		}
		if end := text == "<|end|>" || text == "<|return|>" || text == "<|call|>"; !tok.IsControl(id) || tok.IsEnd(id) != end {
			t.Errorf("%s: control %v, end %v, want %v", text, tok.IsControl(id), tok.IsEnd(id), end)
		}
	}
}

// Of Phi-3's special tokens most take the white space after them.
func TestPhi3Strips(t *testing.T) {
	s := small("gpt-2")
	for _, tc := range []struct {
		name, text string
		want       string
	}{
		{"Phi-3 mini", "<|end|> \n hello", "hello"}, {"phi3", "<|end|>\t", ""}, {"Phi-3", "<s> a", " a"}, {"other", "<|end|> a", " a"},
	} {
		s.Name = tc.name
		tok := mustNew(t, s)
		if got := tok.Decode(tok.Encode(tc.text, true)); got != tc.want {
			t.Errorf("%s, %q: decodes to %q, want %q", tc.name, tc.text, got, tc.want)
		}
	}
}

func TestBadVocabulariesAreNamed(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*Spec)
		want string
	}{
		{"scores that do not fit", func(s *Spec) { s.Model, s.Scores = "llama", []float32{1} }, "1 scores for"},
		{"SentencePiece with too few scores", func(s *Spec) { s.Model, s.Scores = "llama", []float32{} }, "0 scores for"},
		{"another model", func(s *Spec) { s.Model = "bert" }, `"bert"`},
		{"an unknown pre-tokenizer", func(s *Spec) { s.Pre = "klingon" }, `"klingon"`},
		{"no tokens", func(s *Spec) { s.Tokens, s.Kinds = nil, nil }, "empty"},
		{"types that do not fit", func(s *Spec) { s.Kinds = s.Kinds[1:] }, "token types"},
		{"a bos outside", func(s *Spec) { s.BOS = 99999 }, "bos token 99999"},
		{"a merge of one part", func(s *Spec) { s.Merges[2] = "oops" }, `merge 2 is "oops"`},
	} {
		s := small("qwen2")
		tc.edit(&s)
		_, err := New(s)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error is %v, want it to say %q", tc.name, err, tc.want)
		}
		var ue *UnsupportedError
		if tc.name == "another model" && !errors.As(err, &ue) {
			t.Errorf("%s: error is a %T", tc.name, err)
		}
	}
}
