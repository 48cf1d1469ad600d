package interp

import (
	"strings"
	"unicode"
)

// What a token is, by its text alone. Classes are for counting, not for grammar: a
// word with two uses is put where it mostly belongs.

// tokenClasses are the kinds of tokens, kind 0 first.
var tokenClasses = []string{"special", "blank", "number", "punctuation", "word start", "word piece", "other"}

// tokenClass is the kind of a token: a word start has a blank before it or a capital.
func (l *Lab) tokenClass(id int32) int {
	text := l.Tok.Bytes(id)
	if l.Tok.IsControl(id) || text == "" {
		return 0
	}
	body := strings.TrimLeftFunc(text, unicode.IsSpace)
	if body == "" {
		return 1
	}
	r := []rune(body)[0]
	switch {
	case unicode.IsDigit(r):
		return 2
	case unicode.IsPunct(r) || unicode.IsSymbol(r):
		return 3
	case unicode.IsLetter(r) && (body != text || unicode.IsUpper(r)):
		return 4
	case unicode.IsLetter(r):
		return 5
	}
	return 6
}

// wordKinds are the parts of speech told apart: the closed classes of English by
// list, the rest as content words or pieces.
var wordKinds = []string{"not a word", "article", "pronoun", "preposition", "conjunction", "auxiliary", "question word", "negation", "content word", "piece"}

var closedWords = func() map[string]int {
	m := map[string]int{}
	for i, words := range []string{1: "a an the this that these those each every some any no",
		2: "i you he she it we they me him her us them my your his its our their mine yours myself himself herself itself themselves",
		3: "of in on at by for with from to into over under between through during before after above below about against across along behind beside near up down off out",
		4: "and or but if because while although though unless than so as",
		5: "is are was were be been being am do does did have has had will would can could shall should may might must",
		6: "who what when where why how which whose whom", 7: "not never nobody nothing none neither nor cannot"} {
		for _, w := range strings.Fields(words) {
			m[w] = i
		}
	}
	return m
}()

// wordKind is the part of speech of a token that is a whole word.
func (l *Lab) wordKind(id int32) int {
	class := l.tokenClass(id)
	if class != 4 && class != 5 {
		return 0
	}
	word := strings.ToLower(strings.TrimSpace(l.Tok.Bytes(id)))
	if k, ok := closedWords[word]; ok {
		return k
	}
	if class == 4 {
		return 8
	}
	return 9
}

// positionClasses are ranges of positions that grow by fours.
var positionClasses = []string{"0", "1-3", "4-15", "16-63", "64-255", "256-"}

func positionClass(i int) int {
	n := 0
	for limit := 1; i >= limit && n < len(positionClasses)-1; limit *= 4 {
		n++
	}
	return n
}

// labels numbers names in the order they come.
type labels struct {
	ids   map[string]int
	names []string
}

func (x *labels) id(name string) int {
	if x.ids == nil {
		x.ids = map[string]int{}
	}
	id, ok := x.ids[name]
	if !ok {
		id = len(x.names)
		x.ids[name], x.names = id, append(x.names, name)
	}
	return id
}
