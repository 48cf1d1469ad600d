package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// splitter cuts a text into words, without a rest, and calls emit for each.
type splitter func(text string, emit func(word string))

// scanner returns the end of the word that starts at s[i], i < len(s). Offsets are
// in bytes. A byte that is no UTF-8 counts as a character, U+FFFD.
type scanner func(s string, i int) int

// words is the splitter that scans one word after the other.
func words(scan scanner) splitter {
	return func(text string, emit func(string)) {
		for i := 0; i < len(text); {
			j := scan(text, i)
			emit(text[i:j])
			i = j
		}
	}
}

// class is what regular expressions ask of a character: \p{L}, \p{N}, \s, or none.
type class uint8

const (
	end class = iota // of the text
	other
	letter
	number
	space
)

// asciiClass has the classes of the first 128 characters.
var asciiClass = func() (t [utf8.RuneSelf]class) {
	for r := range t {
		t[r] = classify(rune(r))
	}
	return t
}()

// classify goes by Unicode 15.1, as llama.cpp does. Go's tables, of 15.0, lack the
// letters of CJK extension I.
func classify(r rune) class {
	switch {
	case unicode.IsLetter(r) || r >= 0x2ebf0 && r <= 0x2ee5d:
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.Is(unicode.White_Space, r):
		return space
	}
	return other
}

// classAt returns the class and the length of the character at s[i].
func classAt(s string, i int) (class, int) {
	if i >= len(s) {
		return end, 0
	}
	if b := s[i]; b < utf8.RuneSelf {
		return asciiClass[b], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return classify(r), n
}

// run is the end of the characters of class c from i on.
func run(s string, i int, c class) int {
	for i < len(s) {
		if b := s[i]; b < utf8.RuneSelf {
			if asciiClass[b] != c {
				break
			}
			i++
			continue
		}
		d, n := classAt(s, i)
		if d != c {
			break
		}
		i += n
	}
	return i
}

func isBreak(b byte) bool { return b == '\r' || b == '\n' }

// contraction is the end of 's 't 're 've 'm 'll 'd at i, or i.
func contraction(s string, i int, fold bool) int {
	if s[i] != '\'' {
		return i
	}
	at := func(j int) byte {
		if j >= len(s) {
			return 0
		}
		if b := s[j]; fold && b >= 'A' && b <= 'Z' {
			return b | 0x20
		}
		return s[j]
	}
	switch at(i + 1) {
	case 's', 't', 'm', 'd':
		return i + 2
	case 'r', 'v':
		if at(i+2) == 'e' {
			return i + 3
		}
	case 'l':
		if at(i+2) == 'l' {
			return i + 3
		}
	}
	return i
}

// spaces is the end of \s+(?!\S)|\s+ at i: of several, the last goes to what follows.
func spaces(s string, i int) int {
	j := run(s, i, space)
	if j < len(s) {
		if _, last := utf8.DecodeLastRuneInString(s[i:j]); last < j-i {
			return j - last
		}
	}
	return j
}

// scanGPT2 is 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func scanGPT2(s string, i int) int {
	if j := contraction(s, i, false); j > i {
		return j
	}
	j := i
	if s[i] == ' ' {
		j++
	}
	if c, _ := classAt(s, j); c == letter || c == number || c == other {
		return run(s, j, c)
	}
	return spaces(s, i)
}

// numbers is the end of the digits at i, at most so many.
func numbers(s string, i, most int) int {
	for ; most > 0; most-- {
		c, n := classAt(s, i)
		if c != number {
			break
		}
		i += n
	}
	return i
}

// scanLlama3 is, with numbers cut to at most digits characters,
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// behind whose other characters line breaks are left out if not wanted.
func scanLlama3(s string, i, digits int, breaks bool) int {
	if j := contraction(s, i, true); j > i {
		return j
	}
	c, n := classAt(s, i)
	if c == letter {
		return run(s, i+n, letter)
	}
	if c == number {
		return numbers(s, i+n, digits-1)
	}
	if !isBreak(s[i]) {
		if c, _ := classAt(s, i+n); c == letter {
			return run(s, i+n, letter)
		}
	}
	return othersOrSpaces(s, i, func(b byte) bool { return breaks && isBreak(b) })
}

// othersOrSpaces is, at what begins no word and no number,
//
//	?[^\s\p{L}\p{N}]+[behind]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// with a blank before its first question mark.
func othersOrSpaces(s string, i int, behind func(byte) bool) int {
	j := i
	if s[i] == ' ' {
		j++
	}
	if c, _ := classAt(s, j); c == other {
		j = run(s, j, other)
		for j < len(s) && behind(s[j]) {
			j++
		}
		return j
	}
	for j := run(s, i, space); j > i; j-- {
		if isBreak(s[j-1]) {
			return j
		}
	}
	return spaces(s, i)
}
