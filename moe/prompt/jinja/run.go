package jinja

import (
	"fmt"
	"maps"
	"math"
	"strings"
)

// RunError is what went wrong in a rendering.
type RunError struct {
	Line int // about where, from 1
	What string
}

func (e *RunError) Error() string { return fmt.Sprintf("template line %d: %s", e.Line, e.What) }

// limits of a rendering, far above what a chat template needs for a long conversation.
const (
	maxSteps  = 1_000_000
	maxOutput = 4 << 20 // bytes, of a string and of the whole
	maxCalls  = 100     // of macros within macros
)

type run struct {
	steps, calls int
	depth        int // of a comparison
	line         int
	out          *strings.Builder
	globals      *scope
	leaving      *leaving // on the way out of a loop's body
}

// scope holds the names of a template, a macro or a round of a loop.
type scope struct {
	values map[string]any
	outer  *scope
}

func (s *scope) get(name string) (any, bool) {
	for ; s != nil; s = s.outer {
		if v, ok := s.values[name]; ok {
			return v, true
		}
	}
	return nil, false
}

func (s *scope) set(name string, v any) {
	if s.values == nil {
		s.values = map[string]any{}
	}
	s.values[name] = v
}

// Render runs the template with the values given: nil, bools, int64s, float64s,
// strings, Lists, Dicts and Funcs. Its errors are RunErrors.
func (t *Template) Render(values map[string]any) (s string, err error) {
	r := &run{out: &strings.Builder{}, globals: &scope{values: maps.Clone(globals)}}
	for k, v := range values {
		r.globals.set(k, own(v))
	}
	defer catch(&err)
	r.all(t.body, r.globals)
	return r.out.String(), nil
}

// own is a value of the rendering's own, which a template may change.
func own(v any) any {
	switch v := v.(type) {
	case *List:
		out := &List{make([]any, len(v.Items))}
		for i, x := range v.Items {
			out.Items[i] = own(x)
		}
		return out
	case *Dict:
		out := NewDict()
		for _, k := range v.keys {
			out.Set(k, own(v.values[k]))
		}
		out.numbers = maps.Clone(v.numbers)
		return out
	case Func:
		return function(func(r *run, args []any, _ []string, _ []any) any {
			out, err := v(args)
			if err != nil {
				r.fail("%v", err)
			}
			return out
		})
	}
	return v
}

func (r *run) fail(format string, args ...any) {
	panic(&RunError{Line: r.line, What: fmt.Sprintf(format, args...)})
}

// spend counts steps and ends what takes too many.
func (r *run) spend(n int) {
	if r.steps += n; r.steps > maxSteps {
		r.fail("more than %d steps", maxSteps)
	}
}

// weigh counts what is read or made as a whole; it returns the value.
func (r *run) weigh(v any) any {
	switch v := v.(type) {
	case string:
		r.spend(len(v) / 64)
	case *List:
		r.spend(len(v.Items) / 8)
	case *Dict:
		r.spend(len(v.keys))
	}
	return v
}

// deeper is one step into values that hold each other; what it returns steps out.
func (r *run) deeper() func() {
	r.spend(1)
	if r.depth++; r.depth > maxDepth {
		r.fail("values nested too deep")
	}
	return func() { r.depth-- }
}

func (r *run) write(s string) {
	if r.spend(1 + len(s)/64); r.out.Len()+len(s) > maxOutput {
		r.fail("more than %d bytes of output", maxOutput)
	}
	r.out.WriteString(s)
}

// fits bounds the strings that a template makes.
func (r *run) fits(s string) string {
	if r.spend(1 + len(s)/64); len(s) > maxOutput {
		r.fail("a string of more than %d bytes", maxOutput)
	}
	return s
}

func (r *run) all(body []stmt, s *scope) {
	for _, st := range body {
		if r.leaving != nil {
			return
		}
		r.spend(1)
		st.exec(r, s)
	}
}

// captured runs a body and returns what it writes.
func (r *run) captured(body []stmt, s *scope) string {
	before := r.out
	r.out = &strings.Builder{}
	r.all(body, s)
	text := r.out.String()
	r.out = before
	return text
}

func (t text) exec(r *run, _ *scope)   { r.write(t.s) }
func (o output) exec(r *run, s *scope) { r.write(r.show(o.x.eval(r, s))) }
func (b block) exec(r *run, s *scope)  { r.all(b.body, s) }

func (f ifStmt) exec(r *run, s *scope) {
	for i, test := range f.tests {
		if truth(test.eval(r, s)) {
			r.all(f.bodies[i], s)
			return
		}
	}
	if len(f.bodies) > len(f.tests) {
		r.all(f.bodies[len(f.tests)], s)
	}
}

func (l leaving) exec(r *run, _ *scope) { r.leaving = &l }

func (f forStmt) exec(r *run, s *scope) {
	items := r.elements(f.in.eval(r, s))
	if f.filter != nil {
		var kept []any
		for _, v := range items {
			round := &scope{outer: s}
			r.assign(f.names, v, round)
			if truth(f.filter.eval(r, round)) {
				kept = append(kept, v)
			}
		}
		items = kept
	}
	if len(items) == 0 {
		r.all(f.none, s)
		return
	}
	for i, v := range items {
		round := &scope{outer: s}
		r.assign(f.names, v, round)
		round.set("loop", loopVariable(items, i))
		r.spend(8)
		r.all(f.body, round)
		if l := r.leaving; l != nil {
			if r.leaving = nil; !l.again {
				return
			}
		}
	}
}

// loopVariable is "loop" in the i-th round.
func loopVariable(items []any, i int) *Dict {
	n := int64(len(items))
	d := NewDict("index", int64(i+1), "index0", int64(i), "revindex", n-int64(i), "revindex0", n-int64(i)-1,
		"first", i == 0, "last", i == len(items)-1, "length", n, "previtem", any(undefined{"loop.previtem"}), "nextitem", any(undefined{"loop.nextitem"}))
	if i > 0 {
		d.Set("previtem", items[i-1])
	}
	if i+1 < len(items) {
		d.Set("nextitem", items[i+1])
	}
	d.Set("cycle", function(func(r *run, args []any, _ []string, _ []any) any {
		if len(args) == 0 {
			r.fail("loop.cycle without values")
		}
		return args[i%len(args)]
	}))
	return d
}

// assign gives the value to a name, or its elements to several.
func (r *run) assign(names []string, v any, s *scope) {
	r.spend(1)
	if len(names) == 1 {
		s.set(names[0], v)
		return
	}
	parts := r.elements(v)
	if len(parts) != len(names) {
		r.fail("%d values for %d names", len(parts), len(names))
	}
	for i, n := range names {
		s.set(n, parts[i])
	}
}

func (t setStmt) exec(r *run, s *scope) {
	var v any
	if t.value != nil {
		v = t.value.eval(r, s)
	} else {
		v = r.captured(t.body, &scope{outer: s})
	}
	if t.attr == "" {
		r.assign(t.names, v, s)
		return
	}
	of, _ := s.get(t.names[0])
	n, ok := of.(*namespace)
	if !ok {
		r.fail("%s.%s is set, which is only possible for a namespace", t.names[0], t.attr)
	}
	n.values[t.attr] = v
}

func (m macroStmt) exec(r *run, s *scope) {
	s.set(m.name, function(func(r *run, args []any, names []string, named []any) any {
		if r.calls++; r.calls > maxCalls {
			r.fail("macros call each other more than %d deep", maxCalls)
		}
		defer func() { r.calls-- }()
		in := &scope{outer: s}
		if len(args) > len(m.params) {
			r.fail("%s takes %d values, not %d", m.name, len(m.params), len(args))
		}
		for i, p := range m.params {
			var v any = undefined{p}
			if i < len(args) {
				v = args[i]
			} else if j := i - (len(m.params) - len(m.defaults)); j >= 0 {
				v = m.defaults[j].eval(r, in)
			}
			for k, n := range names {
				if n == p {
					v = named[k]
				}
			}
			in.set(p, v)
		}
		return r.captured(m.body, in)
	}))
}

func (f filterStmt) exec(r *run, s *scope) {
	v := f.chain(constant{r.captured(f.body, &scope{outer: s})}).eval(r, s)
	r.write(r.show(v))
}

// whole is an int from outside that must fit a range.
func (r *run) whole(v any, what string) int {
	_, i, whole, ok := number(v)
	if !ok || !whole || i > math.MaxInt32 || i < math.MinInt32 {
		r.fail("%s is %s, want a whole number of usual size", what, r.show(v))
	}
	return int(i)
}
