package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"moebot/moe/backprop"
	"moebot/moe/gguf"
	"moebot/moe/kvcache"
	"moebot/moe/model"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
	"moebot/moe/train"
)

// scaleRow is one line of bench -scale: what a token of an answer costs.
type scaleRow struct {
	By      string  `json:"by"`      // what changes from row to row
	Context int     `json:"context"` // tokens before it in its conversation
	Batch   int     `json:"batch"`   // conversations that are answered at once
	Experts int     `json:"experts"` // of a layer
	TopK    int     `json:"top_k"`   // of them used by a token
	Threads int     `json:"threads"`
	Median  float64 `json:"median"` // microseconds a token, the time of a step shared among its conversations
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Runs    int     `json:"runs"`
}

// scale says how far bench -scale goes in each direction.
type scale struct{ context, batch, experts, threads int }

// benchScale measures the model against context length, batch and threads, and
// random models of one width against the number of experts and of those used.
func benchScale(ctx context.Context, out io.Writer, m *model.Model, kv tensor.Type, to scale, runs int, asJSON bool) error {
	if !asJSON {
		fmt.Fprintf(out, "%-8s %8s %6s %8s %6s %8s %12s %12s %12s   µs a token, %d runs\n", "by", "context", "batch", "experts", "top-k", "threads", "median", "min", "max", runs)
	}
	rows := []scaleRow{}
	add := func(r scaleRow) {
		r.Runs = runs
		rows = append(rows, r)
		if !asJSON {
			fmt.Fprintf(out, "%-8s %8d %6d %8d %6d %8d %12.1f %12.1f %12.1f\n", r.By, r.Context, r.Batch, r.Experts, r.TopK, r.Threads, r.Median, r.Min, r.Max)
		}
	}
	err := scaleModel(ctx, add, m, kv, to, runs)
	if err == nil {
		err = scaleExperts(ctx, add, to, runs)
	}
	if err != nil || !asJSON {
		return err
	}
	return json.NewEncoder(out).Encode(rows)
}

// scaleModel measures one model against context length, batch and threads.
func scaleModel(ctx context.Context, add func(scaleRow), m *model.Model, kv tensor.Type, to scale, runs int) error {
	b := newBench(m, to.threads)
	defer b.pool.Close()
	b.kv = kv
	row := func(by string, context, batch, threads int) scaleRow {
		return scaleRow{By: by, Context: context, Batch: batch, Experts: m.Config.Experts, TopK: m.Config.TopK, Threads: threads}
	}
	one := b.caches(1, to.context+answerSteps)
	for n := 0; n <= to.context; n = max(512, 2*n) {
		r := row("context", n, 1, to.threads)
		if err := b.cost(ctx, &r, one, runs); err != nil {
			return err
		}
		add(r)
	}
	for n := 1; n <= to.batch; n *= 2 {
		r := row("batch", 128, n, to.threads)
		if err := b.cost(ctx, &r, b.caches(n, 128+answerSteps), runs); err != nil {
			return err
		}
		add(r)
	}
	for n := 1; n <= to.threads; n *= 2 {
		few := newBench(m, n)
		few.kv = kv
		r := row("threads", 128, 1, n)
		err := few.cost(ctx, &r, few.caches(1, 128+answerSteps), runs)
		few.pool.Close()
		if err != nil {
			return err
		}
		add(r)
	}
	return nil
}

// scaleExperts measures random models in Q8_0 whose layers have more and more experts.
func scaleExperts(ctx context.Context, add func(scaleRow), to scale, runs int) error {
	for experts := 8; experts <= to.experts; experts *= 2 {
		m, err := randomModel(experts)
		if err != nil {
			return err
		}
		for k := 2; k <= 8; k *= 2 { // the same weights will do: how many experts a token uses is the router's affair
			m.Config.TopK = k
			b := newBench(m, to.threads)
			r := scaleRow{By: "experts", Context: 128, Batch: 1, Experts: experts, TopK: k, Threads: to.threads}
			err := b.cost(ctx, &r, b.caches(1, 128+answerSteps), runs)
			b.pool.Close()
			if err != nil {
				return err
			}
			add(r)
		}
	}
	return nil
}

// randomModel has two layers 256 wide, so that its experts are what a token costs.
func randomModel(experts int) (*model.Model, error) {
	c := backprop.Config{Vocab: 512, Dim: 256, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 64, Hidden: 256, Experts: experts, TopK: 8, Context: 512,
		RopeBase: 1e4, NormEps: 1e-5, Tied: true}
	total, _ := c.Parameters()
	weights := make([]float32, total)
	backprop.Init(c, weights, 1)
	vocab := tokenizer.Spec{Model: "gpt2", Tokens: make([]string, c.Vocab)}
	for i := range vocab.Tokens {
		vocab.Tokens[i] = fmt.Sprint(i)
	}
	var file bytes.Buffer
	if err := train.Export(&file, c, weights, vocab, train.About{}, tensor.Q8_0); err != nil {
		return nil, err
	}
	f, err := gguf.Parse(file.Bytes())
	if err != nil {
		return nil, err
	}
	return model.Load(f)
}

// answerSteps is the number of tokens by which a cost is measured.
const answerSteps = 32

// caches are those of n conversations of up to so many tokens.
func (b *bench) caches(n, tokens int) []*kvcache.Cache {
	caches := make([]*kvcache.Cache, n)
	for i := range caches {
		caches[i] = b.m.Config.NewCache(b.kv, tokens)
		caches[i].Reserve(tokens)
	}
	return caches
}

// cost fills in the row's figures: the conversations are read up to the row's
// context, further than they were, and then answered again and again, the first time
// to warm up.
func (b *bench) cost(ctx context.Context, row *scaleRow, caches []*kvcache.Cache, runs int) error {
	for _, cache := range caches {
		cache.Truncate(min(len(cache.Tokens), row.Context))
		for n := len(cache.Tokens); n < row.Context; n = len(cache.Tokens) {
			if err := ctx.Err(); err != nil {
				return err
			}
			var batch []model.Input
			for i := n; i < min(n+512, row.Context); i++ {
				batch = append(batch, model.Input{ID: b.ids[i%len(b.ids)], Cache: cache})
			}
			b.m.Forward(b.s, batch)
		}
	}
	var costs []float64
	step := make([]model.Input, len(caches))
	for i := range runs + 1 {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, cache := range caches {
			cache.Truncate(row.Context)
		}
		start := time.Now()
		for j := range answerSteps {
			for k, cache := range caches { // each says something else
				step[k] = model.Input{ID: b.ids[(j+31*k)%len(b.ids)], Cache: cache, Logits: true}
			}
			b.m.Forward(b.s, step)
		}
		if i > 0 {
			costs = append(costs, float64(time.Since(start).Microseconds())/float64(answerSteps*len(caches)))
		}
	}
	row.Median, row.Min, row.Max = spread(costs)
	return nil
}
