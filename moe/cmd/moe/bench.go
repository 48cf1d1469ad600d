package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"moebot/moe/kernel"
	"moebot/moe/kvcache"
	"moebot/moe/model"
	"moebot/moe/tensor"
)

// benchRow is one line of the table.
type benchRow struct {
	// pp64: 64 prompt tokens in one batch; tg128: 128 tokens one by one; tg64x8: 64 tokens
	// one by one of 8 conversations at once, after prompts of 128, all tokens counted
	Test    string  `json:"test"`
	Unit    string  `json:"unit"`
	Median  float64 `json:"median"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Faults  int64   `json:"faults"` // times that a run waited for the disk, on average
	Runs    int     `json:"runs"`
	Threads int     `json:"threads"`
}

// benchTests are the conversations that are measured.
var benchTests = []benchTest{{"pp64", 64, 0, 1}, {"pp512", 512, 0, 1}, {"tg128", 1, 128, 1}, {"tg64x8", 128, 64, 8}, {"tg64x16", 128, 64, 16}}

// runBench measures reading and answering, each several times after a warm-up.
func runBench(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) error {
	fs := newFlags("bench", errOut)
	path := fs.String("m", "", modelFlag)
	threads := fs.Int("t", runtime.NumCPU(), "threads")
	runs := fs.Int("r", 5, "runs of each test")
	only := fs.String("only", "", "the `tests` to do, by name with commas between (load, pp64, ..., rss); without it all")
	advise := fs.Bool("advise", true, "while it waits for the disk, tell the system which experts are about to be used")
	training := fs.Bool("train", false, "time whole training steps on random tokens instead")
	bf16 := fs.Bool("bf16", false, "with -train, multiply numbers rounded to bfloat16")
	shape := fs.String("shape", "", "with -train, one `shape` alone: default, mini or small")
	scaling := fs.Bool("scale", false, "what a token of an answer costs against context length, batch and threads, and in random models against experts")
	serving := fs.Bool("serve", false, "measure what a bot's users wait for: first tokens, continued conversations, shared prompts, long contexts, look-up")
	busy := fs.Bool("busy", false, "measure answering while another process keeps every core busy")
	burning := fs.Duration("burn", 0, "keep every core busy for so `long`, a minute at most, or until the input ends")
	kv := cacheFlag(fs)
	asJSON := fs.Bool("json", false, "print JSON")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *runs < 1 || *threads < 1 {
		return usageError{errors.New("-r and -t must be at least 1")}
	}
	if err := checkBench(fs, *only); err != nil {
		return usageError{err}
	}
	if *burning > 0 {
		burn(ctx, in, min(*burning, time.Minute))
		return nil
	}
	if *training {
		return benchTrain(ctx, out, *shape, *bf16, *threads, *runs, *asJSON)
	}
	m, f, err := openModel(*path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := m.Config.CacheType(*kv); err != nil {
		return usageError{err}
	}
	if *serving {
		return benchServe(ctx, out, *path, servers{m, *threads, *runs, *kv}, *asJSON)
	}
	if *busy {
		return benchBusy(ctx, out, *path, m, *threads, *runs, *kv, *asJSON)
	}
	if *scaling {
		return benchScale(ctx, out, m, *kv, scale{context: 8192, batch: 32, experts: 128, threads: *threads}, *runs, *asJSON)
	}
	total, active := m.Parameters()
	t := newTable(out, *asJSON, func(r benchRow) string {
		waits := ""
		if r.Faults > 0 {
			waits = fmt.Sprintf(", %d waits for the disk", r.Faults)
		}
		return fmt.Sprintf("%-8s %12.1f %12.1f %12.1f   %s%s\n", r.Test, r.Median, r.Min, r.Max, r.Unit, waits)
	})
	t.print("%s: %.2f M parameters, %.2f M active per token, %.1f MiB of weights, %d threads\n\n", label(*path),
		float64(total)/1e6, float64(active)/1e6, float64(m.Bytes())/(1<<20), *threads)
	t.print("%-8s %12s %12s %12s   %d runs\n", "test", "median", "min", "max", *runs)
	b := newBench(m, *threads)
	defer b.pool.Close()
	b.kv, b.s.NoAdvice, b.faults = *kv, !*advise, f.Faults
	add := func(row benchRow) {
		row.Threads, row.Runs = *threads, *runs
		t.add(row)
	}
	wanted := func(test string) bool { return *only == "" || slices.Contains(strings.Split(*only, ","), test) }
	if wanted("load") {
		row, err := loadTime(*path, *threads, *runs)
		if err != nil {
			return err
		}
		add(row)
	}
	for _, test := range benchTests {
		if !wanted(test.name) {
			continue
		}
		row, err := b.measure(ctx, test, *runs)
		if err != nil {
			return err
		}
		add(row)
	}
	if bytes := residentPeak(); wanted("rss") && bytes > 0 {
		mib := float64(bytes) / (1 << 20)
		add(benchRow{Test: "rss", Unit: "MiB", Median: mib, Min: mib, Max: mib})
	}
	return t.end()
}

// checkBench refuses flags that would do nothing, and tests that there are not.
func checkBench(fs *flag.FlagSet, only string) error {
	mode := ""
	for _, name := range []string{"train", "scale", "serve", "busy", "burn"} {
		switch f := fs.Lookup(name); {
		case f.Value.String() == f.DefValue:
		case mode != "":
			return fmt.Errorf("-%s and -%s exclude each other", mode, name)
		default:
			mode = name
		}
	}
	for _, f := range []struct {
		name string
		goes bool
		with string
	}{
		{"bf16", mode == "train", "goes with -train"}, {"shape", mode == "train", "goes with -train"},
		{"only", mode == "", "does not go with -" + mode}, {"advise", mode == "", "does not go with -" + mode},
		{"m", mode != "train", "does not go with -train"}, {"kv", mode != "train", "does not go with -train"},
	} {
		if isSet(fs, f.name) && !f.goes {
			return fmt.Errorf("-%s %s", f.name, f.with)
		}
	}
	if only == "" {
		return nil
	}
	names := []string{"load"}
	for _, test := range benchTests {
		names = append(names, test.name)
	}
	names = append(names, "rss")
	for name := range strings.SplitSeq(only, ",") {
		if !slices.Contains(names, name) {
			return fmt.Errorf("-only names %q, want some of %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

// table prints rows as they are measured, or at the end all of them as JSON.
type table[Row any] struct {
	out    io.Writer
	asJSON bool
	line   func(Row) string
	rows   []Row
}

func newTable[Row any](out io.Writer, asJSON bool, line func(Row) string) *table[Row] {
	return &table[Row]{out: out, asJSON: asJSON, line: line, rows: []Row{}}
}

// print writes what stands around the rows and is not in the JSON.
func (t *table[Row]) print(format string, args ...any) {
	if !t.asJSON {
		fmt.Fprintf(t.out, format, args...)
	}
}

func (t *table[Row]) add(r Row) {
	t.rows = append(t.rows, r)
	t.print("%s", t.line(r))
}

func (t *table[Row]) end() error {
	if t.asJSON {
		return json.NewEncoder(t.out).Encode(t.rows)
	}
	return nil
}

type bench struct {
	m    *model.Model
	pool *kernel.Pool
	s    *model.Scratch
	ids  []int32
	kv   tensor.Type
	// faults counts the times that the program waited for the disk, if that is of interest
	faults func() int64
}

func newBench(m *model.Model, threads int) *bench {
	b := &bench{m: m, pool: kernel.NewPool(threads), faults: func() int64 { return 0 }}
	b.s = m.NewScratch(b.pool, 512)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1024 {
		b.ids = append(b.ids, int32(rng.IntN(m.Config.Vocab)))
	}
	return b
}

// benchTest has conversations of so many prompt tokens, each read in one batch, and
// then answered; without an answer the reading is timed, else the answering alone.
type benchTest struct {
	name                    string
	prompt, answer, talking int
}

// measure times runs of a test, after one to warm up.
func (b *bench) measure(ctx context.Context, t benchTest, runs int) (benchRow, error) {
	row := benchRow{Test: t.name, Unit: "tokens/s"}
	var faults int64
	var speeds []float64
	caches := b.caches(t.talking, t.prompt+t.answer)
	for i := range runs + 1 {
		if err := ctx.Err(); err != nil {
			return row, err
		}
		start, n := time.Now(), t.talking*t.prompt
		for _, cache := range caches {
			cache.Truncate(0)
			var batch []model.Input
			for j := range t.prompt {
				batch = append(batch, model.Input{ID: b.ids[j], Cache: cache, Logits: j == t.prompt-1})
			}
			b.m.Forward(b.s, batch)
		}
		if t.answer > 0 {
			start, n = time.Now(), t.talking*t.answer
			b.answer(caches, t.prompt, t.answer)
		}
		if speed := float64(n) / time.Since(start).Seconds(); i > 0 {
			speeds = append(speeds, speed)
		} else {
			faults = b.faults()
		}
	}
	row.Faults = (b.faults() - faults) / int64(runs)
	row.Median, row.Min, row.Max = spread(speeds)
	return row, nil
}

// answer has each conversation go on by n tokens, of which from says where they begin,
// all at once.
func (b *bench) answer(caches []*kvcache.Cache, from, n int) {
	step := make([]model.Input, len(caches))
	for j := range n {
		for k, cache := range caches { // each says something else
			step[k] = model.Input{ID: b.ids[(from+j+31*k)%len(b.ids)], Cache: cache, Logits: true}
		}
		b.m.Forward(b.s, step)
	}
}

// read adds tokens to a conversation, 512 at most.
func (b *bench) read(cache *kvcache.Cache, ids []int32) {
	var batch []model.Input
	for _, id := range ids {
		batch = append(batch, model.Input{ID: id, Cache: cache})
	}
	b.m.Forward(b.s, batch)
}

// caches are those of n conversations of up to so many tokens.
func (b *bench) caches(n, tokens int) []*kvcache.Cache {
	caches := make([]*kvcache.Cache, n)
	for i := range caches {
		caches[i] = b.m.Config.NewCache(b.kv, tokens)
		caches[i].Reserve(tokens)
	}
	return caches
}

// spread sorts the figures.
func spread(figures []float64) (median, lowest, highest float64) {
	slices.Sort(figures)
	return figures[len(figures)/2], figures[0], figures[len(figures)-1]
}
