package tokenizer

import "unicode/utf8"

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

// unmapBytes turns a token as written into the bytes it stands for. A character
// outside the table, which no byte-level vocabulary should have, stands for itself.
func unmapBytes(token string) string {
	out := make([]byte, 0, len(token))
	for _, r := range token {
		if int(r) < len(runeByte) && runeByte[r] >= 0 {
			out = append(out, byte(runeByte[r]))
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return string(out)
}
