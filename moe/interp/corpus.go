package interp

import (
	"context"
	_ "embed"
	"fmt"
	"path/filepath"
	"strings"

	"moebot/moe/dataset"
)

//go:embed text/corpus.txt
var builtin string

// Sequence is a piece of text as tokens. Topic is where it is from: the source of
// a corpus file's document, or the heading in the text that comes with the program.
type Sequence struct {
	Topic string
	IDs   []int32
}

// Corpus is the text that instruments run over. It is read again for each of them,
// a document at a time, so it may be larger than memory.
type Corpus struct {
	// Files are what moe/dataset reads: .jsonl or .txt, either with .zst behind. None
	// stands for a small text that comes with the program.
	Files []string
	// Tokens is how many are taken at most, the same number from each file; 0 takes all.
	Tokens int
	// Skipped counts the malformed lines of the last reading, First is the first of them.
	Skipped int
	First   error
}

// Each calls use for every sequence, of 2 tokens and the Lab's length at most, until
// it fails or ctx ends; a corpus that holds none is an error. It tells the Lab's
// progress if the number of tokens is bounded.
func (c *Corpus) Each(ctx context.Context, l *Lab, use func(Sequence) error) error {
	c.Skipped, c.First = 0, nil
	read := c.files
	if len(c.Files) == 0 {
		read = c.builtin
	}
	some := false
	err := read(ctx, l, func(s Sequence) error {
		some = true
		return use(s)
	})
	if err == nil && !some {
		err = c.nothing()
	}
	return err
}

// nothing is the error for a corpus without a sequence.
func (c *Corpus) nothing() error {
	what := "a text of 2 tokens or more"
	if len(c.Files) == 0 {
		return fmt.Errorf("%d tokens are too few for %s that comes with the program", c.Tokens, what)
	}
	if c.Tokens > 0 {
		what += fmt.Sprintf(" among %d tokens", c.Tokens)
	}
	err := fmt.Errorf("%s: not %s", strings.Join(c.Files, ", "), what)
	if c.Skipped > 0 {
		err = fmt.Errorf("%w; %d lines skipped, the first: %w", err, c.Skipped, c.First)
	}
	return err
}

// files gives the documents of all files.
func (c *Corpus) files(ctx context.Context, l *Lab, use func(Sequence) error) error {
	done := 0
	render := l.renderer()
	for _, path := range c.Files {
		left := c.Tokens / len(c.Files)
		var failed error
		err := dataset.ReadFile(path, func(d dataset.Document, err error) bool {
			if err != nil {
				if c.Skipped++; c.First == nil {
					c.First = err
				}
				return ctx.Err() == nil
			}
			topic := d.Source
			if topic == "" {
				topic, _, _ = strings.Cut(filepath.Base(path), ".")
			}
			for _, ids := range render(d) {
				if c.Tokens > 0 {
					if left < 2 {
						return false
					}
					ids = ids[:min(len(ids), left)]
				}
				for len(ids) > 1 && failed == nil {
					n := min(len(ids), l.length)
					failed = use(Sequence{topic, ids[:n]})
					ids, left, done = ids[n:], left-n, done+n
					l.step(done, c.Tokens)
				}
			}
			if failed == nil {
				failed = ctx.Err()
			}
			return failed == nil && (c.Tokens == 0 || left > 1)
		})
		if failed != nil {
			return failed
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// builtin gives the text that comes with the program, each paragraph for itself.
func (c *Corpus) builtin(ctx context.Context, l *Lab, use func(Sequence) error) error {
	topic, done := "", 0
	all := strings.Split(strings.TrimSpace(builtin), "\n")
	for i, text := range all {
		if heading, ok := strings.CutPrefix(text, "# "); ok {
			topic = heading
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		ids := l.Encode(text, false)
		if len(ids) < 2 || c.Tokens > 0 && done+len(ids) > c.Tokens {
			continue
		}
		done += len(ids)
		if err := use(Sequence{topic, ids}); err != nil {
			return err
		}
		l.step(i+1, len(all))
	}
	return nil
}

// renderer turns documents into tokens: by the training format if the vocabulary
// has its special tokens, otherwise as plain text with a line for each turn.
func (l *Lab) renderer() func(dataset.Document) [][]int32 {
	r := dataset.Renderer{Encoder: l.Tok, MaxTokens: l.length, NameShare: 0.15}
	ours := true
	for _, s := range []struct {
		name string
		id   *int32
	}{{"<|bos|>", &r.Specials.BOS}, {"<|end|>", &r.Specials.End}, {"<|system|>", &r.Specials.System}, {"<|user|>", &r.Specials.User}, {"<|assistant|>", &r.Specials.Assistant}} {
		id, ok := l.Tok.ID(s.name)
		*s.id, ours = id, ours && ok
	}
	return func(d dataset.Document) (out [][]int32) {
		if ours {
			for _, s := range r.Render(d) {
				out = append(out, s.Tokens)
			}
			return out
		}
		text := dataset.Clean(d.Text)
		if text == "" {
			var lines []string
			for _, m := range d.Messages {
				lines = append(lines, m.Role+": "+dataset.Clean(m.Content))
			}
			text = strings.Join(lines, "\n")
		}
		var ids []int32
		if s := l.Tok.Spec(); s.AddBOS && s.BOS >= 0 {
			ids = append(ids, s.BOS)
		}
		return [][]int32{l.Tok.Append(ids, text, false)}
	}
}
