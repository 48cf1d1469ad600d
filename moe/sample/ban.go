package sample

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Vocabulary is what tokens stand for.
type Vocabulary interface {
	Size() int
	Bytes(id int32) string
	// DropsBlank reports whether the blank that a token begins with is left out after
	// the token id, or with -1 at the start of a text.
	DropsBlank(after int32) bool
}

// Ban is a set of strings that no sequence of tokens may spell, wherever the borders
// between tokens fall. It is the automaton of Aho and Corasick (1975, Efficient String
// Matching, CACM 18(6)) over bytes, and for each of its states the tokens that would
// complete a string from there. It is made once for a vocabulary.
type Ban struct {
	vocab Vocabulary
	step  [][256]uint8 // [state] the state after a byte; 0 is the start, spelled a dead end
	bad   [2][][]int32 // [blank dropped][state] tokens that complete a string
}

// spelled is the state after a whole string.
const spelled = math.MaxUint8

// NewBan returns a ban of the strings given, none of them empty. It panics if they
// have more than 254 beginnings between them.
func NewBan(v Vocabulary, texts []string) *Ban {
	b := &Ban{vocab: v}
	b.automaton(texts)
	var starts [256]bool
	for _, t := range texts {
		starts[t[0]] = true
	}
	for i := range b.bad {
		b.bad[i] = make([][]int32, len(b.step))
	}
	drops := v.DropsBlank(-1)
	for id := range int32(v.Size()) {
		text := v.Bytes(id)
		again := false
		for i := range len(text) {
			again = again || starts[text[i]]
		}
		for q := range b.step {
			if b.spells(uint8(q), text, again) {
				b.bad[0][q] = append(b.bad[0][q], id)
			}
			if drops && b.spells(uint8(q), strings.TrimPrefix(text, " "), again) {
				b.bad[1][q] = append(b.bad[1][q], id)
			}
		}
	}
	return b
}

// automaton fills step.
func (b *Ban) automaton(texts []string) {
	states := []string{""} // the beginnings of the strings, shorter ones first
	for n := 1; ; n++ {
		more := false
		for _, t := range texts {
			if n < len(t) && !slices.Contains(states, t[:n]) {
				states = append(states, t[:n])
			}
			more = more || n < len(t)
		}
		if !more {
			break
		}
	}
	if len(states) >= spelled {
		panic(fmt.Sprintf("sample: a ban with %d states", len(states)))
	}
	b.step = make([][256]uint8, len(states))
	for q, begun := range states {
		for c := range 256 {
			b.step[q][c] = after(begun+string([]byte{byte(c)}), states, texts)
		}
	}
}

// after is the state of a text: spelled if a string ends it, else its longest end that
// is a state.
func after(text string, states, texts []string) uint8 {
	for _, t := range texts {
		if strings.HasSuffix(text, t) {
			return spelled
		}
	}
	for from := range len(text) {
		if i := slices.Index(states, text[from:]); i >= 0 {
			return uint8(i)
		}
	}
	return 0
}

// spells reports whether text completes a string from state q. Once back at the start,
// it can only if again is set: text has a byte that a string begins with.
func (b *Ban) spells(q uint8, text string, again bool) bool {
	for i := range len(text) {
		if q == 0 && !again {
			return false
		}
		if q = b.step[q][text[i]]; q == spelled {
			return true
		}
	}
	return false
}

// after is the state behind a text, of which only the part after the last string counts.
func (b *Ban) after(text string) (q uint8) {
	for i := range len(text) {
		if q = b.step[q][text[i]]; q == spelled {
			q = 0
		}
	}
	return q
}

// speller is how far a reply has come in spelling one of a ban's strings.
type speller struct {
	ban  *Ban
	q    uint8
	last int32 // token, -1 for none
}

func (s *speller) drops() bool { return s.ban.vocab.DropsBlank(s.last) }

func (s *speller) mask(logits []float32) {
	if s.ban == nil {
		return
	}
	i := 0
	if s.drops() {
		i = 1
	}
	for _, id := range s.ban.bad[i][s.q] {
		if int(id) < len(logits) {
			logits[id] = float32(math.Inf(-1))
		}
	}
}

func (s *speller) add(id int32) {
	if s.ban == nil {
		return
	}
	text := s.ban.vocab.Bytes(id)
	if s.drops() {
		text = strings.TrimPrefix(text, " ")
	}
	for i := range len(text) {
		s.q = s.ban.step[s.q][text[i]]
	}
	s.last = id
}
