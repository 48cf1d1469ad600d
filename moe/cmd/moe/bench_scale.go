package main

import (
	"bytes"
	"context"
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
	t := newTable(out, asJSON, func(r scaleRow) string {
		return fmt.Sprintf("%-8s %8d %6d %8d %6d %8d %12.1f %12.1f %12.1f\n", r.By, r.Context, r.Batch, r.Experts, r.TopK, r.Threads, r.Median, r.Min, r.Max)
	})
	t.print("%-8s %8s %6s %8s %6s %8s %12s %12s %12s   µs a token, %d runs\n", "by", "context", "batch", "experts", "top-k", "threads", "median", "min", "max", runs)
	measure := func(b *bench, r scaleRow, caches []*kvcache.Cache) error {
		costs, err := b.costs(ctx, r.Context, caches, runs)
		if err != nil {
			return err
		}
		r.Batch, r.Runs = len(caches), runs
		r.Median, r.Min, r.Max = spread(costs)
		t.add(r)
		return nil
	}
	if err := scaleModel(measure, m, kv, to); err != nil {
		return err
	}
	if err := scaleExperts(measure, to); err != nil {
		return err
	}
	return t.end()
}

// measuring fills in a row's figures and adds it to the table.
type measuring func(*bench, scaleRow, []*kvcache.Cache) error

// scaleModel measures one model against context length, batch and threads.
func scaleModel(measure measuring, m *model.Model, kv tensor.Type, to scale) error {
	b := newBench(m, to.threads)
	defer b.pool.Close()
	b.kv = kv
	row := func(by string, context, threads int) scaleRow {
		return scaleRow{By: by, Context: context, Experts: m.Config.Experts, TopK: m.Config.TopK, Threads: threads}
	}
	one := b.caches(1, to.context+answerSteps)
	for n := 0; n <= to.context; n = max(512, 2*n) {
		if err := measure(b, row("context", n, to.threads), one); err != nil {
			return err
		}
	}
	for n := 1; n <= to.batch; n *= 2 {
		if err := measure(b, row("batch", 128, to.threads), b.caches(n, 128+answerSteps)); err != nil {
			return err
		}
	}
	for n := 1; n <= to.threads; n *= 2 {
		few := newBench(m, n)
		few.kv = kv
		err := measure(few, row("threads", 128, n), few.caches(1, 128+answerSteps))
		few.pool.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// scaleExperts measures random models in Q8_0 whose layers have more and more experts.
func scaleExperts(measure measuring, to scale) error {
	for experts := 8; experts <= to.experts; experts *= 2 {
		m, err := randomModel(experts)
		if err != nil {
			return err
		}
		for k := 2; k <= 8; k *= 2 { // the same weights will do: how many experts a token uses is the router's affair
			m.Config.TopK = k
			b := newBench(m, to.threads)
			err := measure(b, scaleRow{By: "experts", Context: 128, Experts: experts, TopK: k, Threads: to.threads}, b.caches(1, 128+answerSteps))
			b.pool.Close()
			if err != nil {
				return err
			}
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

// costs are microseconds a token: the conversations are read up to a context, further
// than they were, and then answered again and again, the first time to warm up.
func (b *bench) costs(ctx context.Context, context int, caches []*kvcache.Cache, runs int) (out []float64, err error) {
	for _, cache := range caches {
		cache.Truncate(min(len(cache.Tokens), context))
		for n := len(cache.Tokens); n < context; n = len(cache.Tokens) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			at := n % len(b.ids)
			b.read(cache, b.ids[at:min(at+512, at+context-n, len(b.ids))])
		}
	}
	for i := range runs + 1 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, cache := range caches {
			cache.Truncate(context)
		}
		start := time.Now()
		b.answer(caches, 0, answerSteps)
		if i > 0 {
			out = append(out, float64(time.Since(start).Microseconds())/float64(answerSteps*len(caches)))
		}
	}
	return out, nil
}
