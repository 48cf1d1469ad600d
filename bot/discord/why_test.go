package discord

import (
	"strings"
	"testing"

	"moebot/bot/chat"
)

// /why says that an answer was chosen, and from how many, but none of the others: nobody has
// checked their words.
func TestWhyCountsDrafts(t *testing.T) {
	tr := chat.Trace{Layers: 1, Experts: 2, Tokens: []chat.TraceToken{{Text: "hi", Prob: 0.5, Alternatives: []chat.Alternative{{Text: "yo", Prob: 0.25}}}}}
	if text := whyText(nil, tr); strings.Contains(text, "answers") || !strings.Contains(text, "perplexity 2.0") || !strings.Contains(text, "`yo` 25 %") {
		t.Errorf("of one answer: %s", text)
	}
	tr.Drafts = []chat.Draft{{Text: "hi", Score: -0.7}, {Text: "secret words", Score: -2}}
	text := whyText(nil, tr)
	if !strings.Contains(text, "I made 2 answers at once, and found this one the likeliest.") || strings.Contains(text+string(whyTable(tr)), "secret") {
		t.Errorf("of two: %s", text)
	}
}
