package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

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
	strict := fs.Bool("strict", false, "a malformed line ends the work")
	if err := fs.Parse(args); err != nil {
		if isHelp(err) {
			return err
		}
		return usageError{err}
	}
	if *dir == "" || fs.NArg() == 0 {
		return usageError{errors.New("usage: moe data [-m VOCABULARY.gguf] -o DIRECTORY FILE.jsonl[.zst] and more")}
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
	for _, path := range fs.Args() {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &dataset.Shard{Source: sourceName(path), Vocab: tok.Size()}
		documents, bad := 0, 0
		var first error
		err := dataset.ReadFile(path, func(d dataset.Document, err error) bool {
			if err != nil {
				bad++
				if first == nil {
					first = err
				}
				return !*strict && ctx.Err() == nil
			}
			documents++
			for _, q := range r.Render(d) {
				s.Append(q)
			}
			return ctx.Err() == nil && (*limit == 0 || len(s.Tokens) < *limit)
		})
		if err == nil && *strict {
			err = first
		}
		if err == nil {
			err = ctx.Err() // what was read before it is no whole shard
		}
		if err != nil {
			return err
		}
		if len(s.Start) == 0 {
			return fmt.Errorf("%s: nothing to train on in %d documents", path, documents)
		}
		if err := s.Write(filepath.Join(*dir, s.Source+".shard")); err != nil {
			return err
		}
		fmt.Fprintf(out, "%-28s %7d documents %7d sequences %10d tokens", s.Source, documents, s.Sequences(), len(s.Tokens))
		if bad > 0 {
			fmt.Fprintf(out, "  %d lines skipped, the first: %v", bad, first)
		}
		fmt.Fprintln(out)
	}
	return nil
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
