package model

import (
	"cmp"
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
				rounding = true
				lead := logits[next] - logits[r.RoundedIDs[i]]
				if lead > rounded && !reroutes(m, pool, slices.Concat(r.PromptIDs, ours[:i]), next, r.RoundedIDs[i]) {
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

// rounded is how far llama.cpp's rounding moves the output's logits where it gives no token to
// another expert; it may where the router's logits for them are less than missed apart.
const rounded, missed = 0.2, 0.02

// reroutes reports whether behind ids token next would lead token other by no more than
// rounding moves logits if one token went to the expert that it missed by so little.
func reroutes(m *Model, pool *kernel.Pool, ids []int32, next, other int32) bool {
	type choice struct {
		layer, token, last, next int
		by                       float32
	}
	lead := func(hook Hook) float32 {
		s, cache := m.NewScratch(pool, len(ids)), newCache(m, len(ids))
		s.Hook = hook
		batch := make([]Input, len(ids))
		for i, id := range ids {
			batch[i] = Input{id, cache, i == len(ids)-1}
		}
		m.Forward(s, batch)
		return s.Logits(0)[next] - s.Logits(0)[other]
	}
	var near []choice
	lead(func(at Point, layer int, rows []float32, width int) {
		if at != AtRouter {
			return
		}
		for i := range len(rows) / width {
			row := rows[i*width : (i+1)*width]
			order := make([]int, width)
			for e := range order {
				order[e] = e
			}
			slices.SortFunc(order, func(a, b int) int { return cmp.Compare(row[b], row[a]) })
			last, next := order[m.Config.TopK-1], order[m.Config.TopK]
			if by := row[last] - row[next]; by < missed {
				near = append(near, choice{layer, i, last, next, by})
			}
		}
	})
	slices.SortFunc(near, func(a, b choice) int { return cmp.Compare(a.by, b.by) })
	for _, c := range near {
		l := lead(func(at Point, layer int, rows []float32, width int) {
			if at == AtRouter && layer == c.layer {
				row := rows[c.token*width:]
				row[c.last], row[c.next] = row[c.next], row[c.last]
			}
		})
		if l <= rounded {
			return true
		}
	}
	return false
}
