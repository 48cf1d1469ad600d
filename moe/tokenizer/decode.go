package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Bytes is the text that a token stands for, perhaps part of a character; "" for
// control tokens and ids outside the vocabulary.
func (t *Tokenizer) Bytes(id int32) string {
	if id < 0 || int(id) >= len(t.bytes) || t.IsControl(id) {
		return ""
	}
	return t.bytes[id]
}

// Decode is the text of ids. It is the very text that was encoded, if it was;
// bytes that are no UTF-8 come out as they are.
func (t *Tokenizer) Decode(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(t.Bytes(id))
	}
	return b.String()
}

// Stream decodes tokens as they come and never gives out half a character: bytes
// that may yet become one are held back, bytes that cannot become U+FFFD.
type Stream struct {
	t    *Tokenizer
	held []byte
}

// Stream returns a new streaming decoder.
func (t *Tokenizer) Stream() *Stream { return &Stream{t: t} }

// Push adds a token and returns the text that is now certain.
func (s *Stream) Push(id int32) string {
	s.held = append(s.held, s.t.Bytes(id)...)
	whole := len(s.held)
	// an incomplete character is at most the last three bytes
	for i := max(0, len(s.held)-3); i < len(s.held); i++ {
		if utf8.RuneStart(s.held[i]) && !utf8.FullRune(s.held[i:]) {
			whole = i
			break
		}
	}
	out := strings.ToValidUTF8(string(s.held[:whole]), "\uFFFD")
	s.held = append(s.held[:0], s.held[whole:]...)
	return out
}

// Flush returns what is held back, as U+FFFD, at the end of the stream.
func (s *Stream) Flush() string {
	out := strings.ToValidUTF8(string(s.held), "\uFFFD")
	s.held = s.held[:0]
	return out
}
