package tokenizer

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// byteRune is the printable character that GPT-2 writes for each byte: itself if
// printable in Latin-1, else one from U+0100 on.
var byteRune = func() (r [256]rune) {
	next := rune(256)
	for b := range r {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			r[b] = rune(b)
		} else {
			r[b] = next
			next++
		}
	}
	return r
}()

// runeByte is the inverse, -1 for none.
var runeByte = func() (t [512]int16) {
	for i := range t {
		t[i] = -1
	}
	for b, r := range byteRune {
		t[r] = int16(b)
	}
	return t
}()

// isByteRune reports whether r stands for a byte.
func isByteRune(r rune) bool { return int(r) < len(runeByte) && runeByte[r] >= 0 }

// MapBytes writes bytes as byte-level vocabularies do.
func MapBytes(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(byteRune[s[i]])
	}
	return b.String()
}

// unmapBytes turns a token as written into the bytes it stands for. A character
// outside the table, which no byte-level vocabulary should have, stands for itself.
func unmapBytes(token string) string {
	out := make([]byte, 0, len(token))
	for _, r := range token {
		if isByteRune(r) {
			out = append(out, byte(runeByte[r]))
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return string(out)
}

// textOf is what a token of kind k stands for; plain says it of ordinary ones.
func textOf(tok string, k Kind, plain func(string) string) string {
	switch k {
	case Unknown, Control:
		return ""
	case UserDefined:
		return tok
	case Byte:
		if b, ok := byteToken(tok); ok {
			return string([]byte{b})
		}
	}
	return plain(tok)
}

// byteToken is the byte of a token written <0x0A>.
func byteToken(tok string) (byte, bool) {
	if len(tok) != 6 || tok[:3] != "<0x" || tok[5] != '>' {
		return 0, false
	}
	n, err := strconv.ParseUint(tok[3:5], 16, 8)
	return byte(n), err == nil
}
