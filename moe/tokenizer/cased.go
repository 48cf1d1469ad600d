package tokenizer

// scanCased is the pre-tokenizer of GPT-4o and its kin, which begins a new word at a
// capital. With U for letters that are not a-z and W for those that are not A-Z it
// is, with numbers cut to at most digits characters and the contractions left out if
// not wanted,
//
//	[^\r\n\p{L}\p{N}]?U*W+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?U+W*(?i:'s|...)?|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// Case is that of ASCII only, as in llama.cpp; the models' own files ask Unicode.
func scanCased(s string, i, digits int, contractions bool) int {
	c, n := classAt(s, i)
	p := i
	if c != letter && c != number && !isBreak(s[i]) {
		p = i + n
	}
	if c, _ := classAt(s, p); c == letter {
		j := casedWord(s, p)
		if contractions && j < len(s) {
			j = contraction(s, j, true)
		}
		return j
	}
	if c == number {
		return numbers(s, i+n, digits-1)
	}
	return othersOrSpaces(s, i, isBreakOrSlash)
}

func isBreakOrSlash(b byte) bool { return isBreak(b) || b == '/' }

// casedWord is the end of U*W+, or else of U+W*, at a letter.
func casedWord(s string, i int) int {
	j, both := i, -1 // both is behind the last letter that is in U and W
	for {
		c, n := classAt(s, j)
		if c != letter || isLower(s[j]) {
			break
		}
		if j += n; n > 1 {
			both = j
		}
	}
	switch {
	case j < len(s) && isLower(s[j]):
		for {
			c, n := classAt(s, j)
			if c != letter || isUpper(s[j]) {
				return j
			}
			j += n
		}
	case both >= 0: // U* gives a letter back, for W+
		return both
	}
	return j
}

func isLower(b byte) bool { return b >= 'a' && b <= 'z' }
func isUpper(b byte) bool { return b >= 'A' && b <= 'Z' }
