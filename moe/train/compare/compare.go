// Package compare trains variants of one recipe on the same data, each with several
// seeds, and says by how much they differ: experts against a dense network of equal
// active parameters, or a loss term left out. Runs go one after another, each in a
// directory of its own, and a comparison that was stopped goes on where it stood.
package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moebot/moe/backprop"
	"moebot/moe/checkpoint"
	"moebot/moe/dataset"
	"moebot/moe/eval"
	"moebot/moe/kernel"
	"moebot/moe/train"
)

// Config is a comparison. The first variant is what the others are compared with.
type Config struct {
	Base     json.RawMessage `json:"base"`     // a recipe, as moe train takes it
	Seeds    []uint64        `json:"seeds"`    // one run of each variant for each
	Variants []Variant       `json:"variants"` // at least two
}

// Variant is a named change of the base recipe.
type Variant struct {
	Name string          `json:"name"`
	Set  json.RawMessage `json:"set"` // a JSON merge patch (RFC 7386) of the recipe; empty changes nothing
}

// Read reads a comparison, a JSON file without unknown keys.
func Read(path string) (Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var c Config
	if err := d.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("%s: something follows the JSON value", path)
	}
	if err := c.check(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (c Config) check() error {
	if len(c.Variants) < 2 || len(c.Seeds) == 0 {
		return fmt.Errorf("%d variants and %d seeds, want at least two and one", len(c.Variants), len(c.Seeds))
	}
	dirs := map[string]string{}
	for _, v := range c.Variants {
		if v.Name == "" {
			return errors.New("a variant without a name")
		}
		if other, ok := dirs[slug(v.Name)]; ok {
			return fmt.Errorf("variants %q and %q would share a directory", other, v.Name)
		}
		dirs[slug(v.Name)] = v.Name
		for i, s := range c.Seeds {
			if slices.Contains(c.Seeds[:i], s) {
				return fmt.Errorf("seed %d is given twice", s)
			}
			if _, err := c.Recipe(v, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// Recipe is the base recipe with a variant's changes and a seed.
func (c Config) Recipe(v Variant, seed uint64) (train.Config, error) {
	var base, set any
	if err := json.Unmarshal(c.Base, &base); err != nil {
		return train.Config{}, fmt.Errorf("base: %w", err)
	}
	if len(v.Set) > 0 {
		if err := json.Unmarshal(v.Set, &set); err != nil {
			return train.Config{}, fmt.Errorf("variant %q: %w", v.Name, err)
		}
		base = merge(base, set)
	}
	b, err := json.Marshal(base)
	if err != nil {
		return train.Config{}, err
	}
	recipe, err := train.ParseConfig(b)
	if err != nil {
		return train.Config{}, fmt.Errorf("variant %q: %w", v.Name, err)
	}
	recipe.Seed = seed
	return recipe, nil
}

// merge applies a JSON merge patch.
func merge(base, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	b, ok := base.(map[string]any)
	if !ok {
		b = map[string]any{}
	}
	for k, v := range p {
		if v == nil {
			delete(b, k)
			continue
		}
		b[k] = merge(b[k], v)
	}
	return b
}

// slug is a name as part of a file name.
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

// Result is one finished run.
type Result struct {
	Variant    string               `json:"variant"`
	Seed       uint64               `json:"seed"`
	Parameters int                  `json:"parameters"`
	Active     int                  `json:"active"` // per token
	Steps      int                  `json:"steps"`
	Tokens     int64                `json:"tokens"`
	Seconds    float64              `json:"seconds"` // of training
	Speed      float64              `json:"tok_s"`   // tokens per second, median of the log
	MiB        float64              `json:"mib"`     // held while training: weights, gradients, moments, activations
	Mean       float64              `json:"mean"`    // held-out loss, nats per reply token, sources weighed alike
	Held       map[string]eval.Loss `json:"held"`    // by source
	Entropy    float64              `json:"entropy"` // of the expert load, mean over layers and the last tenth of the run; 1 is even
	Lowest     float64              `json:"lowest"`  // of the layers' entropies
}

// Comparison is one comparison at work.
type Comparison struct {
	Config Config
	Dir    string
	Train  []*dataset.Shard
	Held   []*dataset.Shard
	Pool   *kernel.Pool
	Out    io.Writer // progress for people
}

// RunDir is the directory of one run.
func (c Comparison) RunDir(variant string, seed uint64) string {
	return filepath.Join(c.Dir, fmt.Sprintf("%s-seed%d", slug(variant), seed))
}

// Do trains what is not trained yet, seed by seed, and returns all results, variants
// in their order, each with its seeds. If ctx ends, the run at work saves and its
// error comes back; the next call goes on.
func (c Comparison) Do(ctx context.Context) ([]Result, error) {
	if len(c.Held) == 0 {
		return nil, errors.New("compare: no held-out shards to compare on")
	}
	bySeed := map[uint64][]Result{}
	for _, seed := range c.Config.Seeds {
		for _, v := range c.Config.Variants {
			r, err := c.run(ctx, v, seed)
			if err != nil {
				return nil, fmt.Errorf("variant %q, seed %d: %w", v.Name, seed, err)
			}
			bySeed[seed] = append(bySeed[seed], r)
		}
	}
	var out []Result
	for i := range c.Config.Variants {
		for _, seed := range c.Config.Seeds {
			out = append(out, bySeed[seed][i])
		}
	}
	return out, nil
}

func (c Comparison) run(ctx context.Context, v Variant, seed uint64) (Result, error) {
	recipe, err := c.Config.Recipe(v, seed)
	if err != nil {
		return Result{}, err
	}
	dir := c.RunDir(v.Name, seed)
	file := filepath.Join(dir, "result.json")
	type stored struct {
		Recipe train.Config `json:"recipe"`
		Result Result       `json:"result"`
	}
	if b, err := os.ReadFile(file); err == nil {
		var s stored
		if err := json.Unmarshal(b, &s); err != nil {
			return Result{}, fmt.Errorf("%s: %w", file, err)
		}
		if !same(s.Recipe, recipe) {
			return Result{}, fmt.Errorf("%s is of another recipe: choose another directory, or remove it", file)
		}
		fmt.Fprintf(c.Out, "%s, seed %d: done already\n", v.Name, seed)
		return s.Result, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return Result{}, err
	}
	fmt.Fprintf(c.Out, "\n%s, seed %d\n", v.Name, seed)
	resume, err := begun(dir, recipe)
	if err != nil {
		return Result{}, err
	}
	mem := &memory{Writer: c.Out, before: train.Heap()}
	if _, err := (train.Run{Dir: dir, Config: recipe, Train: c.Train, Held: c.Held, Pool: c.Pool, Out: mem}).Do(ctx, resume); err != nil {
		return Result{}, err
	}
	r, err := c.result(dir, recipe)
	if err != nil {
		return Result{}, err
	}
	r.Variant, r.Seed, r.MiB = v.Name, seed, float64(mem.bytes)/(1<<20)
	b, err := json.MarshalIndent(stored{recipe, r}, "", " ")
	if err != nil {
		return Result{}, err
	}
	tmp := file + ".new"
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		return Result{}, err
	}
	return r, os.Rename(tmp, file)
}

// begun reports whether a run in dir was stopped, which then must have been of the same
// recipe: train itself lets a run go on with another learning rate or length.
func begun(dir string, recipe train.Config) (bool, error) {
	file := filepath.Join(dir, "latest.ckpt")
	var stopped struct {
		Config train.Config `json:"config"`
	}
	f, err := checkpoint.Open(file, &stopped)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !same(stopped.Config, recipe) {
		err = fmt.Errorf("%s is of another recipe: choose another directory, or remove it", file)
	}
	return true, errors.Join(err, f.Close())
}

// result reads a finished run's log.
func (c Comparison) result(dir string, recipe train.Config) (Result, error) {
	recs, err := readLog(dir)
	if err != nil {
		return Result{}, err
	}
	r := Result{Lowest: 1}
	r.Parameters, r.Active = recipe.Model.Parameters()
	var speeds, entropies []float64
	last := 0
	if len(recs) > 0 {
		last = recs[len(recs)-1].Step
	}
	for _, rec := range recs {
		r.Steps, r.Tokens, r.Seconds = rec.Step, rec.Tokens, rec.Seconds
		switch rec.Event {
		case "train":
			speeds = append(speeds, rec.Speed)
			if rec.Step*10 >= last*9 {
				for _, load := range rec.Load {
					entropies = append(entropies, backprop.Entropy(load))
				}
			}
		case "held":
			r.Mean, r.Held = rec.Mean, rec.Held
		}
	}
	if r.Held == nil {
		return r, fmt.Errorf("%s: its log ends without a measurement on held-out text", dir)
	}
	if slices.Sort(speeds); len(speeds) > 0 {
		r.Speed = speeds[len(speeds)/2]
	}
	for _, e := range entropies {
		r.Entropy += e / float64(len(entropies))
		r.Lowest = min(r.Lowest, e)
	}
	return r, nil
}

func readLog(dir string) ([]train.Record, error) {
	f, err := os.Open(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	recs, err := train.ReadLog(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return recs, nil
}

func same(a, b train.Config) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// memory passes progress on and measures, at the first lines that report steps, what
// the run holds.
type memory struct {
	io.Writer
	lines         int
	before, bytes int64
}

func (m *memory) Write(b []byte) (int, error) {
	if m.lines < 2 && bytes.Contains(b, []byte("tok/s")) {
		m.lines++
		m.bytes = max(m.bytes, train.Heap()-m.before)
	}
	return m.Writer.Write(b)
}
