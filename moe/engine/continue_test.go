package engine

import (
	"slices"
	"strings"
	"testing"

	"moebot/moe/sample"
	"moebot/moe/tokenizer"
)

// A reply that is cut anywhere and continued says what it says in one piece: also with a
// vocabulary that writes blanks before words, and drops the first.
func TestAContinuedReplyGoesOnWhereItWasCut(t *testing.T) {
	m, _ := tinyModel(t)
	spec := tokenizer.Spec{Model: "llama", BOS: -1, EOS: vocab - 1, EOT: -1, Pad: -1, Scores: make([]float32, vocab)}
	for i := range vocab - 1 {
		spec.Tokens = append(spec.Tokens, []string{"▁", ""}[i%2]+string(rune('0'+i)))
	}
	spec.Tokens = append(spec.Tokens, "</s>")
	tok, err := tokenizer.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(m, tok, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	r := request("", 0, 1, 2, 3)
	r.Sampling.Temperature, r.Trace = 0, true
	whole := generate(t, e, r)
	blanks := 0
	for n := 1; n < len(whole.Trace); n++ {
		r := r
		r.Tokens = slices.Clone(r.Tokens)
		for _, tr := range whole.Trace[:n] {
			r.Tokens = append(r.Tokens, tr.ID)
		}
		r.Begun, r.MaxTokens, r.Before = n, 20-n, tok.Decode(r.Tokens[3:])
		more := generate(t, e, r)
		if r.Before+more.Text != whole.Text {
			t.Errorf("cut at %q, then %q, in one piece %q", r.Before, more.Text, whole.Text)
		}
		if !strings.HasPrefix(more.Text, " ") {
			continue
		}
		blanks++
		two := r.Before[len(r.Before)-1:] + more.Text[:2]
		r.Never, r.MaxTokens = sample.NewBan(tok, []string{two}), 1
		if got := generate(t, e, r).Text; got == more.Text[:2] {
			t.Errorf("%q is said behind %q", two, r.Before)
		}
	}
	if blanks < 3 {
		t.Errorf("only %d cuts before a blank: the test is too easy", blanks)
	}
}
