package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moebot/moe/backprop"
	"moebot/moe/checkpoint"
)

// What a run goes on with must be what it was begun with, as far as its checkpoint says it.
func TestResumingWithOtherThingsIsRefused(t *testing.T) {
	c := recipe(10)
	c.LoRA, c.Optim.Muon = &LoRA{Rank: 2, Alpha: 4}, false
	total, _ := c.Model.Parameters()
	base := make([]float32, total)
	backprop.Init(c.Model, base, 8)
	begin := func(vocabulary string, change func(*Run)) Run {
		r := run(t, t.TempDir(), c)
		r.Init, r.Held = append([]float32(nil), base...), nil
		for _, s := range r.Train {
			s.Vocabulary = vocabulary
		}
		change(&r)
		return r
	}
	first := begin("one", func(*Run) {})
	ctx, cancel := context.WithCancel(t.Context())
	first.Out = cancelAfter{cancel, new(int), 1}
	if _, err := first.Do(ctx, false); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	latest := filepath.Join(first.Dir, "latest.ckpt")
	var st state
	vectors, err := checkpoint.Load(latest, &st)
	if err != nil {
		t.Fatal(err)
	}
	other := func(r *Run) { r.Init[5]++ }
	repacked := func(r *Run) { r.Train[0].Tokens[7]++ }
	for _, tc := range []struct {
		name, vocabulary, want string
		change                 func(*Run)
	}{
		{"all the same", "one", "", func(*Run) {}},
		{"shards that do not say their vocabulary", "", "", func(*Run) {}},
		{"another vocabulary", "two", "vocabulary", func(*Run) {}},
		{"another base", "one", "other weights", other},
		{"another text", "one", "source a", repacked},
	} {
		for _, known := range []bool{true, false} {
			old := st
			if !known {
				old.Vocabulary, old.Data, old.Base = "", nil, ""
			}
			r := begin(tc.vocabulary, tc.change)
			if err := checkpoint.Save(filepath.Join(r.Dir, "latest.ckpt"), old, vectors); err != nil {
				t.Fatal(err)
			}
			_, err := r.Do(t.Context(), true)
			if want := known && tc.want != ""; (err != nil) != want || want && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s, said by the checkpoint %v: %v", tc.name, known, err)
			}
		}
	}
	if _, _, err := Weights(latest, testVocabulary(40)); err == nil || !strings.Contains(err.Error(), "another vocabulary") {
		t.Errorf("weights for another vocabulary: %v", err)
	}
}

// The weights of phases that a run has been in draw its past batches again, so they stay;
// what is to come may be changed.
func TestResumingWithAnotherRecipe(t *testing.T) {
	first := run(t, t.TempDir(), recipe(20))
	first.Held = nil
	ctx, cancel := context.WithCancel(t.Context())
	first.Out = cancelAfter{cancel, new(int), 1} // at step 5, in phase 0
	if _, err := first.Do(ctx, false); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	newest, err := os.ReadFile(filepath.Join(first.Dir, "latest.ckpt"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string // of the error
	}{
		"another weight":                {func(c *Config) { c.Phases[0].Mix.Weights["b"] = 3 }, "phase 0, which it has been in: its weight of source b is 1, the recipe's 3"},
		"a source less":                 {func(c *Config) { delete(c.Phases[0].Mix.Weights, "a") }, "source a is 1, the recipe's 0"},
		"longer":                        {func(c *Config) { c.Steps = 24 }, ""},
		"another learning rate":         {func(c *Config) { c.LR = 0.001 }, ""},
		"another loss weight":           {func(c *Config) { c.Phases[0].Mix.PromptWeight = 0.5 }, ""},
		"another weight later":          {func(c *Config) { c.Phases[1].Mix.Weights["a"] = 2 }, ""},
		"a phase more, beginning at it": {func(c *Config) { c.Phases = append([]Phase{c.Phases[0]}, c.Phases...); c.Phases[0].Until = 0.25 }, ""},
	} {
		r := run(t, t.TempDir(), recipe(20))
		r.Held = nil
		tc.change(&r.Config)
		if err := os.WriteFile(filepath.Join(r.Dir, "latest.ckpt"), newest, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := r.Do(t.Context(), true)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
