package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"moebot/moe/dataset"
	"moebot/moe/gguf"
	"moebot/moe/tokenizer"
	"moebot/moe/tokenizer/bpetrain"
	"moebot/moe/train"
)

// runTokenizerTrain learns a vocabulary from corpus files and writes it as a GGUF
// file without tensors.
func runTokenizerTrain(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	c := tokenizerCorpus{out: out}
	fs := newFlags("tokenizer train", errOut)
	path := fs.String("o", "", "GGUF `file` to write")
	size := fs.Int("vocab", 4096, "`tokens` of the vocabulary: 6 special tokens, 256 bytes, merges")
	pre := fs.String("pre", "qwen2", "`name` of the pre-tokenizer: gpt-2, llama-bpe or qwen2")
	least := fs.Int64("min", 2, "`times` that a word must occur, weight included, to be learnt from")
	longest := fs.Int("longest", 24, "`bytes` of the longest token; 0 is no limit")
	threads := fs.Int("t", runtime.NumCPU(), "threads")
	fs.BoolVar(&c.strict, "strict", false, "a malformed line ends the work")
	fs.Func("weight", "`N:PATTERN`: count the files of that name N times (3:chat/*); repeatable, the last that fits is used", c.addWeight)
	if err := parseArgs(fs, args); err != nil {
		return err
	}
	if *path == "" || fs.NArg() == 0 {
		return usageError{errors.New("usage: moe tokenizer train -o VOCABULARY.gguf [-vocab 4096] [-pre qwen2] [-weight N:PATTERN] FILES (.jsonl or .txt, with or without .zst)")}
	}
	if err := c.setFiles(fs.Args()); err != nil {
		return usageError{err}
	}
	o := bpetrain.Options{Pre: *pre, Vocab: *size, MinCount: *least, MaxBytes: *longest,
		Specials: []string{"<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|pad|>"}}
	if _, err := bpetrain.Train(ctx, nil, o); err != nil { // wrong options show before the reading
		return err
	}
	// A path that cannot be written shows before the reading too.
	text := ""
	if err := writeFile(*path, func(w io.Writer) (err error) {
		text, err = c.learn(ctx, w, o, *threads, errOut)
		return err
	}); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s\n", *path, text)
	return nil
}

// learn writes a vocabulary of the corpus to w, GGUF, and returns what it is in words.
func (c *tokenizerCorpus) learn(ctx context.Context, w io.Writer, o bpetrain.Options, threads int, errOut io.Writer) (string, error) {
	start := time.Now()
	words, err := bpetrain.Count(ctx, o.Pre, threads, func(yield func(string, int) bool) { c.read(ctx, yield) })
	if err = errors.Join(err, c.err); err != nil {
		return "", err
	}
	nWords, nBytes := words.Total()
	if nWords == 0 {
		return "", errors.New("there is no text to learn from")
	}
	counted := time.Now()
	fmt.Fprintf(c.out, "%d words, %d distinct, %d bytes (weights included) counted in %.1f s\n", nWords, len(words), nBytes, counted.Sub(start).Seconds())
	spec, err := bpetrain.Train(ctx, words, o)
	if err != nil {
		return "", err
	}
	spec.BOS, spec.EOS, spec.EOT, spec.Pad, spec.AddBOS = 0, 1, 1, 5, true
	fmt.Fprintf(c.out, "%d merges learnt in %.1f s\n", len(spec.Merges), time.Since(counted).Seconds())
	if n := len(spec.Tokens); n < o.Vocab {
		fmt.Fprintf(errOut, "warning: the text has words for %d tokens only, not for %d\n", n, o.Vocab)
	}
	tok, err := tokenizer.New(spec)
	if err != nil {
		return "", err
	}
	var nTokens int64
	for w, n := range words {
		nTokens += n * int64(len(tok.Encode(w, false)))
	}
	meta := append([]gguf.KV{{Key: "general.architecture", Value: "llama"}, {Key: "llama.vocab_size", Value: uint32(len(spec.Tokens))}}, train.VocabularyMetadata(spec)...)
	return fmt.Sprintf("%d tokens, %.3f bytes a token on this text", len(spec.Tokens), float64(nBytes)/float64(nTokens)), gguf.Write(w, meta, nil)
}

// tokenizerCorpus is the files that a vocabulary is learnt from.
type tokenizerCorpus struct {
	files   []string
	rules   []weightRule
	weights []int // beside files
	strict  bool
	out     io.Writer // a line for each file
	err     error     // what ended read
}

type weightRule struct {
	weight  int
	pattern string
}

func (c *tokenizerCorpus) addWeight(s string) error {
	n, pattern, ok := strings.Cut(s, ":")
	weight, err := strconv.Atoi(n)
	if !ok || err != nil || weight < 0 || weight > bpetrain.MaxWeight {
		return fmt.Errorf("want a number from 0 to %d, a colon and a pattern of file names", bpetrain.MaxWeight)
	}
	if _, err := filepath.Match(pattern, ""); err != nil || pattern == "" {
		return fmt.Errorf("pattern %q cannot be read", pattern)
	}
	c.rules = append(c.rules, weightRule{weight, pattern})
	return nil
}

// matches compares a pattern of k parts (parted by slashes) with the last k of path.
func (r weightRule) matches(path string) bool {
	parts := strings.Split(filepath.ToSlash(path), "/")
	k := strings.Count(r.pattern, "/") + 1
	ok, _ := filepath.Match(r.pattern, strings.Join(parts[max(len(parts)-k, 0):], "/"))
	return ok
}

// setFiles finds the weights of files. A rule for no file is an error: it is a typo.
func (c *tokenizerCorpus) setFiles(files []string) error {
	used := make([]bool, len(c.rules))
	for _, f := range files {
		weight := 1
		for i, r := range c.rules {
			if r.matches(f) {
				weight, used[i] = r.weight, true
			}
		}
		c.files, c.weights = append(c.files, f), append(c.weights, weight)
	}
	for i, r := range c.rules {
		if !used[i] {
			return fmt.Errorf("no file is called like -weight %d:%s", r.weight, r.pattern)
		}
	}
	return nil
}

// textOnly is the Encoder of a Renderer that passes on the texts it is asked to encode.
type textOnly func(text string)

func (f textOnly) Encode(text string, _ bool) []int32 { f(text); return nil }

// read passes on the texts of all documents as training sees them. What ends it
// early is left in c.err.
func (c *tokenizerCorpus) read(ctx context.Context, yield func(string, int) bool) {
	more := true
	for i, path := range c.files {
		weight, nBytes, documents := c.weights[i], 0, 0
		if weight == 0 {
			continue
		}
		// Names are not made up here, and nothing is cut, so that each text comes once.
		r := dataset.Renderer{MaxTokens: math.MaxInt / 4, Encoder: textOnly(func(text string) {
			nBytes += len(text)
			more = more && yield(text, weight)
		})}
		var bad skipped
		err := dataset.ReadFile(path, func(d dataset.Document, err error) bool {
			if err != nil {
				bad.add(err)
				return !c.strict
			}
			if d.Text != "" || len(d.Messages) > 0 { // an empty text file is no document
				documents++
				r.Render(d)
			}
			return more && ctx.Err() == nil
		})
		if err == nil && c.strict && bad.n > 0 {
			err = bad.named[0]
		}
		if err != nil {
			c.err = err
			return
		}
		if !more || ctx.Err() != nil {
			return
		}
		fmt.Fprintf(c.out, "%-28s %7d documents %10d bytes  weight %d%v\n", sourceName(path), documents, nBytes, weight, bad)
	}
}
