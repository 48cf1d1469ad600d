package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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
	once := fs.String("once", "", "`sources` of which pieces that mostly repeat earlier ones are left out, with commas between")
	strict := fs.Bool("strict", false, "a malformed line ends the work")
	workers := fs.Int("t", runtime.NumCPU(), "files packed at a time")
	if err := parseArgs(fs, args); err != nil {
		return err
	}
	if *dir == "" || fs.NArg() == 0 {
		return usageError{errors.New("usage: moe data [-m VOCABULARY.gguf] [-without DIRECTORY] [-once SOURCE,...] -o DIRECTORY FILE.jsonl[.zst] and more")}
	}
	if *length < 1 || *limit < 0 {
		return usageError{fmt.Errorf("-length is %d and -limit %d, want at least 1 and 0", *length, *limit)}
	}
	if err := canFill(*dir); err != nil {
		return err
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
	for source := range strings.SplitSeq(*once, ",") {
		if source == "" {
			continue
		}
		if seen[source] == "" {
			return usageError{fmt.Errorf("-once names %q, which is no source of the files", source)}
		}
		p.once = append(p.once, source)
	}
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
	once       []string        // sources without pieces that repeat earlier ones

	tokens atomic.Int64 // of all files so far
}

// packed is what became of one file. The shard itself is on the disk by then.
type packed struct {
	source            string
	documents, mute   int // mute are those without a reply to learn
	sequences, tokens int
	copies            int // sequences that repeat held-out text
	repeats           int // sequences that repeat earlier ones
	skipped           skipped
	err               error
}

// skipped are the lines of a corpus file that are no documents.
type skipped struct {
	n     int
	named []error // the first of them
}

func (s *skipped) add(err error) {
	const most = 20
	if s.n++; len(s.named) < most {
		s.named = append(s.named, err)
	}
}

// String names the lines, the first in the same line; it is empty if there are none.
func (s skipped) String() string {
	if s.n == 0 {
		return ""
	}
	text := fmt.Sprintf("  %d lines skipped, the first: %v", s.n, s.named[0])
	for _, err := range s.named[1:] {
		text += fmt.Sprintf("\n    %v", err)
	}
	if more := s.n - len(s.named); more > 0 {
		text += fmt.Sprintf("\n    and %d more", more)
	}
	return text
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
				results[i] <- packed{err: ctx.Err()}
				return
			}
			defer func() { <-slots }()
			results[i] <- p.file(ctx, path)
		})
	}
	show := newBar(errOut)
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
				if show.terminal {
					show.draw(barLine(i, len(paths), fmt.Sprintf("%d of %d files, %.1f M tokens", i, len(paths), float64(p.tokens.Load())/1e6)))
				}
			}
		}
		show.clear()
		if r.err != nil {
			cancel()
			return r.err
		}
		fmt.Fprintf(out, "%-28s %7d documents %7d sequences %10d tokens", r.source, r.documents, r.sequences, r.tokens)
		if r.mute > 0 {
			fmt.Fprintf(out, "  %d documents without a reply", r.mute)
		}
		if r.copies > 0 {
			fmt.Fprintf(out, "  %d sequences left out, they repeat held-out text", r.copies)
		}
		if r.repeats > 0 {
			fmt.Fprintf(out, "  %d sequences left out, they repeat earlier ones", r.repeats)
		}
		fmt.Fprintln(out, r.skipped)
	}
	return nil
}

func (p *packer) file(ctx context.Context, path string) packed {
	r := packed{source: sourceName(path)}
	s := &dataset.Shard{Source: r.source, Vocab: p.vocab, Vocabulary: p.vocabulary}
	r.err = dataset.ReadFile(path, func(d dataset.Document, err error) bool {
		if err != nil {
			r.skipped.add(err)
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
	if r.err == nil && p.strict && r.skipped.n > 0 {
		r.err = r.skipped.named[0]
	}
	if r.err == nil {
		r.err = ctx.Err() // what was read before it is no whole shard
	}
	if r.err == nil {
		r.copies = s.DropCopies(p.held)
		if slices.Contains(p.once, r.source) {
			r.repeats = s.DropRepeats()
		}
	}
	if r.err == nil && s.Sequences() < 1 {
		r.err = fmt.Errorf("%s: nothing to train on in %d documents, %d sequences of which repeat held-out text", path, r.documents, r.copies)
	}
	if r.err == nil {
		r.sequences, r.tokens = s.Sequences(), len(s.Tokens)
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
