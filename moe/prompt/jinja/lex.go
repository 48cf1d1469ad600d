package jinja

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError is a template that cannot be read.
type SyntaxError struct {
	Line int // from 1
	What string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("template line %d: %s", e.Line, e.What) }

type tokenKind uint8

const (
	tokEnd      tokenKind = iota // of the source
	tokText                      // outside of tags
	tokOpenVar                   // {{
	tokCloseVar                  // }}
	tokOpenTag                   // {%
	tokCloseTag                  // %}
	tokName
	tokString
	tokInt
	tokFloat
	tokOp
)

type token struct {
	kind tokenKind
	text string // of strings what they mean
	line int
}

// lexer cuts a source into tokens.
type lexer struct {
	src    string
	pos    int
	line   int
	tokens []token
}

func lex(src string) (tokens []token, err error) {
	src = strings.ReplaceAll(src, "\r\n", "\n")
	src = strings.TrimSuffix(src, "\n") // keep_trailing_newline is off
	l := &lexer{src: src, line: 1}
	defer catch(&err)
	for l.pos < len(l.src) {
		l.outside()
	}
	return append(l.tokens, token{kind: tokEnd, line: l.line}), nil
}

func (l *lexer) fail(format string, args ...any) {
	panic(&SyntaxError{l.line, fmt.Sprintf(format, args...)})
}

func (l *lexer) add(kind tokenKind, text string) {
	l.tokens = append(l.tokens, token{kind, text, l.line})
}

// skip moves on by n bytes.
func (l *lexer) skip(n int) string {
	s := l.src[l.pos : l.pos+n]
	l.line += strings.Count(s, "\n")
	l.pos += n
	return s
}

// outside reads text up to and with the next tag.
func (l *lexer) outside() {
	rest := l.src[l.pos:]
	at := len(rest)
	for i := strings.IndexByte(rest, '{'); i >= 0 && i+1 < len(rest); {
		if c := rest[i+1]; c == '{' || c == '%' || c == '#' {
			at = i
			break
		}
		next := strings.IndexByte(rest[i+1:], '{')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	text := rest[:at]
	if at == len(rest) {
		l.add(tokText, text)
		l.skip(at)
		return
	}
	kind, mark := rest[at+1], byte(0)
	if at+2 < len(rest) && (rest[at+2] == '-' || rest[at+2] == '+') {
		mark = rest[at+2]
	}
	kept := text
	switch {
	case mark == '-':
		kept = strings.TrimRightFunc(text, unicode.IsSpace)
	case kind != '{' && mark != '+': // lstrip_blocks: blanks between the line's start and the tag
		blank := strings.TrimRight(text, " \t\v\f")
		if blank == "" && l.atLineStart() || strings.HasSuffix(blank, "\n") {
			kept = blank
		}
	}
	if kept != "" {
		l.add(tokText, kept)
	}
	l.skip(at + 2)
	if mark != 0 {
		l.skip(1)
	}
	switch kind {
	case '#':
		end := strings.Index(l.src[l.pos:], "#}")
		if end < 0 {
			l.fail("a comment has no end")
		}
		body := l.skip(end)
		l.skip(2)
		l.after(body, true)
	case '%':
		if l.raw() {
			return
		}
		l.inside(tokOpenTag, tokCloseTag, "%}")
	default:
		l.inside(tokOpenVar, tokCloseVar, "}}")
	}
}

// atLineStart reports whether what has been read ends with a line.
func (l *lexer) atLineStart() bool { return l.pos == 0 || l.src[l.pos-1] == '\n' }

// after drops blanks behind a tag whose inside ended with a mark, and the line's end
// behind a block.
func (l *lexer) after(body string, block bool) {
	switch {
	case strings.HasSuffix(body, "-"):
		rest := l.src[l.pos:]
		l.skip(len(rest) - len(strings.TrimLeftFunc(rest, unicode.IsSpace)))
	case block && !strings.HasSuffix(body, "+") && strings.HasPrefix(l.src[l.pos:], "\n"):
		l.skip(1)
	}
}

// raw reads a raw block, of which only the opening has been seen.
func (l *lexer) raw() bool {
	open := strings.Index(l.src[l.pos:], "%}")
	if open < 0 || strings.Trim(l.src[l.pos:l.pos+open], " \t\n-+") != "raw" {
		return false
	}
	body := l.skip(open)
	l.skip(2)
	l.after(body, true)
	rest := l.src[l.pos:]
	for from := 0; ; {
		at := strings.Index(rest[from:], "{%")
		if at < 0 {
			l.fail("a raw block has no end")
		}
		at += from + 2
		end := strings.Index(rest[at:], "%}")
		if end < 0 {
			l.fail("a raw block has no end")
		}
		end += at
		at = strings.LastIndex(rest[:end], "{%") // what opens before is text
		if strings.Trim(rest[at+2:end], " \t\n-+") == "endraw" {
			text := rest[:at]
			if strings.HasPrefix(rest[at+2:], "-") {
				text = strings.TrimRightFunc(text, unicode.IsSpace)
			}
			l.add(tokText, text)
			l.skip(end)
			l.skip(2)
			l.after(strings.TrimSuffix(rest[at+2:end], " "), true)
			return true
		}
		from = end + 2
	}
}

// inside reads the expression tokens of a tag.
func (l *lexer) inside(open, close tokenKind, end string) {
	l.add(open, "")
	depth := 0 // of brackets, in which }} may be the ends of two dicts
	for {
		rest := l.src[l.pos:]
		switch r, n := utf8.DecodeRuneInString(rest); {
		case rest == "":
			l.fail("a tag has no end, want %s", end)
		case unicode.IsSpace(r):
			l.skip(n)
		case depth == 0 && strings.HasPrefix(rest, end), depth == 0 && (r == '-' || r == '+') && strings.HasPrefix(rest[1:], end):
			mark := rest[:strings.Index(rest, end)]
			l.skip(len(mark))
			l.add(close, "")
			l.skip(len(end))
			l.after(mark, close == tokCloseTag)
			return
		case r == '_' || unicode.IsLetter(r):
			w := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
			if w < 0 {
				w = len(rest)
			}
			l.add(tokName, l.skip(w))
		case r >= '0' && r <= '9':
			l.number(rest)
		case r == '"' || r == '\'':
			l.text(rest, byte(r))
		default:
			op := operator(rest)
			switch op {
			case "":
				l.fail("unexpected %q", r)
			case "(", "[", "{":
				depth++
			case ")", "]", "}":
				depth--
			}
			l.add(tokOp, l.skip(len(op)))
		}
	}
}

func operator(s string) string {
	for _, op := range []string{"**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ".", ":", "|"} {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

func (l *lexer) number(rest string) {
	digits := func(i int) int {
		for i < len(rest) && (rest[i] >= '0' && rest[i] <= '9' || rest[i] == '_') {
			i++
		}
		return i
	}
	n, kind := digits(0), tokInt
	if n+1 < len(rest) && rest[n] == '.' && rest[n+1] >= '0' && rest[n+1] <= '9' {
		n, kind = digits(n+1), tokFloat
	}
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		m := n + 1
		if m < len(rest) && (rest[m] == '-' || rest[m] == '+') {
			m++
		}
		if end := digits(m); end > m {
			n, kind = end, tokFloat
		}
	}
	l.add(kind, strings.ReplaceAll(l.skip(n), "_", ""))
}

// text reads a string literal with Python's escapes.
func (l *lexer) text(rest string, quote byte) {
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == quote:
			l.skip(i + 1)
			l.add(tokString, b.String())
			return
		case c == '\\' && i+1 < len(rest):
			i++
			i += escape(&b, rest[i:])
		default:
			b.WriteByte(c)
		}
	}
	l.fail("a string has no end")
}

// escape writes what an escape means, s being behind the backslash, and returns how
// many bytes beside the first it took. What is no escape stays as it is.
func escape(b *strings.Builder, s string) int {
	if i := strings.IndexByte(`ntrbfva0\'"`, s[0]); i >= 0 {
		b.WriteByte("\n\t\r\b\f\v\a\x00\\'\""[i])
		return 0
	}
	if s[0] == '\n' {
		return 0
	}
	if width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]; width > 0 && len(s) > width {
		if v, err := strconv.ParseUint(s[1:1+width], 16, 32); err == nil {
			b.WriteRune(rune(v))
			return width
		}
	}
	b.WriteByte('\\')
	b.WriteByte(s[0])
	return 0
}
