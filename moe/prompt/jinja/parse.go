package jinja

import (
	"fmt"
	"slices"
	"strconv"
)

// Template is a template that has been read.
type Template struct{ body []stmt }

// maxDepth bounds how deep a template is nested.
const maxDepth = 200

// Parse reads a template. Its errors are SyntaxErrors.
func Parse(src string) (t *Template, err error) {
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	defer catch(&err)
	p := &parser{tokens: tokens}
	body, _ := p.block()
	return &Template{body}, nil
}

// catch turns a panic with an error of this package into that error.
func catch(err *error) {
	switch e := recover().(type) {
	case nil:
	case *SyntaxError:
		*err = e
	case *RunError:
		*err = e
	default:
		panic(e)
	}
}

type parser struct {
	tokens []token
	pos    int
	depth  int
	loops  int // that are open
}

func (p *parser) fail(format string, args ...any) {
	panic(&SyntaxError{p.peek().line, fmt.Sprintf(format, args...)})
}

func (p *parser) peek() token { return p.tokens[p.pos] }

func (p *parser) next() token {
	t := p.tokens[p.pos]
	if t.kind != tokEnd {
		p.pos++
	}
	return t
}

// is reports whether the next token is an operator or a name.
func (p *parser) is(s string) bool {
	t := p.peek()
	return (t.kind == tokOp || t.kind == tokName) && t.text == s
}

func (p *parser) accept(s string) bool {
	if p.is(s) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) want(s string) {
	if !p.accept(s) {
		p.fail("%s where %q should be", p.peek(), s)
	}
}

func (p *parser) name() string {
	t := p.next()
	if t.kind != tokName {
		p.pos--
		p.fail("%s where a name should be", t)
	}
	return t.text
}

func (t token) String() string {
	switch t.kind {
	case tokEnd:
		return "the end"
	case tokText:
		return "text"
	case tokOpenVar, tokOpenTag:
		return "a tag"
	case tokCloseVar, tokCloseTag:
		return "the tag's end"
	}
	return strconv.Quote(t.text)
}

func (p *parser) close() {
	if p.peek().kind != tokCloseTag {
		p.fail("%s where the tag should end", p.peek())
	}
	p.next()
}

func (p *parser) deeper() func() {
	if p.depth++; p.depth > maxDepth {
		p.fail("nested too deep")
	}
	return func() { p.depth-- }
}

// block reads statements up to a tag with one of the names, which it returns, read,
// or to the end of the template if there are none.
func (p *parser) block(ends ...string) (body []stmt, end string) {
	defer p.deeper()()
	for {
		switch t := p.next(); t.kind {
		case tokEnd:
			if len(ends) > 0 {
				p.fail("the template ends where %q should be", ends[len(ends)-1])
			}
			return body, ""
		case tokText:
			body = append(body, text{t.text})
		case tokOpenVar:
			x := p.tuple()
			if p.peek().kind != tokCloseVar {
				p.fail("%s where the tag should end", p.peek())
			}
			p.next()
			body = append(body, output{x})
		default:
			name := p.name()
			if slices.Contains(ends, name) {
				return body, name
			}
			body = append(body, p.statement(name))
		}
	}
}

func (p *parser) statement(name string) stmt {
	switch name {
	case "if":
		return p.ifBlock()
	case "for":
		return p.forBlock()
	case "set":
		return p.set()
	case "macro":
		return p.macro()
	case "filter":
		chain := p.filters(true)
		p.close()
		body, _ := p.block("endfilter")
		p.close()
		return filterStmt{chain, body}
	case "generation": // marks what the assistant says, for training
		p.close()
		body, _ := p.block("endgeneration")
		p.close()
		return block{body}
	case "break", "continue":
		if p.loops == 0 {
			p.fail("%s outside of a loop", name)
		}
		p.close()
		return leaving{name == "continue"}
	}
	p.pos--
	p.fail("the tag %q is not supported", name)
	return nil
}

func (p *parser) ifBlock() stmt {
	var s ifStmt
	for end := "if"; end != "endif"; {
		if end != "else" {
			s.tests = append(s.tests, p.tuple())
		}
		p.close()
		ends := []string{"elif", "else", "endif"}
		if end == "else" {
			ends = ends[2:]
		}
		var body []stmt
		body, end = p.block(ends...)
		s.bodies = append(s.bodies, body)
	}
	p.close()
	return s
}

// targets reads the names that a loop or an assignment gives values to.
func (p *parser) targets() []string {
	bracket := p.accept("(")
	names := []string{p.name()}
	for p.accept(",") {
		if p.peek().kind != tokName || p.is("in") {
			break
		}
		names = append(names, p.name())
	}
	if bracket {
		p.want(")")
	}
	return names
}

func (p *parser) forBlock() stmt {
	s := forStmt{names: p.targets()}
	p.want("in")
	s.in = p.tupleOf(p.or)
	if p.accept("if") {
		s.filter = p.expression()
	}
	if p.is("recursive") {
		p.fail("recursive loops are not supported")
	}
	p.close()
	p.loops++
	var end string
	if s.body, end = p.block("else", "endfor"); end == "else" {
		p.close()
		s.none, _ = p.block("endfor")
	}
	p.loops--
	p.close()
	return s
}

func (p *parser) set() stmt {
	s := setStmt{names: p.targets()}
	if len(s.names) == 1 && p.accept(".") {
		s.attr = p.name()
	}
	if p.accept("=") {
		s.value = p.tuple()
		p.close()
		return s
	}
	if len(s.names) > 1 {
		p.fail("%s where \"=\" should be", p.peek())
	}
	chain := p.filters(false)
	p.close()
	body, _ := p.block("endset")
	p.close()
	if chain != nil {
		body = []stmt{filterStmt{chain, body}}
	}
	s.body = body
	if s.body == nil {
		s.body = []stmt{}
	}
	return s
}

func (p *parser) macro() stmt {
	m := macroStmt{name: p.name()}
	p.want("(")
	for !p.accept(")") {
		m.params = append(m.params, p.name())
		if p.accept("=") {
			m.defaults = append(m.defaults, p.expression())
		} else if len(m.defaults) > 0 {
			p.fail("a parameter without a default behind one with")
		}
		if !p.is(")") {
			p.want(",")
		}
	}
	p.close()
	loops := p.loops
	p.loops = 0
	m.body, _ = p.block("endmacro")
	p.loops = loops
	p.close()
	return m
}
