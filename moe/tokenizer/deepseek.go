package tokenizer

import (
	"sort"
	"unicode"
	"unicode/utf8"
)

// The character classes of DeepSeek LLM's pre-tokenizer, as its tokenizer.json has
// them. They are no Unicode properties, though they look like some.

// ranges are code points in order, both ends included.
type ranges [][2]rune

func (t ranges) has(r rune) bool {
	i := sort.Search(len(t), func(i int) bool { return r <= t[i][1] })
	return i < len(t) && t[i][0] <= r
}

// White space is in none of these classes: where a range below covers some, such as
// U+3000, llama.cpp has replaced it before it looks.
func isDeepseekLetter(r rune) bool { return deepseekLetters.has(r) }
func isDeepseekPunct(r rune) bool  { return deepseekPunct.has(r) && !isSpace(r) }
func isDeepseekCJK(r rune) bool    { return deepseekCJK.has(r) && !isSpace(r) }

// deepseekLetters are letters of the scripts that have upper and lower case.
var deepseekLetters = ranges{
	{0x41, 0x5a}, {0x61, 0x7a}, {0xb5, 0xb5}, {0xc0, 0xd6}, {0xd8, 0xf6}, {0xf8, 0x1ba}, {0x1bc, 0x1bf}, {0x1c4, 0x293},
	{0x295, 0x2af}, {0x370, 0x373}, {0x376, 0x376}, {0x377, 0x377}, {0x37b, 0x37d}, {0x37f, 0x37f}, {0x386, 0x386}, {0x388, 0x38a},
	{0x38c, 0x38c}, {0x38e, 0x3a1}, {0x3a3, 0x3f5}, {0x3f7, 0x481}, {0x48a, 0x52f}, {0x531, 0x556}, {0x10a0, 0x10c5},
	{0x13a0, 0x13f5}, {0x13f8, 0x13fd}, {0x1c90, 0x1cba}, {0x1cbd, 0x1cbf}, {0x1d00, 0x1d2b}, {0x1d6b, 0x1d77}, {0x1d79, 0x1d9a},
	{0x1e00, 0x1f15}, {0x1f18, 0x1f1d}, {0x1f20, 0x1f45}, {0x1f48, 0x1f4d}, {0x1f50, 0x1f57}, {0x1f59, 0x1f59}, {0x1f5b, 0x1f5b},
	{0x1f5d, 0x1f5d}, {0x1f5f, 0x1f7d}, {0x1f80, 0x1fb4}, {0x1fb6, 0x1fbc}, {0x1fbe, 0x1fbe}, {0x1fc2, 0x1fc4}, {0x1fc6, 0x1fcc},
	{0x1fd0, 0x1fd3}, {0x1fd6, 0x1fdb}, {0x1fe0, 0x1fec}, {0x1ff2, 0x1ff4}, {0x1ff6, 0x1ffc}, {0x2102, 0x2102}, {0x2107, 0x2107},
	{0x210a, 0x2113}, {0x2115, 0x2115}, {0x2119, 0x211d}, {0x2124, 0x2124}, {0x2126, 0x2126}, {0x2128, 0x2128}, {0x212a, 0x212d},
	{0x212f, 0x2134}, {0x2139, 0x2139}, {0x213c, 0x213f}, {0x2145, 0x2149}, {0x214e, 0x214e}, {0x2183, 0x2183}, {0x2184, 0x2184},
	{0x2c00, 0x2c7b}, {0x2c7e, 0x2ce4}, {0x2ceb, 0x2cee}, {0x2cf2, 0x2cf2}, {0x2cf3, 0x2cf3}, {0xa640, 0xa66d}, {0xa680, 0xa69b},
	{0xa722, 0xa76f}, {0xa771, 0xa787}, {0xa78b, 0xa78e}, {0xab70, 0xabbf}, {0xfb00, 0xfb06}, {0xfb13, 0xfb17}, {0xff21, 0xff3a},
	{0xff41, 0xff5a}, {0x10400, 0x1044f}, {0x104b0, 0x104d3}, {0x104d8, 0x104fb}, {0x10c80, 0x10cb2}, {0x10cc0, 0x10cf2},
	{0x118a0, 0x118df}, {0x1e900, 0x1e943},
}

// deepseekPunct is ASCII without digits, but with letters, its full-width forms, and some quotation marks.
var deepseekPunct = ranges{
	{0x21, 0x2f}, {0x3a, 0x7e}, {0x2018, 0x201f}, {0x3000, 0x3002}, {0xff01, 0xff0f}, {0xff1a, 0xff5e},
}

// deepseekCJK is ideographs and Hangul, and everything from U+0800 to the first ideograph.
var deepseekCJK = ranges{
	{0x800, 0x4e00}, {0x4e00, 0x9fa5}, {0xac00, 0xd7ff},
}

// isKanaOrHan is [一-龥぀-ゟ゠-ヿ].
func isKanaOrHan(r rune) bool { return r >= 0x4e00 && r <= 0x9fa5 || r >= 0x3040 && r <= 0x30ff }

// deepseekV3Word matches the last expression of DeepSeek-V3's pre-tokenizer:
//
//	[!-/:-@[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
func deepseekV3Word(s string, i int) (from, to int) {
	for i < len(s) {
		if j := scanDeepseekV3(s, i); j > i {
			return i, j
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
	return len(s), len(s)
}

// scanDeepseekV3 is the end of the match at i, or i.
func scanDeepseekV3(s string, i int) int {
	isSign := func(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }
	r, n := utf8.DecodeRuneInString(s[i:])
	if r < utf8.RuneSelf && isSign(r) {
		j := i + 1
		for j < len(s) && (isLower(s[j]) || isUpper(s[j])) {
			j++
		}
		if j > i+1 {
			return j
		}
	}
	if isWordRune(r) {
		return runOf(s, i, isWordRune)
	}
	if !isBreakRune(r) && !isSign(r) {
		if j := runOf(s, i+n, isWordRune); j > i+n {
			return j
		}
	}
	j := i
	if s[i] == ' ' {
		j++
	}
	if end := runOf(s, j, isSign); end > j {
		return runOf(s, end, isBreakRune)
	}
	for j := run(s, i, space); j > i; j-- {
		if isBreak(s[j-1]) {
			return j
		}
	}
	return spaces(s, i)
}
