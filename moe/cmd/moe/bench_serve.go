package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"moebot/moe/engine"
	"moebot/moe/model"
	"moebot/moe/sample"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
)

// The conversation that is continued, the tokens that are new in it, and the system
// text that channels share, in tokens.
const (
	knownTokens  = 2000
	newTokens    = 20
	systemTokens = 384
	sharing      = 8 // channels
)

// servers are what benchServe measures with.
type servers struct {
	m       *model.Model
	threads int
	runs    int
	kv      tensor.Type
}

// benchServe measures what the users of a bot wait for, through the engine.
func benchServe(ctx context.Context, out io.Writer, path string, b servers, asJSON bool) error {
	tok, err := openTokenizer(path)
	if err != nil {
		return err
	}
	t := newTable(out, asJSON, func(r benchRow) string {
		return fmt.Sprintf("%-36s %12.2f %12.2f %12.2f   %s\n", r.Test, r.Median, r.Min, r.Max, r.Unit)
	})
	t.print("%s, %d threads, keys and values as %v\n\n%-36s %12s %12s %12s   %d runs\n", label(path), b.threads, b.kv, "test", "median", "min", "max", b.runs)
	add := func(name, unit string, x []float64, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		row := benchRow{Test: name, Unit: unit, Threads: b.threads, Runs: len(x)}
		row.Median, row.Min, row.Max = spread(x)
		t.add(row)
		return ctx.Err()
	}
	x, err := b.load(ctx, path)
	if err := add("load to first token", "ms", x, err); err != nil {
		return err
	}
	first, cost, err := b.resume(ctx, tok)
	if err := add(fmt.Sprintf("first token, %d known, %d new", knownTokens, newTokens), "ms", first, err); err != nil {
		return err
	}
	if err := add(fmt.Sprintf("  of it, reading %d tokens there", newTokens), "ms", cost, nil); err != nil {
		return err
	}
	x, err = b.shared(ctx, tok)
	if err := add(fmt.Sprintf("%d channels × (%d shared + %d)", sharing, systemTokens, newTokens), "tokens read", x, err); err != nil {
		return err
	}
	for _, kv := range cacheTypes {
		if b.m.Config.CacheType(kv) != nil {
			continue
		}
		x, err := b.deep(ctx, kv)
		if err := add(fmt.Sprintf("tg%d behind %d tokens, cache %v", answerSteps, knownTokens, kv), "tokens/s", x, err); err != nil {
			return err
		}
	}
	for _, repeats := range []bool{false, true} {
		for _, most := range []int{0, 2, 4, 8} {
			name := "tg128, text of its own"
			if repeats {
				name = "tg128, text that repeats the prompt"
			}
			x, err := b.lookup(ctx, tok, most, repeats)
			if err := add(fmt.Sprintf("%s, look-up %d", name, most), "tokens/s", x, err); err != nil {
				return err
			}
		}
	}
	return t.end()
}

// start is an engine for sequences of so many tokens.
func (b servers) start(tok *tokenizer.Tokenizer, context, lookup int) (*engine.Engine, error) {
	return engine.New(b.m, tok, engine.Options{Threads: b.threads, ContextTokens: context, CacheType: b.kv, Lookup: lookup})
}

// random are tokens that end nothing.
func (b servers) random(tok *tokenizer.Tokenizer, seed uint64, n int) (ids []int32) {
	rng := rand.New(rand.NewPCG(seed, 2))
	for len(ids) < n {
		if id := int32(rng.IntN(tok.Size())); !tok.IsControl(id) && !tok.IsEnd(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// ends are the tokens that would end a reply before it is as long as is to be measured.
func ends(tok *tokenizer.Tokenizer) (ids []int32) {
	for id := range int32(tok.Size()) {
		if tok.IsControl(id) || tok.IsEnd(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func ask(ctx context.Context, e *engine.Engine, r engine.Request) (engine.Result, error) {
	return e.Generate(ctx, r, func(string) error { return nil })
}

// wish is a request for n tokens, always the likeliest.
func wish(tok *tokenizer.Tokenizer, key string, ids []int32, n int) engine.Request {
	return engine.Request{Key: key, Tokens: ids, MaxTokens: n, Forbid: ends(tok), Sampling: sample.Params{TopP: 1, RepeatPenalty: 1}}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// load opens the model as a program does at its start, and asks for a token.
func (b servers) load(ctx context.Context, path string) (out []float64, err error) {
	for i := range b.runs + 1 {
		start := time.Now()
		m, f, err := openModel(path)
		if err != nil {
			return nil, err
		}
		tok, err := tokenizerOf(path, f)
		if err == nil {
			var e *engine.Engine
			if e, err = (servers{m, b.threads, b.runs, b.kv}).start(tok, 0, 0); err == nil {
				_, err = ask(ctx, e, wish(tok, "", tok.Encode("Hello, how are you?", false), 1))
				if i > 0 {
					out = append(out, ms(time.Since(start)))
				}
				e.Close()
			}
		}
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// resume is the time to the first token of a conversation of which most is known, and
// what reading the new tokens alone costs at that place.
func (b servers) resume(ctx context.Context, tok *tokenizer.Tokenizer) (first, cost []float64, err error) {
	e, err := b.start(tok, knownTokens+newTokens+64, 0)
	if err != nil {
		return nil, nil, err
	}
	defer e.Close()
	known := b.random(tok, 1, knownTokens)
	if _, err := ask(ctx, e, wish(tok, "a", append(slices.Clone(known), 1), 1)); err != nil {
		return nil, nil, err
	}
	bench := newBench(b.m, b.threads)
	defer bench.pool.Close()
	bench.kv = b.kv
	cache := bench.caches(1, knownTokens+newTokens)[0]
	for part := range slices.Chunk(known, 512) {
		bench.read(cache, part)
	}
	for i := range b.runs + 1 {
		more := b.random(tok, uint64(10+i), newTokens)
		res, err := ask(ctx, e, wish(tok, "a", append(slices.Clone(known), more...), 1))
		if err != nil {
			return nil, nil, err
		}
		if n := res.Usage.PromptTokens - res.Usage.ReusedTokens; n > newTokens {
			return nil, nil, fmt.Errorf("%d tokens were read, %d are new", n, newTokens)
		}
		start := time.Now()
		var batch []model.Input
		for j, id := range more {
			batch = append(batch, model.Input{ID: id, Cache: cache, Logits: j == len(more)-1})
		}
		bench.m.Forward(bench.s, batch)
		if i > 0 {
			first, cost = append(first, ms(res.Usage.TimeToFirstToken)), append(cost, ms(time.Since(start)))
		}
		cache.Truncate(knownTokens)
	}
	return first, cost, nil
}

// shared is how many tokens are read in all for channels that begin alike.
func (b servers) shared(ctx context.Context, tok *tokenizer.Tokenizer) (out []float64, err error) {
	system := b.random(tok, 3, systemTokens)
	for range b.runs {
		e, err := b.start(tok, systemTokens+newTokens+64, 0)
		if err != nil {
			return nil, err
		}
		var wg sync.WaitGroup
		errs := make([]error, sharing)
		for i := range sharing { // all at once
			wg.Go(func() {
				_, errs[i] = ask(ctx, e, wish(tok, fmt.Sprint(i), append(slices.Clone(system), b.random(tok, uint64(4+i), newTokens)...), 1))
			})
		}
		wg.Wait()
		s := e.Stats()
		e.Close()
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		out = append(out, float64(s.PromptTokens-s.ReusedTokens))
	}
	return out, nil
}

// deep is the speed of answering behind a long context.
func (b servers) deep(ctx context.Context, kv tensor.Type) ([]float64, error) {
	bench := newBench(b.m, b.threads)
	defer bench.pool.Close()
	bench.kv = kv
	out, err := bench.costs(ctx, knownTokens, bench.caches(1, knownTokens+answerSteps), b.runs)
	for i, cost := range out {
		out[i] = 1e6 / cost
	}
	return out, err
}

// lookup is the speed of answering with so many tokens foretold; the text is the
// model's own, or one that was in the prompt already.
func (b servers) lookup(ctx context.Context, tok *tokenizer.Tokenizer, most int, repeats bool) (out []float64, err error) {
	const answer = 128
	e, err := b.start(tok, 4*answer+64, most)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	for i := range b.runs + 1 {
		r := wish(tok, "", b.random(tok, uint64(20+i), 24), answer)
		if repeats { // what it says by itself, twice: it says the same at the third time
			r.Trace = true
			before, err := ask(ctx, e, r)
			if err != nil {
				return nil, err
			}
			prompt := slices.Clone(r.Tokens)
			for _, t := range before.Trace {
				r.Tokens = append(r.Tokens, t.ID)
			}
			r.Tokens, r.Trace = append(r.Tokens, prompt...), false
		}
		res, err := ask(ctx, e, r)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, float64(res.Usage.DecodedTokens-1)/res.Usage.DecodeTime.Seconds())
		}
	}
	return out, nil
}
