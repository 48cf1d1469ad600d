package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moebot/moe/dataset"
	"moebot/moe/kernel"
	"moebot/moe/train/chart"
)

const base = `{"model":{"vocab":40,"dim":16,"layers":2,"heads":2,"kv_heads":1,"head_dim":8,"hidden":8,"experts":4,"top_k":2,"context":16,"rope_base":10000,"norm_eps":1e-5,"tied":true},
	"losses":{"load_balance":0.01},"optim":{"beta1":0.9,"beta2":0.95,"eps":1e-9},"schedule":{"kind":"wsd","warmup":0.1,"decay":0.3},"lr":0.02,"clip":1,
	"rows":4,"length":16,"micro":1,"steps":20,"seed":9,"log_steps":5,"eval_steps":10,"eval_tokens":500,"phases":[{"until":1,"mix":{"weights":{"a":1},"prompt_weight":1}}]}`

func config() Config {
	return Config{Base: json.RawMessage(base), Seeds: []uint64{1, 2}, Variants: []Variant{
		{Name: "Experts", Set: nil},
		{Name: "Dense, twice 8", Set: json.RawMessage(`{"model":{"experts":1,"top_k":1,"hidden":16}}`)},
		{Name: "no balance", Set: json.RawMessage(`{"losses":{"load_balance":null}}`)},
	}}
}

func shards() []*dataset.Shard {
	s := &dataset.Shard{Source: "a", Vocab: 40}
	for i := range 30 {
		var q dataset.Sequence
		for j := range 16 {
			q.Tokens, q.Reply = append(q.Tokens, int32((i*3+j*(1+i%3))%40)), append(q.Reply, j > 4)
		}
		s.Append(q)
	}
	return []*dataset.Shard{s}
}

func comparison(t *testing.T, dir string) Comparison {
	p := kernel.NewPool(1)
	t.Cleanup(p.Close)
	return Comparison{Config: config(), Dir: dir, Train: shards(), Held: shards(), Pool: p, Out: io.Discard}
}

func TestComparisonGoesOnWhereItStood(t *testing.T) {
	whole, err := comparison(t, t.TempDir()).Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(whole) != 6 || whole[0].Variant != "Experts" || whole[1].Seed != 2 || whole[2].Variant != "Dense, twice 8" {
		t.Fatalf("results are %+v", whole)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	c := comparison(t, dir)
	c.Out = &cancelAt{cancel: cancel, lines: 10} // in the third run of six
	if _, err := c.Do(ctx); err == nil {
		t.Fatal("a cancelled comparison ends without an error")
	}
	c.Config.Base = json.RawMessage(strings.Replace(base, `"lr":0.02`, `"lr":0.01`, 1))
	if _, err := c.run(t.Context(), c.Config.Variants[2], 1); err == nil || !strings.Contains(err.Error(), "no-balance-seed1/latest.ckpt is of another recipe") {
		t.Errorf("a stopped run goes on by another recipe: %v", err)
	}
	c.Config = config()
	var out bytes.Buffer
	c.Out = &out
	again, err := c.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "done already"); n != 2 || !strings.Contains(out.String(), "resumed at step") {
		t.Errorf("%d runs were done already, want 2 and one resumed: %s", n, out.String())
	}
	for i := range whole {
		if whole[i].Mean != again[i].Mean || whole[i].Steps != 20 || again[i].Tokens != 20*64 {
			t.Errorf("run %d: loss %v unbroken, %v with a break; %d steps, %d tokens", i, whole[i].Mean, again[i].Mean, again[i].Steps, again[i].Tokens)
		}
	}
	if whole[0].Mean == whole[1].Mean || whole[0].Mean == whole[2].Mean {
		t.Errorf("runs of other seeds or shapes have one loss: %+v", whole)
	}
	if r := whole[0]; r.Active >= r.Parameters || r.Active-2*4*16 != whole[2].Parameters || r.MiB <= 0 || r.Entropy <= 0 || r.Lowest > r.Entropy {
		// the routers, two of 4·16, are what the experts have more than the dense network
		t.Errorf("%d of %d parameters active, dense has %d; %.2f MiB, entropies %v and %v", r.Active, r.Parameters, whole[2].Parameters, r.MiB, r.Entropy, r.Lowest)
	}
	panels, err := c.Panels()
	if err != nil {
		t.Fatal(err)
	}
	if len(panels) != 4 || len(panels[0].Lines) != 6 || len(panels[0].Lines[0].Points) != 2 || len(panels[2].Lines[5].Points) != 4 {
		t.Errorf("panels are %+v", panels)
	}
	if err := chart.Draw(io.Discard, "svg", panels, 2); err != nil {
		t.Error(err)
	}
	c.Config.Base = json.RawMessage(strings.Replace(base, `"lr":0.02`, `"lr":0.01`, 1))
	if _, err := c.Do(t.Context()); err == nil || !strings.Contains(err.Error(), "another recipe") {
		t.Errorf("another recipe in the same directory gives %v", err)
	}
}

type cancelAt struct {
	cancel context.CancelFunc
	lines  int
}

func (c *cancelAt) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "tok/s") {
		if c.lines--; c.lines == 0 {
			c.cancel()
		}
	}
	return len(b), nil
}

func TestRows(t *testing.T) {
	var in []Result
	for i, m := range []float64{3, 3.2, 4, 4.4} {
		in = append(in, Result{Variant: []string{"a", "b"}[i/2], Seed: uint64(i % 2), Mean: m, Speed: float64(i), MiB: float64(i), Lowest: 0.5})
	}
	got := Rows(in)
	want := []Row{{Variant: "a", Runs: 2, Mean: 3.1, Spread: math.Sqrt(0.02), Speed: 0.5, MiB: 1, Lowest: 0.5},
		{Variant: "b", Runs: 2, Mean: 4.2, Spread: math.Sqrt(0.08), Difference: 1.1, DiffSpread: math.Sqrt(0.02), Speed: 2.5, MiB: 3, Lowest: 0.5}}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })); d != "" {
		t.Error(d)
	}
	var out bytes.Buffer
	Table(&out, got)
	for _, want := range []string{"3.1000 ± 0.1414", "+1.1000 ± 0.1414"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &out)
		}
	}
	if one := Rows(in[:1]); one[0].Spread != 0 {
		t.Errorf("one run has a spread of %v", one[0].Spread)
	}
}

func TestReadNamesTheFault(t *testing.T) {
	write := func(seeds, variants string) string {
		p := filepath.Join(t.TempDir(), "compare.json")
		if err := os.WriteFile(p, fmt.Appendf(nil, `{"base":%s,"seeds":%s,"variants":%s}`, base, seeds, variants), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if c, err := Read(write(`[1]`, `[{"name":"a"},{"name":"b","set":{"lr":0.1}}]`)); err != nil {
		t.Error(err)
	} else if r, err := c.Recipe(c.Variants[1], 7); err != nil || r.LR != 0.1 || r.Seed != 7 || r.Losses.LoadBalance != 0.01 {
		t.Errorf("recipe is %+v (%v)", r, err)
	}
	for _, tc := range []struct{ seeds, variants, want string }{
		{`[]`, `[{"name":"a"},{"name":"b"}]`, "0 seeds"},
		{`[1]`, `[{"name":"a"}]`, "1 variants"},
		{`[1,1]`, `[{"name":"a"},{"name":"b"}]`, "twice"},
		{`[1]`, `[{"name":"A b"},{"name":"a-b"}]`, "share a directory"},
		{`[1]`, `[{"name":"a"},{"name":"b","set":{"modell":{}}}]`, "modell"},
		{`[1]`, `[{"name":"a"},{"name":"b","set":{"model":{"experts":0}}}]`, "experts"},
		{`[1]`, `[{"name":"a"},{"name":"b"}]} {"seeds":[2]`, "something follows"},
	} {
		if _, err := Read(write(tc.seeds, tc.variants)); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "compare.json") {
			t.Errorf("%s %s gives %v, want an error with %q", tc.seeds, tc.variants, err, tc.want)
		}
	}
}

// The comparisons that come with the program can be run, and the two sides of the first
// have equal active parameters but for the routers.
func TestComparisonsOfTheProject(t *testing.T) {
	for name, variants := range map[string]int{"experts.json": 2, "balance.json": 4} {
		c, err := Read(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Variants) != variants || len(c.Seeds) != 3 {
			t.Errorf("%s: %d variants, %d seeds", name, len(c.Variants), len(c.Seeds))
		}
		if name != "experts.json" {
			continue
		}
		var active []int
		for _, v := range c.Variants {
			r, err := c.Recipe(v, 1)
			if err != nil {
				t.Fatal(err)
			}
			_, n := r.Model.Parameters()
			if !r.Model.Dense() {
				n -= r.Model.Layers * r.Model.Experts * r.Model.Dim
			}
			active = append(active, n)
		}
		if active[0] != active[1] {
			t.Errorf("active parameters are %v", active)
		}
	}
}
