package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"moebot/moe/backprop"
	"moebot/moe/dataset"
	"moebot/moe/eval"
	"moebot/moe/kernel"
	"moebot/moe/tokenizer"
)

const evalUsage = "usage: moe eval [-m MODEL.gguf] [-data DIRECTORY [-ngram DIRECTORY] [-novel DIRECTORY]] [-pairs] [-recall] [-replies N] [-json]; at least one of -data, -pairs, -recall and -replies"

// evalResult is what eval -json prints if more was asked for than the loss.
type evalResult struct {
	Loss    map[string]eval.Loss            `json:"loss,omitempty"`  // by source
	NGram   map[string]map[string]eval.Loss `json:"ngram,omitempty"` // by model, then source
	Pairs   []eval.PairScore                `json:"pairs,omitempty"`
	Recall  []eval.RecallScore              `json:"recall,omitempty"`
	Variety *eval.Variety                   `json:"variety,omitempty"`
	Replies []string                        `json:"replies,omitempty"`
}

// runEval measures a model file: its loss on shards, beside that of counting models,
// minimal pairs, what it says again of what it was told, and the variety of its replies.
func runEval(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("eval", errOut)
	path := fs.String("m", "", modelFlag)
	shards := fs.String("data", "", "`directory` of token shards, made by moe data with this model's vocabulary")
	counted := fs.String("ngram", "", "`directory` of training shards: measure a unigram and a Kneser-Ney model of them on -data as well")
	novel := fs.String("novel", "", "`directory` of training shards: measure only what of -data is not in a run of 13 tokens that is in them too")
	order := fs.Int("order", 5, "tokens of an n-gram")
	countLimit := fs.Int("ngram-limit", 1_000_000, "tokens counted of each source at most; 0 counts all (about 200 bytes of memory each)")
	pairs := fs.Bool("pairs", false, "score the minimal pairs: which of two sentences is likelier")
	recall := fs.Bool("recall", false, "count the short conversations in which the model says again what it was told, at temperature 0")
	replies := fs.Int("replies", 0, "sample so many `replies` to fixed prompts and measure how much they repeat")
	seed := fs.Uint64("seed", 1, "of the replies")
	verbose := fs.Bool("v", false, "show the pairs and the conversations missed, and the replies")
	length := fs.Int("length", 0, "tokens of context at most; 0 is the model's context")
	limit := fs.Int("limit", 0, "tokens of each source at most; 0 measures all")
	threads := fs.Int("t", runtime.NumCPU(), "threads")
	asJSON := fs.Bool("json", false, "print JSON")
	if err := parse(fs, args); err != nil {
		return err
	}
	more := *pairs || *recall || *replies > 0
	if (*shards == "" && !more) || ((*counted != "" || *novel != "") && *shards == "") {
		return usageError{errors.New(evalUsage)}
	}
	if *order < 1 || *order > 8 {
		return usageError{fmt.Errorf("-order is %d, want 1 to 8", *order)}
	}
	e := evaluation{pool: kernel.NewPool(*threads), out: out, verbose: *verbose, quiet: *asJSON, opt: eval.Options{MaxTokens: *limit}}
	defer e.pool.Close()
	if err := e.open(*path, *shards, *length); err != nil {
		return err
	}
	if *novel != "" {
		if err := e.novelOnly(*novel); err != nil {
			return err
		}
	}
	if *shards != "" {
		if err := e.loss(ctx); err != nil {
			return err
		}
	}
	if *counted != "" {
		if err := e.ngrams(ctx, *counted, *order, *countLimit); err != nil {
			return err
		}
	}
	if *pairs {
		if err := e.minimalPairs(); err != nil {
			return err
		}
	}
	if *recall {
		if err := e.recall(ctx, *path, *threads); err != nil {
			return err
		}
	}
	if *replies > 0 {
		if err := e.replies(ctx, *path, *replies, *threads, *seed); err != nil {
			return err
		}
	}
	if !*asJSON {
		return nil
	}
	if *counted == "" && !more {
		return json.NewEncoder(out).Encode(e.res.Loss)
	}
	return json.NewEncoder(out).Encode(e.res)
}

type evaluation struct {
	out            io.Writer
	verbose, quiet bool
	opt            eval.Options
	net            *backprop.Network
	tok            *tokenizer.Tokenizer
	data           []*dataset.Shard
	pool           *kernel.Pool
	res            evalResult
}

func (e *evaluation) printf(format string, args ...any) {
	if !e.quiet {
		fmt.Fprintf(e.out, format, args...)
	}
}

// evalPositions is the number of tokens that are measured at a time, if one sequence has not more.
const evalPositions = 4096

func (e *evaluation) open(path, shards string, length int) error {
	c, weights, tok, err := importModel(path)
	if err != nil {
		return err
	}
	if e.net, err = backprop.New(c, weights, e.pool); err != nil {
		return err
	}
	if length > c.Context {
		return usageError{fmt.Errorf("-length %d is more than the model's context window of %d tokens", length, c.Context)}
	}
	if length <= 0 {
		length = c.Context
	}
	e.tok = tok
	e.opt.Rows, e.opt.Length, e.opt.TokenBytes = max(1, evalPositions/length), length, make([]int, c.Vocab)
	for i := range e.opt.TokenBytes {
		if !e.tok.IsControl(int32(i)) {
			e.opt.TokenBytes[i] = len(e.tok.Decode([]int32{int32(i)}))
		}
	}
	if shards == "" {
		return nil
	}
	e.data, err = e.shards(shards)
	return err
}

// shards reads a directory of shards and checks their vocabulary.
func (e *evaluation) shards(dir string) ([]*dataset.Shard, error) {
	data, err := readShards(dir)
	if err != nil {
		return nil, err
	}
	if err := checkVocabulary(data, e.tok); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return data, nil
}

// novelOnly leaves out what training text has word for word, says how much that is, and
// drops the sources of which nothing is left.
func (e *evaluation) novelOnly(dir string) error {
	training, err := e.shards(dir)
	if err != nil {
		return err
	}
	e.opt.Only = eval.Novel(e.data, training)
	e.printf("%-26s %9s of the tokens are in training text too, in runs of %d or more\n", "source", "", eval.RunLength)
	e.data = slices.DeleteFunc(e.data, func(s *dataset.Shard) bool {
		copied := 0
		for _, novel := range e.opt.Only[s.Source] {
			if !novel {
				copied++
			}
		}
		e.printf("%-26s %8.1f%%\n", s.Source, 100*float64(copied)/float64(max(1, len(s.Tokens))))
		return copied == len(s.Tokens)
	})
	e.printf("\n")
	return nil
}

func (e *evaluation) loss(ctx context.Context) error {
	e.res.Loss = map[string]eval.Loss{}
	e.printf("%-26s %9s %9s %9s %9s %9s\n", "source", "tokens", "nats/tok", "reply", "accuracy", "bits/byte")
	for _, s := range e.data {
		if err := ctx.Err(); err != nil {
			return err
		}
		l := eval.Shard(e.net, s, e.opt)
		e.res.Loss[s.Source] = l
		e.printf("%-26s %9d %9.4f %9.4f %8.1f%% %9.4f\n", s.Source, l.Tokens, l.All, l.Reply, 100*l.Accuracy, l.Bits)
	}
	return nil
}

// ngrams measures a unigram and a longer counting model, both counted on the same tokens.
func (e *evaluation) ngrams(ctx context.Context, dir string, order, limit int) error {
	training, err := e.shards(dir)
	if err != nil {
		return err
	}
	e.res.NGram = map[string]map[string]eval.Loss{}
	for _, n := range []int{1, order} {
		g := eval.NewNGram(n, len(e.opt.TokenBytes))
		tokens := 0
		for _, s := range training {
			taken := 0
			for i := 0; i < s.Sequences() && (limit <= 0 || taken < limit); i++ {
				if i%1000 == 0 && ctx.Err() != nil {
					return ctx.Err()
				}
				ids := s.Tokens[s.Start[i]:s.Start[i+1]]
				g.Add(ids)
				taken += len(ids)
			}
			tokens += taken
		}
		g.Finish()
		name := fmt.Sprintf("%d-gram", n)
		e.res.NGram[name] = map[string]eval.Loss{}
		e.printf("\n%s (Kneser-Ney) of %d tokens, %d n-grams\n%-26s %9s %9s %9s %9s\n", name, tokens, g.Size(), "source", "tokens", "nats/tok", "reply", "bits/byte")
		for _, s := range e.data {
			if err := ctx.Err(); err != nil {
				return err
			}
			l := g.Shard(s, e.opt)
			e.res.NGram[name][s.Source] = l
			e.printf("%-26s %9d %9.4f %9.4f %9.4f\n", s.Source, l.Tokens, l.All, l.Reply, l.Bits)
		}
		if n == order {
			break
		}
	}
	return nil
}

func (e *evaluation) minimalPairs() error {
	r, err := newRenderer(e.tok, e.net.Config.Context)
	if err != nil {
		return err
	}
	e.res.Pairs = eval.Pairs(e.net, eval.MinimalPairs(), func(s string) []int32 {
		return r.Render(dataset.Document{Text: s})[0].Tokens
	})
	e.printf("\n%-16s %6s %9s %12s\n", "minimal pairs", "pairs", "right", "margin nats")
	n, right := 0, 0
	for _, s := range e.res.Pairs {
		e.printf("%-16s %6d %8.1f%% %12.2f\n", s.Kind, s.Pairs, 100*float64(s.Right)/float64(s.Pairs), s.Margin)
		n, right = n+s.Pairs, right+s.Right
		if e.verbose {
			for _, m := range s.Missed {
				e.printf("    prefers: %s\n", m)
			}
		}
	}
	e.printf("%-16s %6d %8.1f%%\n", "all", n, 100*float64(right)/float64(n))
	return nil
}

func (e *evaluation) recall(ctx context.Context, path string, threads int) error {
	m, f, err := openModel(path)
	if err != nil {
		return err
	}
	defer f.Close()
	recalls := eval.Recalls()
	answers, err := answerRecalls(ctx, m, e.tok, threads, recalls)
	if err != nil {
		return fmt.Errorf("%s: %w", label(path), err)
	}
	e.res.Recall = eval.ScoreRecalls(recalls, answers)
	e.printf("\n%-16s %6s %9s\n", "said again", "asked", "right")
	right := 0
	for _, s := range e.res.Recall {
		e.printf("%-16s %6d %8.1f%%\n", s.Kind, s.Asked, 100*float64(s.Right)/float64(s.Asked))
		right += s.Right
		if e.verbose {
			for _, missed := range s.Missed {
				e.printf("    %s\n", missed)
			}
		}
	}
	e.printf("%-16s %6d %8.1f%%\n", "all", len(recalls), 100*float64(right)/float64(len(recalls)))
	return nil
}

func (e *evaluation) replies(ctx context.Context, path string, n, threads int, seed uint64) error {
	m, f, err := openModel(path)
	if err != nil {
		return err
	}
	defer f.Close()
	texts, err := sampleReplies(ctx, m, e.tok, sampling{Replies: n, Tokens: 80, Threads: threads, Seed: seed})
	if err != nil {
		return fmt.Errorf("%s: %w", label(path), err)
	}
	v := eval.Replies(texts)
	e.res.Variety, e.res.Replies = &v, texts
	e.printf("\n%d replies, %d empty, %.1f words each: distinct-1 %.3f, distinct-2 %.3f, distinct-3 %.3f, repetition %.3f, equal to an earlier one %.3f\n",
		v.Replies, v.Empty, v.Words, v.Distinct1, v.Distinct2, v.Distinct3, v.Repetition, v.Same)
	if e.verbose {
		prompts := eval.Prompts()
		for i, t := range texts {
			e.printf("  > %s\n    %s\n", prompts[i%len(prompts)], t)
		}
	}
	return nil
}
