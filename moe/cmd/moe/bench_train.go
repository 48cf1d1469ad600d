package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"moebot/moe/backprop"
	"moebot/moe/dataset"
	"moebot/moe/kernel"
	"moebot/moe/optim"
	"moebot/moe/train"
)

// trainRow is one line of bench -train.
type trainRow struct {
	Shape      string  `json:"shape"`
	BF16       bool    `json:"bf16"`
	Parameters int     `json:"parameters"`
	Active     int     `json:"active"` // per token
	Rows       int     `json:"rows"`
	Length     int     `json:"length"`
	Median     float64 `json:"median"` // tokens per second of a whole step
	Min        float64 `json:"min"`
	Max        float64 `json:"max"`
	GFLOPs     float64 `json:"gflop_s"` // at the median, by Config.FLOPsPerToken
	MiB        float64 `json:"mib"`     // weights, gradients, two moments and one micro-batch's activations
	Peak       float64 `json:"peak"`    // most memory taken from the system while steps went on, in multiples of MiB
	Runs       int     `json:"runs"`
	Threads    int     `json:"threads"`
}

// trainShapes are the sizes that are timed: the embedded model's with five layers, as it
// was when the figures of the README were taken, and two of 10 and 35 M parameters.
func trainShapes() (names []string, shapes map[string]backprop.Config) {
	moe := func(vocab, dim, layers, heads, hidden int) backprop.Config {
		return backprop.Config{Vocab: vocab, Dim: dim, Layers: layers, Heads: heads, KVHeads: heads / 2, HeadDim: dim / heads, Hidden: hidden,
			Experts: 8, TopK: 2, Context: 512, RopeBase: 1e4, NormEps: 1e-5, Tied: true}
	}
	return []string{"default", "mini", "small"}, map[string]backprop.Config{
		"default": moe(4096, 192, 5, 6, 256), "mini": moe(16384, 192, 6, 6, 256), "small": moe(16384, 320, 8, 10, 448)}
}

// benchTrain times whole training steps (forward, backward, clipping, AdamW) on
// random tokens.
func benchTrain(ctx context.Context, out io.Writer, shape string, bf16 bool, threads, runs int, asJSON bool) error {
	const rows, length = 8, 256
	names, shapes := trainShapes()
	if shape != "" {
		if _, ok := shapes[shape]; !ok {
			return usageError{fmt.Errorf("shape %q, want one of %v", shape, names)}
		}
		names = []string{shape}
	}
	pool := kernel.NewPool(threads)
	defer pool.Close()
	t := newTable(out, asJSON, func(r trainRow) string {
		return fmt.Sprintf("%-8s %9.2f %9.2f %9.0f %9.0f %9.0f %9.1f %9.0f %8.2f\n", r.Shape, float64(r.Parameters)/1e6, float64(r.Active)/1e6, r.Median, r.Min, r.Max, r.GFLOPs, r.MiB, r.Peak)
	})
	numbers := "float32"
	if bf16 {
		numbers = "bfloat16"
	}
	t.print("whole training steps of %d × %d tokens in %s, %d threads, %d runs\n\n", rows, length, numbers, threads, runs)
	t.print("%-8s %9s %9s %9s %9s %9s %9s %9s %8s\n", "shape", "total M", "active M", "median", "min", "max tok/s", "GFLOP/s", "MiB", "× peak")
	for _, name := range names {
		c := shapes[name]
		debug.FreeOSMemory() // what the shape before left
		before, taken := train.Heap(), watchTaken()
		net, err := backprop.New(c, nil, pool)
		if err != nil {
			return err
		}
		net.BF16 = bf16
		backprop.Init(c, net.Weights, 1)
		recipe := train.Config{Model: c, Optim: optim.Options{Beta1: 0.9, Beta2: 0.95, Eps: 1e-9, WeightDecay: 0.1}}
		opt := optim.New(len(net.Weights), recipe.Groups(), recipe.Optim, pool)
		batch := randomTokens(c.Vocab, rows, length)
		var speeds []float64
		for i := range runs + 1 {
			if err := ctx.Err(); err != nil {
				taken()
				return err
			}
			start := time.Now()
			clear(net.Grads)
			net.Backward(batch, backprop.Losses{LoadBalance: 0.01, RouterZ: 0.001}, 1/float64(rows*length), 1)
			opt.Update(net.Weights, net.Grads, 1e-4, optim.ClipScale(optim.Norm(net.Grads, pool), 1))
			if i > 0 { // the first run warms up
				speeds = append(speeds, float64(rows*length)/time.Since(start).Seconds())
			}
		}
		total, active := c.Parameters()
		peak := taken()
		row := trainRow{Shape: name, BF16: bf16, Parameters: total, Active: active, Rows: rows, Length: length, Runs: runs, Threads: threads,
			MiB: float64(train.Heap()-before) / (1 << 20)}
		row.Peak = float64(peak) / (1 << 20) / row.MiB
		row.Median, row.Min, row.Max = spread(speeds)
		runtime.KeepAlive(net)
		runtime.KeepAlive(opt)
		row.GFLOPs = row.Median * c.FLOPsPerToken(length) / 1e9
		t.add(row)
	}
	return t.end()
}

// watchTaken looks every few milliseconds how much more memory the runtime has from the
// system than now. The function that it returns ends that and says the most, bytes.
func watchTaken() (most func() int64) {
	taken := func() int64 {
		s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
	}
	before, end, peak := taken(), make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		top := before
		for going := true; going; {
			select {
			case <-tick.C:
			case <-end:
				going = false
			}
			top = max(top, taken())
		}
		peak <- top - before
	}()
	return func() int64 { close(end); return <-peak }
}

// randomTokens is a batch in which every token is a target and a row one document.
func randomTokens(vocab, rows, length int) *dataset.Batch {
	rng := rand.New(rand.NewPCG(1, 2))
	b := &dataset.Batch{Rows: rows, Len: length, DocStart: make([]int32, rows*length)}
	for range rows * length {
		b.Tokens = append(b.Tokens, int32(rng.IntN(vocab)))
		b.Targets = append(b.Targets, int32(rng.IntN(vocab)))
		b.Weights = append(b.Weights, 1)
	}
	return b
}
