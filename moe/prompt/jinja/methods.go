package jinja

import (
	"math"
	"slices"
	"strings"
	"unicode"
)

// globals are the functions that every template has.
var globals = map[string]any{
	"raise_exception": function(func(r *run, args []any, _ []string, _ []any) any {
		what := "the template raises an exception"
		if len(args) > 0 {
			what = r.show(args[0])
		}
		panic(&RunError{r.line, what})
	}),
	"namespace": function(func(r *run, args []any, names []string, named []any) any {
		n := &namespace{map[string]any{}}
		for _, a := range args {
			if d, ok := a.(*Dict); ok {
				for k, v := range d.values {
					n.values[k] = v
				}
			}
		}
		for i, k := range names {
			n.values[k] = named[i]
		}
		return n
	}),
	"dict": function(func(r *run, args []any, names []string, named []any) any {
		d := NewDict()
		for _, a := range args {
			if from, ok := a.(*Dict); ok {
				for _, k := range from.keys {
					d.Set(k, from.values[k])
				}
			}
		}
		for i, k := range names {
			d.Set(k, named[i])
		}
		return d
	}),
	"range": function(func(r *run, args []any, _ []string, _ []any) any {
		if len(args) == 0 || len(args) > 3 {
			r.fail("range takes one to three numbers")
		}
		from, to, step := 0, r.whole(args[0], "range"), 1
		if len(args) > 1 {
			from, to = to, r.whole(args[1], "range")
		}
		if len(args) > 2 {
			step = r.whole(args[2], "range")
		}
		if step == 0 || math.Abs(float64(to-from)/float64(step)) > 100_000 {
			r.fail("a range from %d to %d in steps of %d", from, to, step)
		}
		out := &List{}
		for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
			out.Items = append(out.Items, int64(i))
		}
		r.spend(len(out.Items))
		return out
	}),
}

// method finds a method of a string, dict or list; nil if it has none of that name.
func method(of any, name string) any {
	switch of := of.(type) {
	case string:
		if slices.Contains(stringMethods, name) {
			return function(func(r *run, args []any, names []string, named []any) any {
				return stringMethod(r, of, name, args, names, named)
			})
		}
	case *Dict:
		if slices.Contains(dictMethods, name) {
			return function(func(r *run, args []any, _ []string, _ []any) any { return dictMethod(r, of, name, args) })
		}
	case *List:
		if slices.Contains(listMethods, name) {
			return function(func(r *run, args []any, _ []string, _ []any) any { return listMethod(r, of, name, args) })
		}
	}
	return nil
}

var (
	stringMethods = []string{"strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "upper", "lower", "title", "capitalize", "replace", "join", "find", "rfind", "index",
		"count", "format", "isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower", "removeprefix", "removesuffix"}
	dictMethods = []string{"items", "keys", "values", "get", "pop", "update", "setdefault"}
	listMethods = []string{"append", "pop", "index", "count", "extend", "insert"}
)

func stringMethod(r *run, s, name string, args []any, names []string, named []any) any {
	r.spend(1 + len(s)/64)
	arg := func(i int, name string) any {
		for k, n := range names {
			if n == name {
				return named[k]
			}
		}
		if i < len(args) {
			return args[i]
		}
		return nil
	}
	need := func(i int) string {
		v, ok := arg(i, "").(string)
		if !ok {
			r.fail("%s wants a string, not %s", name, kind(arg(i, "")))
		}
		return v
	}
	anyOf := func(has func(s, part string) bool) bool {
		if l, ok := arg(0, "").(*List); ok {
			for _, v := range l.Items {
				if p, ok := v.(string); ok && has(s, p) {
					return true
				}
			}
			return false
		}
		return has(s, need(0))
	}
	every := func(is func(rune) bool) bool {
		return s != "" && strings.IndexFunc(s, func(c rune) bool { return !is(c) }) < 0
	}
	place := func(i int) any {
		if i < 0 {
			return int64(-1)
		}
		return int64(len([]rune(s[:i])))
	}
	switch name {
	case "strip":
		return strip(r, s, arg(0, "chars"), true, true)
	case "lstrip":
		return strip(r, s, arg(0, "chars"), true, false)
	case "rstrip":
		return strip(r, s, arg(0, "chars"), false, true)
	case "split", "rsplit":
		return split(r, s, arg(0, "sep"), arg(1, "maxsplit"), name == "rsplit")
	case "splitlines":
		return texts(r, strings.Split(strings.TrimSuffix(s, "\n"), "\n"))
	case "startswith":
		return anyOf(strings.HasPrefix)
	case "endswith":
		return anyOf(strings.HasSuffix)
	case "upper":
		return strings.ToUpper(s)
	case "lower":
		return strings.ToLower(s)
	case "title":
		return titled(s)
	case "capitalize":
		return capitalized(s)
	case "replace":
		return replaced(r, s, need(0), need(1), arg(2, "count"))
	case "removeprefix":
		return strings.TrimPrefix(s, need(0))
	case "removesuffix":
		return strings.TrimSuffix(s, need(0))
	case "join":
		f := filterCall{run: r, of: arg(0, ""), args: []any{s}}
		return filterNamed("join")(&f)
	case "find", "index":
		return place(strings.Index(s, need(0)))
	case "rfind":
		return place(strings.LastIndex(s, need(0)))
	case "count":
		return int64(strings.Count(s, need(0)))
	case "format":
		return format(r, s, args, names, named)
	case "isdigit":
		return every(unicode.IsDigit)
	case "isalpha":
		return every(unicode.IsLetter)
	case "isalnum":
		return every(func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) })
	case "isspace":
		return every(unicode.IsSpace)
	case "isupper":
		return isUpper(s)
	}
	return isLower(s)
}

// strip cuts blanks, or the characters given, off the ends.
func strip(r *run, s string, chars any, left, right bool) string {
	cut := unicode.IsSpace
	if chars != nil {
		set, ok := chars.(string)
		if !ok {
			r.fail("%s as characters to strip", kind(chars))
		}
		r.spend(len(set) / 8)
		in := map[rune]bool{}
		for _, c := range set {
			in[c] = true
		}
		cut = func(c rune) bool { return in[c] }
	}
	if left {
		s = strings.TrimLeftFunc(s, cut)
	}
	if right {
		s = strings.TrimRightFunc(s, cut)
	}
	return s
}

func texts(r *run, parts []string) *List {
	r.spend(len(parts))
	out := &List{make([]any, len(parts))}
	for i, p := range parts {
		out.Items[i] = p
	}
	return out
}

// split cuts at blanks, or at sep, at most limit times.
func split(r *run, s string, sep, limit any, fromRight bool) any {
	n := -1
	if limit != nil {
		n = r.whole(limit, "maxsplit")
	}
	if sep == nil {
		parts := strings.Fields(s)
		if n >= 0 && len(parts) > n+1 {
			r.fail("split at blanks with a limit is not supported")
		}
		return texts(r, parts)
	}
	by, ok := sep.(string)
	if !ok || by == "" {
		r.fail("split at %s", kind(sep))
	}
	if n < 0 || !fromRight {
		if n >= 0 {
			n++
		}
		return texts(r, strings.SplitN(s, by, n))
	}
	parts := strings.Split(s, by)
	if extra := len(parts) - 1 - n; extra > 0 {
		parts = append([]string{strings.Join(parts[:extra+1], by)}, parts[extra+1:]...)
	}
	return texts(r, parts)
}

func replaced(r *run, s, old, new string, count any) string {
	n := -1
	if count != nil {
		n = r.whole(count, "count")
	}
	if grown := strings.Count(s, old) * max(0, len(new)-len(old)); len(s)+grown > maxOutput {
		r.fail("a string of more than %d bytes", maxOutput)
	}
	return r.fits(strings.Replace(s, old, new, n))
}

// format is Python's "{} {0} {name}".format, without formats behind a colon.
func format(r *run, s string, args []any, names []string, named []any) any {
	var b strings.Builder
	next := 0
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			break
		}
		b.WriteString(s[:i])
		if strings.HasPrefix(s[i:], "{{") || strings.HasPrefix(s[i:], "}}") {
			b.WriteByte(s[i])
			s = s[i+2:]
			continue
		}
		end := strings.IndexByte(s[i:], '}')
		if s[i] == '}' || end < 0 {
			r.fail("a lone brace in a format")
		}
		field := s[i+1 : i+end]
		s = s[i+end+1:]
		var v any = undefined{field}
		if k := slices.Index(names, field); k >= 0 {
			v = named[k]
		} else if field == "" && next < len(args) {
			v = args[next]
			next++
		} else if len(field) == 1 && field[0] >= '0' && int(field[0]-'0') < len(args) {
			v = args[field[0]-'0']
		} else {
			r.fail("the format {%s} is not supported or has no value", field)
		}
		if b.WriteString(r.show(v)); b.Len() > maxOutput {
			r.fail("a string of more than %d bytes", maxOutput)
		}
	}
	return r.fits(b.String() + s)
}

func dictMethod(r *run, d *Dict, name string, args []any) any {
	arg := func(i int) any {
		if i < len(args) {
			return args[i]
		}
		return nil
	}
	switch name {
	case "items":
		return r.pairs(d)
	case "keys":
		return &List{r.elements(d)}
	case "values":
		out := &List{}
		for _, k := range d.keys {
			out.Items = append(out.Items, d.values[k])
		}
		return out
	case "update":
		from, ok := arg(0).(*Dict)
		if !ok {
			r.fail("a dict is updated with %s", kind(arg(0)))
		}
		for _, k := range from.keys {
			d.Set(k, from.values[k])
		}
		return nil
	}
	key := r.show(arg(0))
	v, ok := d.values[key]
	switch {
	case name == "pop" && ok:
		r.spend(len(d.keys))
		d.remove(key)
	case name == "setdefault" && !ok:
		d.Set(key, arg(1))
	case name == "pop" && len(args) < 2 && !ok:
		r.fail("a dict has no %q", key)
	}
	if ok {
		return v
	}
	return arg(1)
}

func listMethod(r *run, l *List, name string, args []any) any {
	r.spend(1)
	var arg any
	if len(args) > 0 {
		arg = args[0]
	}
	switch name {
	case "append":
		l.Items = append(l.Items, arg)
		return nil
	case "extend":
		more := r.elements(arg)
		r.spend(len(more))
		l.Items = append(l.Items, more...)
		return nil
	case "insert":
		if len(args) < 2 {
			r.fail("insert wants a place and a value")
		}
		r.spend(len(l.Items) / 64)
		l.Items = slices.Insert(l.Items, max(0, min(len(l.Items), r.whole(arg, "the place"))), args[1])
		return nil
	case "pop":
		i := len(l.Items) - 1
		if arg != nil {
			if i = r.whole(arg, "the place"); i < 0 {
				i += len(l.Items)
			}
		}
		if i < 0 || i >= len(l.Items) {
			r.fail("pop of item %d of %d", i, len(l.Items))
		}
		r.spend(len(l.Items) / 64)
		v := l.Items[i]
		l.Items = slices.Delete(l.Items, i, i+1)
		return v
	}
	n := int64(0)
	for i, v := range l.Items {
		if r.equal(v, arg) {
			if name == "index" {
				return int64(i)
			}
			n++
		}
	}
	if name == "index" {
		r.fail("a list does not hold what is looked for")
	}
	return n
}
