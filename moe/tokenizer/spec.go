package tokenizer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Kind is what a vocabulary says of a token, with the number of GGUF files.
type Kind int32

const (
	Normal      Kind = 1
	Unknown     Kind = 2 // special, as Control
	Control     Kind = 3 // special: never made from text unless allowed, decoded to nothing
	UserDefined Kind = 4 // always found in text, whole
	Unused      Kind = 5
	Byte        Kind = 6 // written <0x0A>, stands for that byte
)

// Spec describes a vocabulary. Ids are indexes into Tokens; an id of -1 is none.
type Spec struct {
	Name   string    // of the model, may be empty; only Phi-3's changes anything
	Model  string    // "gpt2": byte-level BPE; "llama": SentencePiece
	Pre    string    // name of the pre-tokenizer, "default" if empty; "llama" has none
	Tokens []string  // "gpt2": bytes written as GPT-2 writes them; "llama": blanks as U+2581
	Kinds  []Kind    // beside Tokens; nil means all Normal
	Merges []string  // "gpt2": "left right", best first
	Scores []float32 // "llama": beside Tokens, the higher the sooner; nil means all 0

	BOS, EOS, EOT, Pad int32

	AddBOS, AddEOS bool   // whether a text that starts or ends a context gets BOS or EOS
	NoSpacePrefix  bool   // "llama": text does not get a blank before it
	ChatTemplate   string // Jinja source, may be empty; not used here
}

// AddsBOS is what AddBOS should be for a vocabulary that does not say.
func AddsBOS(model, pre string) bool {
	return model == "llama" || model == "gpt2" && addsBOS(pre)
}

// UnsupportedError is a vocabulary that this package does not implement.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string { return "tokenizer: " + e.What }

// Tokenizer converts between text and ids of one vocabulary.
type Tokenizer struct {
	spec     Spec
	kinds    []Kind
	ids      map[string]int32 // token text as in the vocabulary
	bytes    []string         // [vocabulary] bytes a token stands for
	ends     []int32          // tokens that end a turn or a text
	specials specials
	encoder  encoder
	// prefix is set if text gets a blank at its start and after special tokens.
	prefix bool
}

// encoder is a model of turning text without special tokens into ids.
type encoder interface {
	// append adds the tokens of text to dst.
	append(dst []int32, text string) []int32
}

// New builds a tokenizer. It returns an *UnsupportedError for a model or
// pre-tokenizer it does not know, and one error naming all faults of the tables.
// The Tokenizer keeps the slices of s, which must not change.
func New(s Spec) (*Tokenizer, error) {
	var split splitter
	switch s.Model {
	case "gpt2":
		var err error
		if split, err = splitterFor(cmp.Or(s.Pre, "default")); err != nil {
			return nil, err
		}
	case "llama":
	default:
		return nil, &UnsupportedError{fmt.Sprintf("model %q is not supported, only \"gpt2\" (byte-level BPE) and \"llama\" (SentencePiece)", s.Model)}
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.Model == "llama" && s.Scores == nil {
		s.Scores = make([]float32, len(s.Tokens))
	}
	t := &Tokenizer{spec: s, kinds: s.effectiveKinds(), ids: make(map[string]int32, len(s.Tokens))}
	for i, tok := range s.Tokens {
		if _, ok := t.ids[tok]; !ok { // of equal tokens the first wins
			t.ids[tok] = int32(i)
		}
	}
	t.ends = s.findEnds(t.ids)
	t.specials = findSpecials(s, t.kinds)
	t.bytes = make([]string, len(s.Tokens))
	if s.Model == "llama" {
		t.prefix = !s.NoSpacePrefix
		m := newSPM(s, t.kinds, t.ids)
		t.encoder = newWordEncoder(m.split, m)
		for i, tok := range s.Tokens {
			t.bytes[i] = textOf(tok, t.kinds[i], unblank)
		}
		return t, nil
	}
	for i, tok := range s.Tokens {
		t.bytes[i] = textOf(tok, t.kinds[i], unmapBytes)
	}
	bpe, err := newBPE(s.Merges, func(text string) int32 {
		if id, ok := t.ids[text]; ok && !t.IsControl(id) {
			return id
		}
		return -1
	})
	if err != nil {
		return nil, err
	}
	var merge encoder = bpe
	if keepsWords(s.Pre) {
		merge = wholeWords{findWholeWords(s.Tokens, t.kinds), bpe}
	}
	t.encoder = newWordEncoder(split, merge)
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
	if s.Model == "llama" && s.Scores != nil && len(s.Scores) != n {
		errs = append(errs, fmt.Errorf("%d scores for %d tokens", len(s.Scores), n))
	}
	for _, x := range []struct {
		name string
		id   int32
	}{{"bos", s.BOS}, {"eos", s.EOS}, {"eot", s.EOT}, {"padding", s.Pad}} {
		if x.id < -1 || int(x.id) >= n {
			errs = append(errs, fmt.Errorf("the %s token %d is outside the vocabulary of %d", x.name, x.id, n))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("tokenizer: %w", err)
	}
	return nil
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
	if !t.has(id) {
		return ""
	}
	return t.spec.Tokens[id]
}

func (t *Tokenizer) has(id int32) bool { return id >= 0 && int(id) < len(t.spec.Tokens) }

// IsControl reports whether the token is special: it stands for no text.
func (t *Tokenizer) IsControl(id int32) bool {
	return t.has(id) && isControl(t.kinds[id])
}

func isControl(k Kind) bool { return k == Control || k == Unknown }

// IsEnd reports whether the token ends a turn or a text: the vocabulary's EOS and
// EOT, and tokens that are known by their name to do so, such as <|im_end|>.
func (t *Tokenizer) IsEnd(id int32) bool { return slices.Contains(t.ends, id) }

// findEnds lists the tokens that end a turn or a text.
func (s Spec) findEnds(ids map[string]int32) []int32 {
	var ends []int32
	add := func(id int32) {
		if id >= 0 && !slices.Contains(ends, id) {
			ends = append(ends, id)
		}
	}
	add(s.EOS)
	add(s.EOT)
	for _, text := range endTexts {
		if id, ok := ids[text]; ok {
			add(id)
		}
	}
	return ends
}
