package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"

	"moebot/moe/kernel"
	"moebot/moe/model"
	"moebot/moe/tensor"
)

// maxTokensFile bounds the file that moe logits reads, bytes.
const maxTokensFile = 64 << 20

// runLogits writes the logits of every position: float32, little-endian, row-major
// [positions, vocabulary].
func runLogits(ctx context.Context, args []string, _ io.Reader, _, errOut io.Writer) error {
	fs := newFlags("logits", errOut)
	path := fs.String("m", "", modelFlag)
	tokens := fs.String("tokens", "", "JSON `file` {\"tokens\": [...]}")
	output := fs.String("o", "", "`file` for the logits")
	window := fs.Int("context", 512, "`tokens` that the sequence may grow to, at least those there are: some models turn positions in another way for long ones")
	chunk := fs.Int("chunk", 64, "positions computed at a time")
	threads := fs.Int("t", runtime.NumCPU(), "threads")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *tokens == "" || *output == "" || *chunk < 1 || *threads < 1 {
		return usageError{errors.New("usage: moe logits -m MODEL.gguf -tokens FILE.json -o OUT.f32")}
	}
	m, f, err := openModel(*path)
	if err != nil {
		return err
	}
	defer f.Close()
	ids, err := readTokens(*tokens, m.Config.Vocab)
	if err != nil {
		return err
	}
	return writeFile(*output, func(w io.Writer) error {
		return writeLogits(ctx, w, m, ids, max(*window, len(ids)), *chunk, *threads)
	})
}

func readTokens(path string, vocab int) ([]int32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var in struct {
		Tokens []int32 `json:"tokens"`
	}
	if err := json.NewDecoder(io.LimitReader(f, maxTokensFile)).Decode(&in); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(in.Tokens) == 0 {
		return nil, fmt.Errorf(`%s: no tokens, want {"tokens": [...]}`, path)
	}
	for i, id := range in.Tokens {
		if id < 0 || int(id) >= vocab {
			return nil, fmt.Errorf("%s: token %d is %d, the vocabulary has %d", path, i, id, vocab)
		}
	}
	return in.Tokens, nil
}

func writeLogits(ctx context.Context, out io.Writer, m *model.Model, ids []int32, window, chunk, threads int) error {
	pool := kernel.NewPool(threads)
	defer pool.Close()
	cache := m.Config.NewCache(tensor.F32, window)
	s := m.NewScratch(pool, chunk)
	w := bufio.NewWriterSize(out, 1<<20)
	row := make([]byte, 4*m.Config.Vocab)
	batch := make([]model.Input, 0, chunk)
	for len(ids) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch = batch[:0]
		for _, id := range ids[:min(chunk, len(ids))] {
			batch = append(batch, model.Input{ID: id, Cache: cache, Logits: true})
		}
		ids = ids[len(batch):]
		m.Forward(s, batch)
		for i := range batch {
			for j, v := range s.Logits(i) {
				binary.LittleEndian.PutUint32(row[4*j:], math.Float32bits(v))
			}
			if _, err := w.Write(row); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}
