package tokenizer

import (
	"fmt"
	"unicode"
)

// splitter returns the end of the pre-token that starts at r[i], i < len(r).
type splitter func(r []rune, i int) int

// splitterFor finds a pre-tokenizer by the name in tokenizer.ggml.pre.
func splitterFor(pre string) (splitter, error) {
	switch {
	case pre == "gpt-2" || pre == "gpt2":
		return splitGPT2, nil
	case isLlama3(pre):
		return func(r []rune, i int) int { return splitLlama3(r, i, 3) }, nil
	case pre == "qwen2":
		return func(r []rune, i int) int { return splitLlama3(r, i, 1) }, nil
	case pre == "":
		return nil, &UnsupportedError{"the vocabulary names no pre-tokenizer (tokenizer.ggml.pre)"}
	}
	return nil, &UnsupportedError{fmt.Sprintf("pre-tokenizer %q is not supported, only gpt-2, llama-bpe and qwen2", pre)}
}

// isLlama3 reports whether pre is one of the names of Llama 3's pre-tokenizer.
func isLlama3(pre string) bool {
	return pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3"
}

// SplitFunc returns the function that calls emit for each pre-token of a text.
// Invalid UTF-8 is split as U+FFFD but emitted as it is.
func SplitFunc(pre string) (func(text string, emit func(string)), error) {
	s, err := splitterFor(pre)
	if err != nil {
		return nil, err
	}
	return func(text string, emit func(string)) { splitText(s, text, emit) }, nil
}

// splitText cuts text where s says; bytes that are no UTF-8 count as U+FFFD each.
func splitText(s splitter, text string, emit func(string)) {
	r := make([]rune, 0, len(text))
	at := make([]int, 0, len(text)+1) // byte offset of each rune
	for i, c := range text {
		r, at = append(r, c), append(at, i)
	}
	at = append(at, len(text))
	for i := 0; i < len(r); {
		j := s(r, i)
		emit(text[at[i]:at[j]])
		i = j
	}
}

func isLetter(r []rune, i int) bool { return i < len(r) && unicode.IsLetter(r[i]) }
func isNumber(r []rune, i int) bool { return i < len(r) && unicode.IsNumber(r[i]) }
func isSpace(r []rune, i int) bool  { return i < len(r) && unicode.Is(unicode.White_Space, r[i]) }
func isBreak(r []rune, i int) bool  { return i < len(r) && (r[i] == '\r' || r[i] == '\n') }

// isOther: neither white space nor letter nor number, and not the end.
func isOther(r []rune, i int) bool {
	return i < len(r) && !isSpace(r, i) && !isLetter(r, i) && !isNumber(r, i)
}

func run(class func([]rune, int) bool, r []rune, i int) int {
	for class(r, i) {
		i++
	}
	return i
}

// contraction is the end of 's 't 're 've 'm 'll 'd at i, or i.
func contraction(r []rune, i int, fold bool) int {
	get := func(j int) rune {
		if j >= len(r) {
			return 0
		}
		if fold {
			return unicode.ToLower(r[j])
		}
		return r[j]
	}
	if r[i] != '\'' {
		return i
	}
	switch get(i + 1) {
	case 's', 't', 'm', 'd':
		return i + 2
	case 'r', 'v':
		if get(i+2) == 'e' {
			return i + 3
		}
	case 'l':
		if get(i+2) == 'l' {
			return i + 3
		}
	}
	return i
}

// spaces is the end of \s+(?!\S)|\s+ at i, or i: of several, the last goes to what follows.
func spaces(r []rune, i int) int {
	j := run(isSpace, r, i)
	if j-i > 1 && j < len(r) {
		return j - 1
	}
	return j
}

// splitGPT2 is 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func splitGPT2(r []rune, i int) int {
	if j := contraction(r, i, false); j > i {
		return j
	}
	j := i
	if r[i] == ' ' {
		j++
	}
	for _, class := range []func([]rune, int) bool{isLetter, isNumber, isOther} {
		if class(r, j) {
			return run(class, r, j)
		}
	}
	return spaces(r, i)
}

// splitLlama3 is, with numbers cut to at most digits,
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
func splitLlama3(r []rune, i, digits int) int {
	if j := contraction(r, i, true); j > i {
		return j
	}
	if isLetter(r, i) || isLetter(r, i+1) && !isBreak(r, i) && !isNumber(r, i) {
		return run(isLetter, r, i+1)
	}
	if isNumber(r, i) {
		return min(run(isNumber, r, i), i+digits)
	}
	j := i
	if r[i] == ' ' {
		j++
	}
	if isOther(r, j) {
		return run(isBreak, r, run(isOther, r, j))
	}
	end := run(isSpace, r, i)
	for j := end; j > i; j-- {
		if isBreak(r, j-1) {
			return j
		}
	}
	return spaces(r, i)
}
