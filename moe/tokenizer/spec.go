package tokenizer

import (
	"errors"
	"fmt"
)

// Kind is what a vocabulary says of a token, with the number of GGUF files.
type Kind int32

const (
	Normal      Kind = 1
	Unknown     Kind = 2
	Control     Kind = 3 // special: never made from text unless allowed, decoded to nothing
	UserDefined Kind = 4 // always found in text, whole
	Unused      Kind = 5
	Byte        Kind = 6
)

// Spec describes a vocabulary. Ids are indexes into Tokens; an id of -1 is none.
type Spec struct {
	Model  string   // "gpt2": byte-level BPE
	Pre    string   // name of the pre-tokenizer
	Tokens []string // bytes written as GPT-2 writes them
	Kinds  []Kind   // beside Tokens; nil means all Normal
	Merges []string // "left right", best first

	BOS, EOS, EOT, Pad int32

	AddBOS, AddEOS bool   // whether a text that starts or ends a context gets BOS or EOS
	ChatTemplate   string // Jinja source, may be empty; not used here
}

// UnsupportedError is a vocabulary that this package does not implement.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string { return "tokenizer: " + e.What }

// Tokenizer converts between text and ids of one vocabulary.
type Tokenizer struct {
	spec    Spec
	split   splitter
	ids     map[string]int32 // token text as in the vocabulary
	bytes   []string         // [vocabulary] bytes a token stands for
	special specials
	bpe     *bpe
	// whole is set for vocabularies whose pre-tokens may be tokens without merges (llama-bpe).
	whole bool
}

// New builds a tokenizer. It returns an *UnsupportedError for a model or
// pre-tokenizer it does not know, and one error naming all faults of the tables.
func New(s Spec) (*Tokenizer, error) {
	if s.Model != "gpt2" {
		return nil, &UnsupportedError{fmt.Sprintf("model %q is not supported, only \"gpt2\" (byte-level BPE)", s.Model)}
	}
	split, err := splitterFor(s.Pre)
	if err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	t := &Tokenizer{spec: s, split: split, ids: make(map[string]int32, len(s.Tokens)), bytes: make([]string, len(s.Tokens)), whole: isLlama3(s.Pre)}
	for i, tok := range s.Tokens {
		if _, ok := t.ids[tok]; !ok { // of equal tokens the first wins
			t.ids[tok] = int32(i)
		}
		t.bytes[i] = tok
		if k := t.kind(int32(i)); k == Normal || k == Byte || k == Unused {
			t.bytes[i] = unmapBytes(tok)
		}
	}
	t.special = findSpecials(s)
	t.bpe, err = newBPE(s.Merges, t.ids)
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (s Spec) check() error {
	var errs []error
	n := len(s.Tokens)
	if n == 0 {
		errs = append(errs, errors.New("the vocabulary is empty"))
	}
	if s.Kinds != nil && len(s.Kinds) != n {
		errs = append(errs, fmt.Errorf("%d token types for %d tokens", len(s.Kinds), n))
	}
	for name, id := range map[string]int32{"bos": s.BOS, "eos": s.EOS, "eot": s.EOT, "padding": s.Pad} {
		if id < -1 || int(id) >= n {
			errs = append(errs, fmt.Errorf("the %s token %d is outside the vocabulary of %d", name, id, n))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("tokenizer: %w", err)
	}
	return nil
}

func (t *Tokenizer) kind(id int32) Kind {
	if t.spec.Kinds == nil {
		return Normal
	}
	return t.spec.Kinds[id]
}

// Spec returns the vocabulary; it must not be changed.
func (t *Tokenizer) Spec() Spec { return t.spec }

// Size is the number of tokens.
func (t *Tokenizer) Size() int { return len(t.spec.Tokens) }

// ID finds a token by its text as the vocabulary writes it.
func (t *Tokenizer) ID(token string) (int32, bool) {
	id, ok := t.ids[token]
	return id, ok
}

// Token is the token's text as the vocabulary writes it, "" outside the vocabulary.
func (t *Tokenizer) Token(id int32) string {
	if id < 0 || int(id) >= len(t.spec.Tokens) {
		return ""
	}
	return t.spec.Tokens[id]
}

// IsControl reports whether the token is special: it stands for no text.
func (t *Tokenizer) IsControl(id int32) bool {
	return id >= 0 && int(id) < len(t.spec.Tokens) && (t.kind(id) == Control || t.kind(id) == Unknown)
}

// IsEnd reports whether the token ends a turn or a text.
func (t *Tokenizer) IsEnd(id int32) bool {
	return id >= 0 && (id == t.spec.EOS || id == t.spec.EOT)
}
