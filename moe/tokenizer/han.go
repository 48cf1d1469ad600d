package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// The pre-tokenizers of Kimi K2 and of Youtu, which keep East Asian scripts apart from
// other words.

// scanKimi is, with \p{L} for letters that are not Han,
//
//	\p{Han}+|[^\r\n\p{L}\p{N}\p{Han}]?\p{L}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// as llama.cpp has it; the model's own file also begins a new word at a capital.
func scanKimi(s string, i int) int {
	if r, _ := utf8.DecodeRuneInString(s[i:]); isHan(r) {
		return runOf(s, i, isHan)
	}
	c, n := classAt(s, i)
	if c == number {
		return numbers(s, i+n, 2)
	}
	p := i
	if c != letter && !isBreak(s[i]) {
		p = i + n
	}
	if j := runOf(s, p, isLetterNotHan); j > p {
		return withContraction(s, j)
	}
	return othersOrSpaces(s, i, isBreak)
}

// scanYoutu is the second expression of Youtu's,
//
//	[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// as llama.cpp has it, to which a letter is a letter whatever its case.
func scanYoutu(s string, i int) int {
	c, n := classAt(s, i)
	if c == number {
		return i + n
	}
	p := i
	if r, _ := utf8.DecodeRuneInString(s[i:]); !isWordRune(r) && !isBreak(s[i]) {
		p = i + n
	}
	if j := runOf(s, p, isWordRune); j > p {
		return withContraction(s, j)
	}
	return othersOrSpaces(s, i, isBreakOrSlash)
}

// eastAsian matches the first expression of Youtu's: characters of one of four kinds.
func eastAsian(s string, i int) (from, to int) {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		for _, is := range []func(rune) bool{isHangul, isEastAsianPunct, isBopomofo, isKanaOrHan} {
			if is(r) {
				return i, runOf(s, i, is)
			}
		}
		i += n
	}
	return len(s), len(s)
}

// withContraction is the end of a contraction at i, or i.
func withContraction(s string, i int) int {
	if i == len(s) {
		return i
	}
	return contraction(s, i, true)
}

func isWordRune(r rune) bool     { return isLetter(r) || unicode.IsMark(r) }
func isLetterNotHan(r rune) bool { return isLetter(r) && !isHan(r) }

// isHan is llama.cpp's notion of it, which is the blocks of ideographs.
func isHan(r rune) bool { return hanBlocks.has(r) }

var hanBlocks = ranges{{0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xf900, 0xfaff}, {0x20000, 0x2a6df}, {0x2a700, 0x2ebef}, {0x2f800, 0x2fa1f}}

// isHangul is [가-힣ㄱ-ㆎ].
func isHangul(r rune) bool { return r >= 0xac00 && r <= 0xd7a3 || r >= 0x3131 && r <= 0x318e }

// isEastAsianPunct is [！…“”‘’—：；，、-〿︰-﹏].
func isEastAsianPunct(r rune) bool {
	switch r {
	case '！', '…', '“', '”', '‘', '’', '—', '：', '；', '，':
		return true
	}
	return r >= 0x3001 && r <= 0x303f || r >= 0xfe30 && r <= 0xfe4f
}

// isBopomofo is [ㄅ-ㄯ].
func isBopomofo(r rune) bool { return r >= 0x3105 && r <= 0x312f }
