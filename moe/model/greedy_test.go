package model

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moebot/moe/defaultmodel"
	"moebot/moe/gguf"
	"moebot/moe/kernel"
)

// What llama.cpp says greedily with the embedded model, from greedy.json beside it:
// the same text as ours when it is given the weights in F32, and as a rule when it is
// given the file, where it rounds activations to 8 bits and we do not.
func TestGreedyTextOfTheEmbeddedModel(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "defaultmodel", "greedy.json"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []struct {
		Prompt     string  `json:"prompt"`
		PromptIDs  []int32 `json:"prompt_ids"`
		ReplyIDs   []int32 `json:"reply_ids"`
		RoundedIDs []int32 `json:"rounded_ids"` // of the file itself, where that is another
	}
	if err := json.Unmarshal(b, &texts); err != nil {
		t.Fatal(err)
	}
	if len(texts) < 24 {
		t.Fatalf("%d texts, want 24 at least", len(texts))
	}
	f, err := gguf.Parse(defaultmodel.GGUF())
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	pool := kernel.NewPool(2)
	defer pool.Close()
	for _, r := range texts {
		s, cache := m.NewScratch(pool, len(r.PromptIDs)), newCache(m, len(r.PromptIDs)+len(r.ReplyIDs))
		batch := make([]Input, len(r.PromptIDs))
		for i, id := range r.PromptIDs {
			batch[i] = Input{id, cache, i == len(batch)-1}
		}
		m.Forward(s, batch)
		logits := s.Logits(0)
		var ours []int32
		rounding := false // llama.cpp left our text for its own
		for i := range r.ReplyIDs {
			next := int32(argmax(logits))
			ours = append(ours, next)
			if !rounding && i < len(r.RoundedIDs) && r.RoundedIDs[i] != next {
				// Its logits move by up to 0.2 by the rounding.
				rounding = true
				if lead := logits[next] - logits[r.RoundedIDs[i]]; lead > 0.2 {
					t.Errorf("%q: token %d is %d, by %.2f likelier than llama.cpp's %d: more than rounding explains", r.Prompt, i, next, lead, r.RoundedIDs[i])
				}
			}
			m.Forward(s, []Input{{next, cache, true}})
			logits = s.Logits(0)
		}
		if !slices.Equal(ours, r.ReplyIDs) {
			t.Errorf("%q: %d, want %d", r.Prompt, ours, r.ReplyIDs)
		}
	}
}
