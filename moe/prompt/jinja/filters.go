package jinja

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// filterCall is a filter at work.
type filterCall struct {
	*run
	name  string
	of    any
	args  []any
	names []string
	named []any
}

type filterFunc func(*filterCall) any

// arg is the i-th argument, or the one of that name, or def.
func (c *filterCall) arg(i int, name string, def any) any {
	for k, n := range c.names {
		if n == name {
			return c.named[k]
		}
	}
	if i >= 0 && i < len(c.args) {
		return c.args[i]
	}
	return def
}

// text is the value as a string.
func (c *filterCall) text() string { return c.show(c.of) }

// filterNamed finds a filter, nil if there is none of that name.
func filterNamed(name string) filterFunc {
	switch name {
	case "trim":
		return func(c *filterCall) any { return strip(c.run, c.text(), c.arg(0, "chars", nil), true, true) }
	case "upper":
		return func(c *filterCall) any { return strings.ToUpper(c.text()) }
	case "lower":
		return func(c *filterCall) any { return strings.ToLower(c.text()) }
	case "capitalize":
		return func(c *filterCall) any { return capitalized(c.text()) }
	case "title":
		return func(c *filterCall) any { return titled(c.text()) }
	case "string":
		return func(c *filterCall) any { return c.text() }
	case "safe":
		return func(c *filterCall) any { return c.of }
	case "e", "escape", "forceescape":
		return func(c *filterCall) any {
			return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;").Replace(c.text())
		}
	case "length", "count":
		return func(c *filterCall) any { return int64(c.length(c.of)) }
	case "list":
		return func(c *filterCall) any { return &List{slices.Clone(c.elements(c.of))} }
	case "first", "last":
		return func(c *filterCall) any {
			items := c.elements(c.of)
			switch {
			case len(items) == 0:
				return undefined{c.name}
			case c.name == "first":
				return items[0]
			}
			return items[len(items)-1]
		}
	case "join":
		return func(c *filterCall) any {
			var b strings.Builder
			by, attr := c.show(c.arg(0, "d", "")), c.arg(1, "attribute", nil)
			for i, v := range c.elements(c.of) {
				if attr != nil {
					v = c.item(v, attr)
				}
				if i > 0 {
					b.WriteString(by)
				}
				b.WriteString(c.show(v))
				if b.Len() > maxOutput {
					c.fail("a string of more than %d bytes", maxOutput)
				}
			}
			return c.fits(b.String())
		}
	case "replace":
		return func(c *filterCall) any {
			return replaced(c.run, c.text(), c.show(c.arg(0, "old", "")), c.show(c.arg(1, "new", "")), c.arg(2, "count", nil))
		}
	case "default", "d":
		return func(c *filterCall) any {
			_, missing := c.of.(undefined)
			if missing || truth(c.arg(1, "boolean", false)) && !truth(c.of) {
				return c.arg(0, "default_value", "")
			}
			return c.of
		}
	case "tojson":
		return func(c *filterCall) any {
			indent := -1
			if v := c.arg(0, "indent", nil); v != nil {
				indent = max(0, min(16, c.whole(v, "indent")))
			}
			return c.json(c.of, jsonStyle{indent, truth(c.arg(-1, "sort_keys", false)), truth(c.arg(-1, "ensure_ascii", false))})
		}
	case "from_json":
		return func(c *filterCall) any { return c.fromJSON(c.text()) }
	case "indent":
		return indented
	case "items":
		return func(c *filterCall) any {
			if _, ok := c.of.(undefined); ok {
				return &List{}
			}
			return c.pairs(c.of)
		}
	case "dictsort":
		return func(c *filterCall) any {
			l := c.pairs(c.of)
			slices.SortStableFunc(l.Items, func(a, b any) int {
				x, y := a.(*List).Items[0], b.(*List).Items[0]
				if s, ok := x.(string); ok {
					x = strings.ToLower(s)
				}
				if s, ok := y.(string); ok {
					y = strings.ToLower(s)
				}
				return c.compare(x, y)
			})
			return l
		}
	case "int", "float":
		return func(c *filterCall) any { return c.toNumber(c.arg(0, "default", int64(0))) }
	case "abs":
		return func(c *filterCall) any {
			f, i, whole, ok := number(c.of)
			switch {
			case !ok:
				c.fail("abs of %s", kind(c.of))
			case whole:
				return max(i, -i)
			}
			return math.Abs(f)
		}
	case "round":
		return func(c *filterCall) any {
			f, _, _, _ := number(c.of)
			scale := math.Pow10(c.whole(c.arg(0, "precision", int64(0)), "precision"))
			return math.RoundToEven(f*scale) / scale
		}
	case "reverse":
		return func(c *filterCall) any {
			items := slices.Clone(c.elements(c.of))
			slices.Reverse(items)
			if _, ok := c.of.(string); ok {
				return c.show((&filterCall{run: c.run, of: &List{items}}).joined())
			}
			return &List{items}
		}
	case "sort":
		return sorted
	case "unique":
		return func(c *filterCall) any {
			out := &List{}
			for _, v := range c.elements(c.of) {
				if !c.contains(out, v) {
					out.Items = append(out.Items, v)
				}
			}
			return out
		}
	case "sum", "min", "max":
		return folded
	case "map":
		return mapped
	case "select", "reject", "selectattr", "rejectattr":
		return selected
	case "wordcount":
		return func(c *filterCall) any { return int64(len(strings.Fields(c.text()))) }
	}
	return nil
}

func (c *filterCall) joined() string {
	var b strings.Builder
	for _, v := range c.elements(c.of) {
		b.WriteString(c.show(v))
	}
	return b.String()
}

// pairs are the [key, value] lists of a dict.
func (r *run) pairs(v any) *List {
	d, ok := v.(*Dict)
	if !ok {
		r.fail("%s has no keys", kind(v))
	}
	out := &List{}
	for i, k := range d.keys {
		out.Items = append(out.Items, NewList(d.key(i), d.values[k]))
	}
	r.spend(len(out.Items))
	return out
}

func indented(c *filterCall) any {
	by := c.arg(0, "width", int64(4))
	pad, ok := by.(string)
	if !ok {
		pad = strings.Repeat(" ", max(0, min(100, c.whole(by, "width"))))
	}
	lines := strings.Split(c.text(), "\n")
	if c.spend(len(lines)); len(lines)*len(pad) > maxOutput {
		c.fail("a string of more than %d bytes", maxOutput)
	}
	for i, l := range lines {
		if (i > 0 || truth(c.arg(1, "first", false))) && (l != "" || truth(c.arg(2, "blank", false))) {
			lines[i] = pad + l
		}
	}
	return c.fits(strings.Join(lines, "\n"))
}

func (c *filterCall) toNumber(def any) any {
	f, i, whole, ok := number(c.of)
	if s, isString := c.of.(string); isString {
		s = strings.TrimSpace(s)
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			f, i, whole, ok = float64(n), n, true, true
		} else if x, err := strconv.ParseFloat(s, 64); err == nil {
			f, ok = x, true
		}
	}
	switch {
	case !ok && c.name == "float" && def == int64(0):
		return 0.0
	case !ok:
		return def
	case c.name == "float":
		return f
	case whole:
		return i
	case math.Abs(f) >= 1<<62 || math.IsNaN(f):
		return def
	}
	return int64(f)
}

func sorted(c *filterCall) any {
	items := slices.Clone(c.elements(c.of))
	attr, exact := c.arg(2, "attribute", nil), truth(c.arg(1, "case_sensitive", false))
	key := func(v any) any {
		if attr != nil {
			v = c.item(v, attr)
		}
		if s, ok := v.(string); ok && !exact {
			return strings.ToLower(s)
		}
		return v
	}
	slices.SortStableFunc(items, func(a, b any) int { return c.compare(key(a), key(b)) })
	if truth(c.arg(0, "reverse", false)) {
		slices.Reverse(items)
	}
	return &List{items}
}

func folded(c *filterCall) any {
	items, attr := c.elements(c.of), c.arg(-1, "attribute", nil)
	var out any = int64(0)
	for i, v := range items {
		if attr != nil {
			v = c.item(v, attr)
		}
		switch {
		case c.name == "sum":
			f, a, fw, ok1 := number(out)
			g, b, gw, ok2 := number(v)
			if !ok1 || !ok2 {
				c.fail("the sum of %s", kind(v))
			}
			out = c.arithmetic("+", f, g, a, b, fw && gw)
		case i == 0, c.name == "min" && c.compare(v, out) < 0, c.name == "max" && c.compare(v, out) > 0:
			out = v
		}
	}
	if len(items) == 0 && c.name != "sum" {
		return undefined{c.name}
	}
	return out
}

// mapped is map(attribute="name") or map("filter", arguments).
func mapped(c *filterCall) any {
	out := &List{}
	if !truth(c.of) {
		return out
	}
	attr := c.arg(-1, "attribute", nil)
	var fn filterFunc
	var name string
	if attr == nil {
		if len(c.args) == 0 {
			c.fail("map without a filter or an attribute")
		}
		if name = c.show(c.args[0]); filterNamed(name) == nil {
			c.fail("the filter %q is not supported", name)
		}
		fn = filterNamed(name)
	}
	for _, v := range c.elements(c.of) {
		c.spend(1)
		if attr != nil {
			x := v
			for _, part := range strings.Split(c.show(attr), ".") {
				x = c.item(x, part)
			}
			if _, ok := x.(undefined); ok {
				x = c.arg(-1, "default", x)
			}
			out.Items = append(out.Items, x)
			continue
		}
		out.Items = append(out.Items, c.weigh(fn(&filterCall{c.run, name, c.weigh(v), c.args[1:], c.names, c.named})))
	}
	return out
}

// selected is select and reject by a test, selectattr and rejectattr by a test of an
// attribute; without a test they go by truth.
func selected(c *filterCall) any {
	args := c.args
	attr := ""
	if strings.HasSuffix(c.name, "attr") {
		if len(args) == 0 {
			c.fail("%s without an attribute", c.name)
		}
		attr, args = c.show(args[0]), args[1:]
	}
	test := func(_ *run, v any, _ []any) bool { return truth(v) }
	if len(args) > 0 {
		name := c.show(args[0])
		if testNamed(name) == nil {
			c.fail("the test %q is not supported", name)
		}
		test, args = testNamed(name), args[1:]
	}
	out := &List{}
	if !truth(c.of) {
		return out
	}
	for _, v := range c.elements(c.of) {
		c.spend(1)
		x := v
		if attr != "" {
			for _, part := range strings.Split(attr, ".") {
				x = c.item(x, part)
			}
		}
		if test(c.run, c.weigh(x), args) == strings.HasPrefix(c.name, "select") {
			out.Items = append(out.Items, v)
		}
	}
	return out
}

func capitalized(s string) string {
	low := []rune(strings.ToLower(s))
	if len(low) > 0 {
		low[0] = unicode.ToUpper(low[0])
	}
	return string(low)
}

func titled(s string) string {
	inside := false
	return strings.Map(func(c rune) rune {
		start := !inside
		if inside = unicode.IsLetter(c); inside && start {
			return unicode.ToUpper(c)
		}
		return unicode.ToLower(c)
	}, s)
}
