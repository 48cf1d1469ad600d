package jinja

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The values of a template are nil (none), bool, int64, float64, string, *List,
// *Dict and what a template makes itself: undefined values, namespaces, functions.

// List is a list or a tuple.
type List struct{ Items []any }

// NewList returns a list of the values.
func NewList(items ...any) *List { return &List{items} }

// Dict is a dict in the order in which its keys were set. Keys are strings; those that
// a template writes as numbers are kept as text, and come back as numbers.
type Dict struct {
	keys    []string
	values  map[string]any
	numbers map[string]any
}

// key is the i-th key as the template wrote it.
func (d *Dict) key(i int) any {
	if n, ok := d.numbers[d.keys[i]]; ok {
		return n
	}
	return d.keys[i]
}

// NewDict returns a dict of keys and values by turns.
func NewDict(pairs ...any) *Dict {
	d := &Dict{values: map[string]any{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		d.Set(pairs[i].(string), pairs[i+1])
	}
	return d
}

// Set gives the key a value.
func (d *Dict) Set(key string, v any) {
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = v
}

func (d *Dict) remove(key string) {
	delete(d.values, key)
	d.keys = slices.DeleteFunc(d.keys, func(k string) bool { return k == key })
}

// Func is a function that a template may call. An error ends the rendering.
type Func func(args []any) (any, error)

type (
	undefined struct{ name string }
	namespace struct{ values map[string]any }
	// function is one that a template calls; r is the rendering that called it.
	function func(r *run, args []any, names []string, named []any) any
)

// truth is what "if" makes of a value.
func truth(v any) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *List:
		return len(v.Items) > 0
	case *Dict:
		return len(v.keys) > 0
	}
	return true
}

// kind names a value's type, as Python does.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case undefined:
		return "undefined (" + v.name + ")"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case *List:
		return "list"
	case *Dict:
		return "dict"
	case *namespace:
		return "namespace"
	}
	return "function"
}

// number is a number's value; whole says that it is an int.
func number(v any) (f float64, i int64, whole, ok bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, 1, true, true
		}
		return 0, 0, true, true
	case int64:
		return float64(v), v, true, true
	case float64:
		return v, 0, false, true
	}
	return 0, 0, false, false
}

// equal compares as Python's == does.
func (r *run) equal(a, b any) bool {
	defer r.deeper()()
	if x, i, xw, ok := number(a); ok {
		y, j, yw, ok := number(b)
		if xw && yw {
			return ok && i == j
		}
		return ok && x == y
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case undefined:
		_, ok := b.(undefined)
		return ok
	case string:
		s, ok := b.(string)
		r.spend(len(a) / 64)
		return ok && a == s
	case *List:
		l, ok := b.(*List)
		if !ok || len(a.Items) != len(l.Items) {
			return false
		}
		for i := range a.Items {
			if !r.equal(a.Items[i], l.Items[i]) {
				return false
			}
		}
		return true
	case *Dict:
		d, ok := b.(*Dict)
		if !ok || len(a.keys) != len(d.keys) {
			return false
		}
		for k, v := range a.values {
			if w, ok := d.values[k]; !ok || !r.equal(v, w) {
				return false
			}
		}
		return true
	case *namespace:
		n, ok := b.(*namespace)
		return ok && a == n
	}
	return false
}

// compare orders numbers, strings and lists.
func (r *run) compare(a, b any) int {
	defer r.deeper()()
	if x, i, xw, ok := number(a); ok {
		if y, j, yw, ok := number(b); ok {
			switch {
			case xw && yw && i < j, !(xw && yw) && x < y:
				return -1
			case xw && yw && i > j, !(xw && yw) && x > y:
				return 1
			}
			return 0
		}
	}
	switch a := a.(type) {
	case string:
		if s, ok := b.(string); ok {
			r.spend((len(a) + len(s)) / 64)
			return strings.Compare(a, s)
		}
	case *List:
		if l, ok := b.(*List); ok {
			for i := range min(len(a.Items), len(l.Items)) {
				if c := r.compare(a.Items[i], l.Items[i]); c != 0 {
					return c
				}
			}
			return len(a.Items) - len(l.Items)
		}
	}
	r.fail("%s and %s have no order", kind(a), kind(b))
	return 0
}

// show is a value as output writes it.
func (r *run) show(v any) string {
	switch v := v.(type) {
	case undefined:
		return ""
	case string:
		return v
	}
	var b strings.Builder
	r.repr(&b, v, 0)
	return b.String()
}

// repr writes a value as Python's repr does.
func (r *run) repr(b *strings.Builder, v any, depth int) {
	r.spend(1)
	if depth > maxDepth || b.Len() > maxOutput {
		r.fail("a value is too large to be written")
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case undefined:
		b.WriteString("Undefined")
	case bool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[v])
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(showFloat(v))
	case string:
		r.spend(len(v) / 64)
		quote := "'"
		if strings.Contains(v, "'") && !strings.Contains(v, `"`) {
			quote = `"`
		}
		b.WriteString(quote + strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`, quote, `\`+quote).Replace(v) + quote)
	case *List:
		b.WriteByte('[')
		for i, x := range v.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			r.repr(b, x, depth+1)
		}
		b.WriteByte(']')
	case *Dict:
		b.WriteByte('{')
		for i, k := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			r.repr(b, v.key(i), depth+1)
			b.WriteString(": ")
			r.repr(b, v.values[k], depth+1)
		}
		b.WriteByte('}')
	default:
		b.WriteString("<" + kind(v) + ">")
	}
}

// showFloat writes a float as Python does.
func showFloat(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	if a := math.Abs(x); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(x, 'e', -1, 64)
	}
	s := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// elements are what a loop over the value goes through.
func (r *run) elements(v any) []any {
	switch v := v.(type) {
	case undefined:
		return nil
	case *List:
		return v.Items
	case *Dict:
		out := make([]any, len(v.keys))
		for i := range v.keys {
			out[i] = v.key(i)
		}
		return out
	case string:
		r.spend(utf8.RuneCountInString(v))
		var out []any
		for _, c := range v {
			out = append(out, string(c))
		}
		return out
	}
	r.fail("%s cannot be gone through", kind(v))
	return nil
}

// length is the number of elements or characters.
func (r *run) length(v any) int {
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v)
	case *List:
		return len(v.Items)
	case *Dict:
		return len(v.keys)
	case undefined:
		return 0
	}
	r.fail("%s has no length", kind(v))
	return 0
}
