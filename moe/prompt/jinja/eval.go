package jinja

import "strings"

func (a at) eval(r *run, s *scope) any {
	r.line = a.line
	r.spend(1)
	v := a.expr.eval(r, s)
	r.line = a.line
	return v
}

func (c constant) eval(*run, *scope) any { return c.value }

func (v variable) eval(_ *run, s *scope) any {
	if x, ok := s.get(v.name); ok {
		return x
	}
	return undefined(v)
}

func (l listExpr) eval(r *run, s *scope) any {
	out := &List{make([]any, len(l.items))}
	for i, x := range l.items {
		out.Items[i] = x.eval(r, s)
	}
	return out
}

func (d dictExpr) eval(r *run, s *scope) any {
	out := NewDict()
	for i := range d.keys {
		k := d.keys[i].eval(r, s)
		if _, _, _, ok := number(k); ok {
			if out.numbers == nil {
				out.numbers = map[string]any{}
			}
			out.numbers[r.show(k)] = k
			k = r.show(k)
		}
		key, ok := k.(string)
		if !ok {
			r.fail("%s as the key of a dict", kind(k))
		}
		out.Set(key, d.values[i].eval(r, s))
	}
	return out
}

func (a attribute) eval(r *run, s *scope) any { return r.attribute(a.of.eval(r, s), a.name) }

// attribute finds a method first and then what is stored under the name.
func (r *run) attribute(of any, name string) any {
	if m := method(of, name); m != nil {
		return m
	}
	switch of := of.(type) {
	case *Dict:
		if v, ok := of.values[name]; ok {
			return v
		}
	case *namespace:
		if v, ok := of.values[name]; ok {
			return v
		}
	case undefined:
		r.fail("%s is undefined and has no %q", of.name, name)
	}
	return undefined{name}
}

func (x index) eval(r *run, s *scope) any { return r.item(x.of.eval(r, s), x.at.eval(r, s)) }

// item finds what is stored first and then a method.
func (r *run) item(of, at any) any {
	if i, ok := at.(int64); ok {
		switch of := of.(type) {
		case *List:
			if i < 0 {
				i += int64(len(of.Items))
			}
			if i >= 0 && i < int64(len(of.Items)) {
				return of.Items[i]
			}
			return undefined{"list item"}
		case string:
			c := []rune(of)
			r.spend(len(c) / 8)
			if i < 0 {
				i += int64(len(c))
			}
			if i >= 0 && i < int64(len(c)) {
				return string(c[i])
			}
			return undefined{"character"}
		}
		at = r.show(at)
	}
	name, ok := at.(string)
	if u, isUndefined := of.(undefined); isUndefined {
		r.fail("%s is undefined and has no %q", u.name, r.show(at))
	}
	if !ok {
		return undefined{r.show(at)}
	}
	if d, ok := of.(*Dict); ok {
		if v, ok := d.values[name]; ok {
			return v
		}
	}
	return r.attribute(of, name)
}

func (u unary) eval(r *run, s *scope) any {
	v := u.x.eval(r, s)
	if u.op == "not" {
		return !truth(v)
	}
	f, i, whole, ok := number(v)
	switch {
	case !ok:
		r.fail("%s%s", u.op, kind(v))
	case u.op == "+" && whole:
		return i
	case u.op == "+":
		return f
	case whole:
		return -i
	}
	return -f
}

func (c conditional) eval(r *run, s *scope) any {
	if truth(c.test.eval(r, s)) {
		return c.yes.eval(r, s)
	}
	if c.no == nil {
		return undefined{"an if without an else"}
	}
	return c.no.eval(r, s)
}

func (c comparison) eval(r *run, s *scope) any {
	x := c.x.eval(r, s)
	for i, op := range c.op {
		y := c.y[i].eval(r, s)
		ok := false
		switch op {
		case "==":
			ok = r.equal(x, y)
		case "!=":
			ok = !r.equal(x, y)
		case "in":
			ok = r.contains(y, x)
		case "not in":
			ok = !r.contains(y, x)
		case "<":
			ok = r.compare(x, y) < 0
		case "<=":
			ok = r.compare(x, y) <= 0
		case ">":
			ok = r.compare(x, y) > 0
		case ">=":
			ok = r.compare(x, y) >= 0
		}
		if !ok {
			return false
		}
		x = y
	}
	return true
}

func (r *run) contains(in, v any) bool {
	switch in := in.(type) {
	case string:
		s, ok := v.(string)
		if !ok {
			r.fail("%s in a string", kind(v))
		}
		r.spend(len(in) / 64)
		return strings.Contains(in, s)
	case *Dict:
		s, ok := v.(string)
		if !ok {
			return false
		}
		_, ok = in.values[s]
		return ok
	case *List:
		for _, x := range in.Items {
			if r.equal(x, v) {
				return true
			}
		}
		return false
	case undefined:
		return false
	}
	r.fail("%s holds nothing", kind(in))
	return false
}

func (b binary) eval(r *run, s *scope) any {
	x := b.x.eval(r, s)
	switch b.op {
	case "and":
		if !truth(x) {
			return x
		}
		return b.y.eval(r, s)
	case "or":
		if truth(x) {
			return x
		}
		return b.y.eval(r, s)
	}
	y := b.y.eval(r, s)
	if b.op == "~" {
		return r.fits(r.show(x) + r.show(y))
	}
	if f, i, fw, ok := number(x); ok {
		if g, j, gw, ok := number(y); ok {
			return r.arithmetic(b.op, f, g, i, j, fw && gw)
		}
	}
	switch a := x.(type) {
	case string:
		switch c := y.(type) {
		case string:
			if b.op == "+" {
				return r.fits(a + c)
			}
		case int64:
			if b.op == "*" {
				return r.repeat(a, c)
			}
		}
		if b.op == "%" {
			return r.percent(a, y)
		}
	case int64:
		if c, ok := y.(string); ok && b.op == "*" {
			return r.repeat(c, a)
		}
	case *List:
		if c, ok := y.(*List); ok && b.op == "+" {
			r.spend(len(a.Items) + len(c.Items))
			return &List{append(append([]any(nil), a.Items...), c.Items...)}
		}
	}
	r.fail("%s %s %s", kind(x), b.op, kind(y))
	return nil
}

// evaluated are a call's arguments.
func (a callArgs) evaluated(r *run, s *scope) (args []any, named []any) {
	for _, x := range a.positional {
		args = append(args, r.weigh(x.eval(r, s)))
	}
	for _, x := range a.named {
		named = append(named, r.weigh(x.eval(r, s)))
	}
	return args, named
}

func (c call) eval(r *run, s *scope) any {
	of := c.of.eval(r, s)
	args, named := c.args.evaluated(r, s)
	line := r.line
	f, ok := of.(function)
	if !ok {
		r.fail("%s is called", kind(of))
	}
	v := r.weigh(f(r, args, c.args.names, named))
	r.line = line
	return v
}

func (f filterExpr) eval(r *run, s *scope) any {
	of := r.weigh(f.of.eval(r, s))
	args, named := f.args.evaluated(r, s)
	return r.weigh(f.fn(&filterCall{r, f.name, of, args, f.args.names, named}))
}

func (t testExpr) eval(r *run, s *scope) any {
	of := r.weigh(t.of.eval(r, s))
	var args []any
	for _, x := range t.args {
		args = append(args, x.eval(r, s))
	}
	return t.fn(r, of, args) != t.not
}
