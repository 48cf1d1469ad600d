package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"time"

	"moebot/moe/dataset"
	"moebot/moe/kernel"
	"moebot/moe/model"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
)

// perplexity is what a model made of a text.
type perplexity struct {
	Tokens       int     `json:"tokens"`        // predicted
	Loss         float64 `json:"loss"`          // nats per token
	Perplexity   float64 `json:"perplexity"`    // e^loss
	BitsPerByte  float64 `json:"bits_per_byte"` // over the bytes of the tokens predicted
	TokensPerSec float64 `json:"tokens_per_second"`
}

// runPerplexity measures how well a model of any kind that runs here predicts a text.
func runPerplexity(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) error {
	fs := newFlags("perplexity", errOut)
	path := fs.String("m", "", modelFlag)
	text := fs.String("text", "", "text `file`; without it standard input")
	window := fs.Int("context", 512, "tokens of a window; each is predicted from those before it in its window alone")
	limit := fs.Int("limit", 0, "tokens measured at most; 0 measures all")
	threads := fs.Int("t", runtime.NumCPU(), "threads")
	kv := cacheFlag(fs)
	asJSON := fs.Bool("json", false, "print JSON")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *window < 2 || *threads < 1 || *limit < 0 {
		return usageError{errors.New("usage: moe perplexity [-m MODEL.gguf] [-text FILE] [-context TOKENS] [-limit TOKENS] [-json]")}
	}
	m, f, err := openModel(*path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := m.Config.CacheType(*kv); err != nil {
		return usageError{err}
	}
	tok, err := tokenizerOf(*path, f)
	if err != nil {
		return err
	}
	if err := m.Fits(tok); err != nil {
		return fmt.Errorf("%s: %w", label(*path), err)
	}
	length := min(*window, m.Config.Context)
	if length < 2 {
		return fmt.Errorf("%s: in a context window of one token nothing is predicted", label(*path))
	}
	if *text != "" {
		file, err := os.Open(*text)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	b, err := dataset.ReadText(in, maxTokensFile)
	if err != nil {
		return err
	}
	ids := tok.Encode(dataset.Clean(string(b)), false)
	if *limit > 0 && len(ids) > *limit {
		ids = ids[:*limit]
	}
	if len(ids) == 0 {
		if *text == "" {
			return errors.New("standard input has no text to measure; -text names a file")
		}
		return fmt.Errorf("%s: no text to measure", *text)
	}
	pool := kernel.NewPool(*threads)
	defer pool.Close()
	p, err := measureText(ctx, m, tok, ids, length, *kv, pool)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(out).Encode(p)
	}
	_, err = fmt.Fprintf(out, "%d tokens  %.4f nats per token  perplexity %.3f  %.4f bits per byte  %.0f tokens per second\n",
		p.Tokens, p.Loss, p.Perplexity, p.BitsPerByte, p.TokensPerSec)
	return err
}

// measureText predicts ids window by window. A window begins with the vocabulary's BOS
// token if texts do, else its first token is not predicted; it has two tokens or more.
func measureText(ctx context.Context, m *model.Model, tok *tokenizer.Tokenizer, ids []int32, window int, kv tensor.Type, pool *kernel.Pool) (perplexity, error) {
	const chunk = 64
	var p perplexity
	spec := tok.Spec()
	s := m.NewScratch(pool, chunk)
	bytes, start := 0, time.Now()
	for len(ids) > 0 {
		var part []int32
		if spec.AddBOS && spec.BOS >= 0 {
			part = append(part, spec.BOS)
		}
		n := min(window-len(part), len(ids))
		part, ids = append(part, ids[:n]...), ids[n:]
		cache := m.Config.NewCache(kv, window)
		for at := 0; at+1 < len(part); at += chunk {
			if err := ctx.Err(); err != nil {
				return p, err
			}
			end := min(at+chunk, len(part)-1)
			batch := make([]model.Input, 0, chunk)
			for _, id := range part[at:end] {
				batch = append(batch, model.Input{ID: id, Cache: cache, Logits: true})
			}
			m.Forward(s, batch)
			for i := range batch {
				target := part[at+i+1]
				p.Loss += crossEntropy(s.Logits(i), target)
				p.Tokens++
				bytes += len(tok.Bytes(target))
			}
		}
	}
	if p.Tokens == 0 {
		return p, errors.New("the text is too short: nothing in it follows anything")
	}
	p.TokensPerSec = float64(p.Tokens) / time.Since(start).Seconds()
	p.BitsPerByte = p.Loss / math.Ln2 / float64(max(bytes, 1))
	p.Loss /= float64(p.Tokens)
	p.Perplexity = math.Exp(p.Loss)
	return p, nil
}

// crossEntropy is -ln of the softmax's share for one id, nats.
func crossEntropy(logits []float32, id int32) float64 {
	top := logits[0]
	for _, v := range logits {
		top = max(top, v)
	}
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v - top))
	}
	return math.Log(sum) - float64(logits[id]-top)
}
