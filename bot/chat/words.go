package chat

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Words finds words and phrases in a text, as people see them: whatever the case, in
// composed or decomposed, wide or narrow letters, with invisible characters between
// them, and with any blanks between the words of a phrase. A word is found between word
// boundaries only ("art" is not in "party"), except beside letters of scripts that are
// written without blanks, such as Chinese. The zero Words finds nothing. It is safe for
// concurrent use.
type Words struct {
	byFirst map[rune][][]rune // longest first
	longest int               // runes
}

// FindWords makes Words of a list.
func FindWords(list []string) Words {
	w := Words{}
	for _, s := range list {
		word := spread(s)
		runes := make([]rune, len(word))
		for i, r := range word {
			runes[i] = r.r
		}
		if len(runes) == 0 || unicode.IsMark(runes[0]) { // a mark belongs to the letter before it, whatever that is
			continue
		}
		if w.byFirst == nil {
			w.byFirst = map[rune][][]rune{}
		}
		w.byFirst[runes[0]] = append(w.byFirst[runes[0]], runes)
		w.longest = max(w.longest, len(runes))
	}
	for _, words := range w.byFirst {
		slices.SortFunc(words, func(a, b []rune) int { return len(b) - len(a) })
	}
	return w
}

// Empty reports whether there is nothing to find.
func (w Words) Empty() bool { return len(w.byFirst) == 0 }

// In reports whether one of them is in a text.
func (w Words) In(text string) bool {
	found := false
	w.each(spread(text), func(int, int) bool { found = true; return false })
	return found
}

// Mask shows *** in place of each.
func (w Words) Mask(text string) string {
	if w.Empty() {
		return text
	}
	return w.mask(text, spread(text), len(text))
}

// SoFar is Mask for the beginning of a text that goes on: it leaves out the end, which
// may become the beginning of one of them.
func (w Words) SoFar(text string) string {
	if w.Empty() {
		return text
	}
	t := spread(text)
	if len(t) <= w.longest {
		return ""
	}
	return w.mask(text, t, t[len(t)-w.longest].from)
}

// mask masks text[:end]; a word that lies across end is left out.
func (w Words) mask(text string, t []spreadRune, end int) string {
	var out strings.Builder
	from := 0
	w.each(t, func(start, to int) bool {
		if to > end {
			end = min(end, start)
			return false
		}
		if to > from { // or another word in the same character has masked it
			out.WriteString(text[from:max(from, start)])
			out.WriteString(`\*\*\*`)
			from = to
		}
		return true
	})
	out.WriteString(text[from:max(from, end)])
	return out.String()
}

// each calls f with the bytes at which each word stands, in order and without overlap but
// for a character that is compared as several, until f returns false.
func (w Words) each(t []spreadRune, f func(start, to int) bool) {
	if w.Empty() {
		return
	}
	for i := 0; i < len(t); i++ {
		for _, word := range w.byFirst[t[i].r] {
			n := i + len(word)
			if n > len(t) || i > 0 && joined(t[i-1].r, t[i].r) || n < len(t) && joined(t[n-1].r, t[n].r) ||
				!slices.EqualFunc(t[i:n], word, func(a spreadRune, b rune) bool { return a.r == b }) {
				continue
			}
			if !f(t[i].from, t[n-1].to) {
				return
			}
			i = n - 1
			break
		}
	}
}

// spreadRune is a character as it is compared, and the bytes of the text it stands for.
type spreadRune struct {
	r        rune
	from, to int
}

// spread is a text as it is compared: compatibility composed (Unicode Standard Annex 15,
// NFKC), without case and without invisible characters, each run of blanks one blank.
func spread(text string) []spreadRune {
	out := make([]spreadRune, 0, len(text))
	add := func(r rune, from, to int) {
		switch {
		case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r):
			if n := len(out); n > 0 {
				out[n-1].to = to
			}
			return
		case unicode.IsSpace(r):
			if n := len(out); n > 0 && out[n-1].r == ' ' {
				out[n-1].to = to
				return
			}
			r = ' '
		default:
			r = folded(r)
		}
		out = append(out, spreadRune{r, from, to})
	}
	if ascii(text) {
		for i, r := range text {
			add(r, i, i+1)
		}
		return out
	}
	var it norm.Iter
	it.InitString(norm.NFKC, text)
	for !it.Done() {
		from := it.Pos()
		all := string(it.Next())
		for !it.Done() && it.Pos() == from { // a character may be several segments
			all += string(it.Next())
		}
		for _, r := range all {
			add(r, from, it.Pos())
		}
	}
	return out
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// folded is the same for all cases of a letter: the least of them.
func folded(r rune) rune {
	if r < 0x80 && (r < 'A' || r > 'Z' && r < 'a' || r > 'z') {
		return r
	}
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

// joined reports whether no word ends between two characters.
func joined(a, b rune) bool { return ofWord(a) && ofWord(b) && !unspaced(a) && !unspaced(b) }

func ofWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) || r == '_'
}

// unspaced reports whether a character is of a script that is written without blanks
// between words.
func unspaced(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
