package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"moebot/moe/kernel"
	"moebot/moe/model"
)

// benchRow is one line of the table.
type benchRow struct {
	Test    string  `json:"test"`   // pp64: 64 prompt tokens in one batch; tg128: 128 tokens one by one
	Median  float64 `json:"median"` // tokens per second
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Runs    int     `json:"runs"`
	Threads int     `json:"threads"`
}

// runBench measures reading and answering, each several times after a warm-up.
func runBench(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("bench", errOut)
	path := fs.String("m", "", modelFlag)
	threads := fs.Int("t", runtime.NumCPU(), "threads")
	runs := fs.Int("r", 5, "runs of each test")
	training := fs.Bool("train", false, "time whole training steps on random tokens instead")
	shape := fs.String("shape", "", "with -train, one `shape` alone: default, mini or small")
	asJSON := fs.Bool("json", false, "print JSON")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *runs < 1 || *threads < 1 {
		return usageError{errors.New("-r and -t must be at least 1")}
	}
	if *training {
		return benchTrain(ctx, out, *shape, *threads, *runs, *asJSON)
	}
	m, f, err := openModel(*path)
	if err != nil {
		return err
	}
	defer f.Close()
	total, active := m.Parameters()
	if !*asJSON {
		fmt.Fprintf(out, "%s: %.2f M parameters, %.2f M active per token, %.1f MiB of weights, %d threads\n\n", label(*path),
			float64(total)/1e6, float64(active)/1e6, float64(m.Bytes())/(1<<20), *threads)
		fmt.Fprintf(out, "%-8s %12s %12s %12s   tokens per second, %d runs\n", "test", "median", "min", "max", *runs)
	}
	b := newBench(m, *threads)
	defer b.pool.Close()
	var rows []benchRow
	for _, t := range []struct {
		name           string
		prompt, answer int
	}{{"pp64", 64, 0}, {"pp512", 512, 0}, {"tg128", 1, 128}} {
		row, err := b.measure(ctx, t.name, t.prompt, t.answer, *runs)
		if err != nil {
			return err
		}
		row.Threads = *threads
		rows = append(rows, row)
		if !*asJSON {
			fmt.Fprintf(out, "%-8s %12.1f %12.1f %12.1f\n", row.Test, row.Median, row.Min, row.Max)
		}
	}
	if *asJSON {
		return json.NewEncoder(out).Encode(rows)
	}
	return nil
}

type bench struct {
	m    *model.Model
	pool *kernel.Pool
	s    *model.Scratch
	ids  []int32
}

func newBench(m *model.Model, threads int) *bench {
	b := &bench{m: m, pool: kernel.NewPool(threads)}
	b.s = m.NewScratch(b.pool, 512)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1024 {
		b.ids = append(b.ids, int32(rng.IntN(m.Config.Vocab)))
	}
	return b
}

// measure times runs of a test: prompt tokens in one batch and, if answer is not 0,
// that many tokens one by one, which alone are timed then.
func (b *bench) measure(ctx context.Context, name string, prompt, answer, runs int) (benchRow, error) {
	row := benchRow{Test: name, Runs: runs}
	var speeds []float64
	cache := b.m.Config.NewCache(prompt + answer)
	cache.Reserve(prompt + answer)
	one := make([]model.Input, 1)
	for i := range runs + 1 {
		if err := ctx.Err(); err != nil {
			return row, err
		}
		cache.Truncate(0)
		var batch []model.Input
		for j := range prompt {
			batch = append(batch, model.Input{ID: b.ids[j], Cache: cache, Logits: j == prompt-1})
		}
		start := time.Now()
		b.m.Forward(b.s, batch)
		n := prompt
		if answer > 0 {
			start, n = time.Now(), answer
			for j := range answer {
				one[0] = model.Input{ID: b.ids[prompt+j], Cache: cache, Logits: true}
				b.m.Forward(b.s, one)
			}
		}
		if speed := float64(n) / time.Since(start).Seconds(); i > 0 { // the first run warms up
			speeds = append(speeds, speed)
		}
	}
	slices.Sort(speeds)
	row.Median, row.Min, row.Max = speeds[len(speeds)/2], speeds[0], speeds[len(speeds)-1]
	return row, nil
}
