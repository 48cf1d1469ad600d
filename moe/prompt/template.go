package prompt

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"moebot/moe/tokenizer"
)

// Role says who speaks.
type Role string

const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
)

// Turn is one message. Name is the speaker's, of users only, and may be empty.
type Turn struct {
	Role Role
	Name string
	Text string
}

// Template renders turns for one vocabulary.
type Template struct {
	// Warning says why the template of the model's file is not used, nil if it is or if
	// there is none, and of NewAny's why New fails.
	Warning error
	// Keeps is how many turns of a conversation are given to Fit at most, because whoever
	// stores it forgets the older; 0 is 60 or more. A prompt then holds two thirds of them
	// at most, so that it can begin where the one before did although the oldest turn is
	// another each time.
	Keeps int

	tok   *tokenizer.Tokenizer
	start []int32          // of every prompt
	open  map[Role][]int32 // before a turn's text
	close []int32          // behind it

	script *script // renders instead of these, if not nil
}

// New chooses the template: the one that came in the vocabulary's file, in Jinja. Where
// there is none, or it cannot be used (see Warning), it is moebot's own, for
// vocabularies with its special tokens,
//
//	<|bos|>[<|system|>text<|end|>]<|user|>Name: text<|end|><|assistant|>text<|end|>
//
// or ChatML:
//
//	<|im_start|>user⏎Name: text<|im_end|>⏎
//
// A vocabulary that has none of the three is an error.
func New(tok *tokenizer.Tokenizer) (*Template, error) {
	t, err := builtIn(tok)
	source := tok.Spec().ChatTemplate
	if source == "" {
		return t, err
	}
	s, unusable := newScript(tok, source)
	switch {
	case unusable == nil && err == nil && s.is(t):
		return t, nil // it says the same, without Jinja
	case unusable == nil:
		return &Template{tok: tok, script: s}, nil
	}
	unusable = fmt.Errorf("the chat template of the model's file cannot be used: %w", unusable)
	if err != nil {
		return nil, fmt.Errorf("%w, and %w", err, unusable)
	}
	t.Warning = unusable
	return t, nil
}

// NewAny is New for those who want an answer from any model: where New fails, ChatML is
// written out as text, as llama.cpp does, and Stops end a reply. Warning says so.
func NewAny(tok *tokenizer.Tokenizer) (*Template, error) {
	t, lacks := New(tok)
	if lacks == nil {
		return t, nil
	}
	s, err := writtenScript(tok)
	if err != nil {
		return nil, fmt.Errorf("%w, and ChatML as text cannot be used: %w", lacks, err)
	}
	return &Template{tok: tok, script: s, Warning: lacks}, nil
}

// The borders of ChatML's turns.
const (
	imStart = "<|im_start|>"
	imEnd   = "<|im_end|>"
)

// builtIn is the template that goes with the vocabulary's special tokens. The error says
// that it has none of a format's.
func builtIn(tok *tokenizer.Tokenizer) (*Template, error) {
	t := &Template{tok: tok, open: map[Role][]int32{}}
	if id := tok.Spec().BOS; tok.Spec().AddBOS && id >= 0 {
		t.start = []int32{id}
	}
	roles := []Role{System, User, Assistant}
	if end, ok := tok.ID("<|end|>"); ok {
		found := 0
		for _, r := range roles {
			if id, ok := tok.ID("<|" + string(r) + "|>"); ok {
				t.open[r] = []int32{id}
				found++
			}
		}
		if found == len(roles) {
			t.close = []int32{end}
			return t, nil
		}
	}
	open, ok := tok.ID(imStart)
	end, ok2 := tok.ID(imEnd)
	if !ok || !ok2 {
		return nil, errors.New("prompt: the vocabulary has neither the special tokens of moebot's chat format (<|user|>, <|end|>, ...) nor those of ChatML (<|im_start|>, <|im_end|>)")
	}
	for _, r := range roles {
		t.open[r] = append([]int32{open}, tok.Encode(string(r)+"\n", false)...)
	}
	t.close = append([]int32{end}, tok.Encode("\n", false)...)
	return t, nil
}

// Stops are the strings before which a reply ends, beside its tokens; nil for none. They
// are there if the borders of turns are text, for want of tokens (NewAny).
func (t *Template) Stops() []string {
	if t.script != nil && t.script.written {
		return []string{imEnd, imStart}
	}
	return nil
}

// End is the token that ends a turn, of the assistant too; with Stops that which ends a
// text, or -1 if the vocabulary has none.
func (t *Template) End() int32 {
	if t.script != nil {
		return t.script.end
	}
	return t.close[0]
}

// Unsaid are the control tokens that a reply never holds: all but those that end it.
func (t *Template) Unsaid() (ids []int32) {
	for id := range int32(t.tok.Size()) {
		if t.tok.IsControl(id) && !t.tok.IsEnd(id) && id != t.End() {
			ids = append(ids, id)
		}
	}
	return ids
}

// Render returns the tokens of a conversation, open for the assistant's next words.
func (t *Template) Render(turns []Turn) []int32 {
	if t.script != nil {
		return t.script.render(turns)
	}
	out := append([]int32(nil), t.start...)
	for _, turn := range turns {
		out = t.appendTurn(out, turn)
	}
	return append(out, t.open[Assistant]...)
}

// cost is the number of tokens that a turn takes, with a script about.
func (t *Template) cost(turn Turn) int {
	if t.script != nil {
		return t.script.perTurn + len(t.tok.Encode(turn.text(), false))
	}
	return len(t.appendTurn(nil, turn))
}

// fixed is the number of tokens of a prompt without turns, with a script about.
func (t *Template) fixed(system bool) int {
	switch {
	case t.script != nil && system:
		return t.script.told
	case t.script != nil:
		return t.script.fixed
	}
	return len(t.start) + len(t.open[Assistant])
}

func (t *Template) appendTurn(dst []int32, turn Turn) []int32 {
	dst = append(dst, t.open[turn.Role]...)
	dst = t.tok.Append(dst, turn.text(), false)
	return append(dst, t.close...)
}

// text is what the model reads of a turn.
func (turn Turn) text() string {
	text := strings.TrimSpace(strings.ReplaceAll(turn.Text, "\r\n", "\n"))
	if turn.Role != User {
		return text
	}
	name := CleanName(turn.Name)
	if name == "" && turn.Name != "" {
		name = "someone" // or the text could bring a name of its own choice
	}
	if name == "" {
		return text
	}
	return name + ": " + text
}

// maxName is the length of a speaker's name, characters.
const maxName = 32

// CleanName makes a name safe to stand before a colon: one line, no control
// characters, no colon that would make two names of one, not too long.
func CleanName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == ':' || unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, name)
	name = strings.Join(strings.Fields(name), " ")
	if r := []rune(name); len(r) > maxName {
		name = strings.TrimSpace(string(r[:maxName]))
	}
	return name
}
