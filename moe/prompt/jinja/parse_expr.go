package jinja

import "strconv"

// Expressions, from the loosest operator to the tightest, as in Jinja's own parser.

// tuple is an expression, or several with commas between, which are a list.
func (p *parser) tuple() expr { return p.tupleOf(p.expression) }

func (p *parser) tupleOf(one func() expr) expr {
	x := one()
	if !p.is(",") {
		return x
	}
	items := []expr{x}
	for p.accept(",") {
		if k := p.peek().kind; k == tokCloseTag || k == tokCloseVar || p.is(")") || p.is("=") {
			break
		}
		items = append(items, one())
	}
	return listExpr{items}
}

func (p *parser) expression() expr {
	defer p.deeper()()
	x := p.or()
	for n := 0; p.accept("if"); n++ {
		if n > maxDepth*10 {
			p.fail("an expression of too many parts")
		}
		c := conditional{test: p.or(), yes: x}
		if p.accept("else") {
			c.no = p.expression()
		}
		x = c
	}
	return x
}

func (p *parser) or() expr { return p.chain(p.and, "or") }

func (p *parser) and() expr { return p.chain(p.not, "and") }

// chain reads operands with one of some operators of the same strength between.
func (p *parser) chain(operand func() expr, ops ...string) expr {
	x := operand()
	for n := 0; ; n++ {
		op := ""
		for _, o := range ops {
			if p.is(o) {
				op = o
			}
		}
		if op == "" {
			return x
		}
		if n > maxDepth*10 {
			p.fail("an expression of too many parts")
		}
		line := p.next().line
		x = at{binary{op, x, operand()}, line}
	}
}

func (p *parser) not() expr {
	if p.accept("not") {
		defer p.deeper()()
		return unary{"not", p.not()}
	}
	return p.comparison()
}

func (p *parser) comparison() expr {
	c := comparison{x: p.sum()}
	line := p.peek().line
	for {
		op := ""
		for _, o := range []string{"==", "!=", "<", "<=", ">", ">=", "in"} {
			if p.is(o) {
				op = o
			}
		}
		switch {
		case op != "":
			p.next()
		case p.is("not") && p.tokens[p.pos+1].kind == tokName && p.tokens[p.pos+1].text == "in":
			p.pos += 2
			op = "not in"
		case len(c.op) == 0:
			return c.x
		default:
			return at{c, line}
		}
		c.op, c.y = append(c.op, op), append(c.y, p.sum())
	}
}

func (p *parser) sum() expr { return p.chain(p.concat, "+", "-") }

func (p *parser) concat() expr { return p.chain(p.product, "~") }

func (p *parser) product() expr { return p.chain(p.power, "*", "/", "//", "%") }

func (p *parser) power() expr { return p.chain(func() expr { return p.unary(true) }, "**") }

func (p *parser) unary(filters bool) expr {
	var x expr
	line := p.peek().line
	switch {
	case p.is("-") || p.is("+"):
		defer p.deeper()()
		op := p.next().text
		x = at{unary{op, p.unary(false)}, line}
	default:
		x = p.postfix(p.primary())
	}
	if filters {
		if chain := p.filters(false); chain != nil {
			x = chain(x)
		}
	}
	return x
}

func (p *parser) primary() expr {
	switch t := p.next(); t.kind {
	case tokName:
		switch t.text {
		case "true", "True":
			return constant{true}
		case "false", "False":
			return constant{false}
		case "none", "None":
			return constant{nil}
		}
		return at{variable{t.text}, t.line}
	case tokString:
		s := t.text
		for p.peek().kind == tokString {
			s += p.next().text
		}
		return constant{s}
	case tokInt:
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			p.fail("the number %s is too large", t.text)
		}
		return constant{n}
	case tokFloat:
		x, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			p.fail("the number %s is too large", t.text)
		}
		return constant{x}
	case tokOp:
		switch t.text {
		case "(":
			if p.accept(")") {
				return listExpr{}
			}
			x := p.tuple()
			p.want(")")
			return x
		case "[":
			return listExpr{p.items("]")}
		case "{":
			var d dictExpr
			for !p.accept("}") {
				d.keys = append(d.keys, p.expression())
				p.want(":")
				d.values = append(d.values, p.expression())
				if !p.is("}") {
					p.want(",")
				}
			}
			return at{d, t.line}
		}
	}
	p.pos--
	p.fail("%s where an expression should be", p.peek())
	return nil
}

func (p *parser) items(end string) (items []expr) {
	for !p.accept(end) {
		items = append(items, p.expression())
		if !p.is(end) {
			p.want(",")
		}
	}
	return items
}

// postfix reads attributes, indexes and calls.
func (p *parser) postfix(x expr) expr {
	for n := 0; ; n++ {
		if n > maxDepth {
			p.fail("an expression of too many parts")
		}
		switch line := p.peek().line; {
		case p.accept("."):
			if t := p.peek(); t.kind == tokInt {
				p.next()
				i, _ := strconv.ParseInt(t.text, 10, 64)
				x = at{index{x, constant{i}}, line}
			} else {
				x = at{attribute{x, p.name()}, line}
			}
		case p.accept("["):
			x = at{p.subscript(x), line}
		case p.is("("):
			x = at{call{x, p.arguments()}, line}
		default:
			return x
		}
	}
}

func (p *parser) subscript(x expr) expr {
	var parts [3]expr
	n := 0
	for !p.is("]") {
		if p.accept(":") {
			if n++; n > 2 {
				p.fail("a slice of too many parts")
			}
			continue
		}
		if parts[n] != nil {
			p.fail("%s where \"]\" should be", p.peek())
		}
		parts[n] = p.expression()
	}
	p.want("]")
	if n > 0 {
		return slice{x, parts[0], parts[1], parts[2]}
	}
	if parts[0] == nil {
		p.fail("an index without a value")
	}
	return index{x, parts[0]}
}

func (p *parser) arguments() (a callArgs) {
	p.want("(")
	for !p.accept(")") {
		if p.is("*") || p.is("**") {
			p.fail("arguments from a list are not supported")
		}
		if next := p.tokens[min(p.pos+1, len(p.tokens)-1)]; p.peek().kind == tokName && next.kind == tokOp && next.text == "=" {
			a.names = append(a.names, p.name())
			p.want("=")
			a.named = append(a.named, p.expression())
		} else if len(a.names) > 0 {
			p.fail("an argument without a name behind one with")
		} else {
			a.positional = append(a.positional, p.expression())
		}
		if !p.is(")") {
			p.want(",")
		}
	}
	return a
}

// filters reads filters, tests and calls of their results. It returns what puts them
// around an expression, nil if there are none. With bare, the first filter comes
// without a bar.
func (p *parser) filters(bare bool) func(expr) expr {
	var chain []func(expr) expr
	for {
		line := p.peek().line
		switch {
		case bare || p.accept("|"):
			bare = false
			chain = append(chain, p.filter(line))
		case p.accept("is"):
			chain = append(chain, p.test(line))
		case len(chain) > 0 && p.is("("):
			args := p.arguments()
			chain = append(chain, func(x expr) expr { return at{call{x, args}, line} })
		case len(chain) == 0:
			return nil
		default:
			return func(x expr) expr {
				for _, f := range chain {
					x = f(x)
				}
				return x
			}
		}
		if len(chain) > maxDepth {
			p.fail("too many filters")
		}
	}
}

func (p *parser) filter(line int) func(expr) expr {
	f := filterExpr{name: p.name()}
	if f.fn = filterNamed(f.name); f.fn == nil {
		p.pos--
		p.fail("the filter %q is not supported", f.name)
	}
	if p.is("(") {
		f.args = p.arguments()
	}
	return func(x expr) expr {
		f := f
		f.of = x
		return at{f, line}
	}
}

func (p *parser) test(line int) func(expr) expr {
	t := testExpr{not: p.accept("not"), name: p.name()}
	if t.fn = testNamed(t.name); t.fn == nil {
		p.pos--
		p.fail("the test %q is not supported", t.name)
	}
	switch next := p.peek(); {
	case p.is("("):
		t.args = p.arguments().positional
	case next.kind == tokString, next.kind == tokInt, next.kind == tokFloat, p.is("["), p.is("{"),
		next.kind == tokName && !p.is("else") && !p.is("or") && !p.is("and") && !p.is("is") && !p.is("if") && !p.is("in") && !p.is("not") && !p.is("recursive"):
		t.args = []expr{p.postfix(p.primary())}
	}
	return func(x expr) expr {
		t := t
		t.of = x
		return at{t, line}
	}
}
