package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Bytes is the text that a token stands for, perhaps part of a character; "" for
// control tokens and ids outside the vocabulary. Of the "llama" model, a token's
// blank at the start of a text is no part of the text: use Decode or Stream there.
func (t *Tokenizer) Bytes(id int32) string {
	if !t.has(id) {
		return ""
	}
	return t.bytes[id]
}

// decoder undoes the blanks that encoding puts before text.
type decoder struct {
	t    *Tokenizer
	last int32 // token, -1 at the start of a text
}

func (d *decoder) next(id int32) string {
	text := d.t.Bytes(id)
	if d.t.DropsBlank(d.last) && !d.t.DropsBlank(id) { // special tokens get no blank
		text = strings.TrimPrefix(text, " ")
	}
	d.last = id
	return text
}

// DropsBlank reports whether the blank that a token begins with is no part of the text
// after the token id, or with -1 at the start of a text.
func (t *Tokenizer) DropsBlank(after int32) bool {
	if !t.prefix {
		return false
	}
	return !t.has(after) || t.kinds[after] == UserDefined || isControl(t.kinds[after])
}

// Decode is the text of ids. It is the very text that was encoded, if it was;
// bytes that are no UTF-8 come out as they are. Only the "llama" model knows no
// U+2581: it comes out as a blank.
func (t *Tokenizer) Decode(ids []int32) string {
	var b strings.Builder
	d := decoder{t, -1}
	for _, id := range ids {
		b.WriteString(d.next(id))
	}
	return b.String()
}

// Stream decodes tokens as they come and never gives out half a character: bytes
// that may yet become one are held back. Bytes that cannot become one are given out
// as U+FFFD, one for each part that is the start of a character or a single byte,
// whichever way the tokens cut them. It is not safe for concurrent use.
type Stream struct {
	decoder decoder
	held    []byte // at most three bytes between calls
}

// Stream returns a new streaming decoder of what stands behind the token after, or with
// -1 at the start of a text.
func (t *Tokenizer) Stream(after int32) *Stream { return &Stream{decoder: decoder{t, after}} }

// Push adds a token and returns the text that is now certain, which is UTF-8.
func (s *Stream) Push(id int32) string {
	s.held = append(s.held, s.decoder.next(id)...)
	return s.take(false)
}

// Flush returns what is held back, as U+FFFD, at the end of the stream.
func (s *Stream) Flush() string { return s.take(true) }

// take gives out what is certain, at the end of the stream all.
func (s *Stream) take(end bool) string {
	var out strings.Builder
	b := s.held
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			if n = startLen(b); n == len(b) && !utf8.FullRune(b) && !end {
				break
			}
			out.WriteString("\uFFFD")
		} else {
			out.Write(b[:n])
		}
		b = b[n:]
	}
	s.held = append(s.held[:0], b...)
	return out.String()
}

// startLen is the length of the longest part at b's start that could have begun a
// character, at least 1. b does not start with a character.
func startLen(b []byte) int {
	n := 1
	for n < min(3, len(b)) && !utf8.FullRune(b[:n]) && !utf8.FullRune(b[:n+1]) {
		n++
	}
	return n
}
