package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"moebot/moe/dataset"
	"moebot/moe/tokenizer"
)

// runData packs corpus files into token shards, one a source.
func runData(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("data", errOut)
	vocab := fs.String("m", "", modelFlag)
	dir := fs.String("o", "", "`directory` for the shards")
	length := fs.Int("length", 512, "longest chat sequence, tokens")
	limit := fs.Int("limit", 0, "tokens taken of each file at most; 0 takes all")
	without := fs.String("without", "", "`directory` of held-out shards: training text that repeats theirs is left out")
	strict := fs.Bool("strict", false, "a malformed line ends the work")
	workers := fs.Int("t", runtime.NumCPU(), "files packed at a time")
	if err := fs.Parse(args); err != nil {
		if isHelp(err) {
			return err
		}
		return usageError{err}
	}
	if *dir == "" || fs.NArg() == 0 {
		return usageError{errors.New("usage: moe data [-m VOCABULARY.gguf] [-without DIRECTORY] -o DIRECTORY FILE.jsonl[.zst] and more")}
	}
	tok, err := openTokenizer(*vocab)
	if err != nil {
		return err
	}
	r, err := newRenderer(tok, *length)
	if err != nil {
		return fmt.Errorf("%s: %w", label(*vocab), err)
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	seen := map[string]string{}
	for _, path := range fs.Args() {
		if other, ok := seen[sourceName(path)]; ok {
			return usageError{fmt.Errorf("%s and %s would both be source %s", other, path, sourceName(path))}
		}
		seen[sourceName(path)] = path
	}
	p := packer{renderer: r, vocab: tok.Size(), vocabulary: dataset.VocabularyHash(tok.Spec()), dir: *dir, limit: *limit, strict: *strict}
	if *without != "" {
		held, err := readShards(*without)
		if err != nil {
			return err
		}
		if err := checkVocabulary(held, tok); err != nil {
			return fmt.Errorf("%s: %w", *without, err)
		}
		p.held = dataset.HeldRuns(held)
	}
	return p.all(ctx, fs.Args(), *workers, out, errOut)
}

// packer turns corpus files into shards.
type packer struct {
	renderer   *dataset.Renderer
	vocab      int
	vocabulary string
	dir        string
	limit      int // tokens of a file; 0 is no limit
	strict     bool
	held       map[uint64]bool // runs of held-out text, see dataset.HeldRuns

	tokens atomic.Int64 // of all files so far
}

// packed is what became of one file.
type packed struct {
	path                 string
	shard                *dataset.Shard
	documents, bad, mute int // mute are those without a reply to learn
	copies               int // sequences that repeat held-out text
	first                error
	err                  error
}

// all packs files, some beside each other, and reports them in their order. The first
// file that fails ends the work.
func (p *packer) all(ctx context.Context, paths []string, workers int, out, errOut io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]chan packed, len(paths))
	slots := make(chan struct{}, max(1, workers))
	var group sync.WaitGroup
	defer group.Wait()
	for i, path := range paths {
		results[i] = make(chan packed, 1)
		group.Go(func() {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				results[i] <- packed{path: path, err: ctx.Err()}
				return
			}
			defer func() { <-slots }()
			results[i] <- p.file(ctx, path)
		})
	}
	show := newProgress(errOut, len(paths))
	defer show.clear()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for i := range paths {
		var r packed
		for waiting := true; waiting; {
			select {
			case r = <-results[i]:
				waiting = false
			case <-tick.C:
				show.draw(i, p.tokens.Load())
			}
		}
		show.clear()
		if r.err != nil {
			cancel()
			return r.err
		}
		fmt.Fprintf(out, "%-28s %7d documents %7d sequences %10d tokens", r.shard.Source, r.documents, r.shard.Sequences(), len(r.shard.Tokens))
		if r.mute > 0 {
			fmt.Fprintf(out, "  %d documents without a reply", r.mute)
		}
		if r.copies > 0 {
			fmt.Fprintf(out, "  %d sequences left out, they repeat held-out text", r.copies)
		}
		if r.bad > 0 {
			fmt.Fprintf(out, "  %d lines skipped, the first: %v", r.bad, r.first)
		}
		fmt.Fprintln(out)
	}
	return nil
}

func (p *packer) file(ctx context.Context, path string) packed {
	r := packed{path: path, shard: &dataset.Shard{Source: sourceName(path), Vocab: p.vocab, Vocabulary: p.vocabulary}}
	s := r.shard
	r.err = dataset.ReadFile(path, func(d dataset.Document, err error) bool {
		if err != nil {
			r.bad++
			if r.first == nil {
				r.first = err
			}
			return !p.strict && ctx.Err() == nil
		}
		r.documents++
		before := len(s.Tokens)
		for _, q := range p.renderer.Render(d) {
			s.Append(q)
		}
		if len(s.Tokens) == before {
			r.mute++
		}
		p.tokens.Add(int64(len(s.Tokens) - before))
		return ctx.Err() == nil && (p.limit == 0 || len(s.Tokens) < p.limit)
	})
	if r.err == nil && p.strict {
		r.err = r.first
	}
	if r.err == nil {
		r.err = ctx.Err() // what was read before it is no whole shard
	}
	if r.err == nil && len(p.held) > 0 && len(s.Start) > 0 {
		r.copies = s.DropCopies(p.held)
	}
	if r.err == nil && len(s.Start) == 0 {
		r.err = fmt.Errorf("%s: nothing to train on in %d documents", path, r.documents)
	}
	if r.err == nil {
		r.err = s.Write(filepath.Join(p.dir, s.Source+".shard"))
	}
	return r
}

// sourceName is a corpus file's name without its endings.
func sourceName(path string) string {
	name := filepath.Base(path)
	name, _, _ = strings.Cut(name, ".")
	return name
}

// newRenderer finds the special tokens of the training format in tok.
func newRenderer(tok *tokenizer.Tokenizer, length int) (*dataset.Renderer, error) {
	r := &dataset.Renderer{Encoder: tok, MaxTokens: length, NameShare: 0.15}
	for _, s := range []struct {
		token string
		id    *int32
	}{
		{"<|bos|>", &r.Specials.BOS}, {"<|end|>", &r.Specials.End}, {"<|system|>", &r.Specials.System},
		{"<|user|>", &r.Specials.User}, {"<|assistant|>", &r.Specials.Assistant},
	} {
		id, ok := tok.ID(s.token)
		if !ok {
			return nil, fmt.Errorf("the vocabulary has no token %s, which training needs", s.token)
		}
		*s.id = id
	}
	return r, nil
}
