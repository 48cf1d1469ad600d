package jinja

import "strings"

type testFunc func(r *run, v any, args []any) bool

// testNamed finds a test, nil if there is none of that name.
func testNamed(name string) testFunc {
	simple := func(f func(v any) bool) testFunc {
		return func(_ *run, v any, _ []any) bool { return f(v) }
	}
	with := func(f func(r *run, v, arg any) bool) testFunc {
		return func(r *run, v any, args []any) bool {
			if len(args) != 1 {
				r.fail("the test %q wants one value", name)
			}
			return f(r, v, args[0])
		}
	}
	isUndefined := func(v any) bool { _, ok := v.(undefined); return ok }
	switch name {
	case "defined":
		return simple(func(v any) bool { return !isUndefined(v) })
	case "undefined":
		return simple(isUndefined)
	case "none", "None":
		return simple(func(v any) bool { return v == nil })
	case "true":
		return simple(func(v any) bool { return v == true })
	case "false":
		return simple(func(v any) bool { return v == false })
	case "boolean":
		return simple(func(v any) bool { _, ok := v.(bool); return ok })
	case "string":
		return simple(func(v any) bool { _, ok := v.(string); return ok })
	case "integer":
		return simple(func(v any) bool { _, ok := v.(int64); return ok })
	case "float":
		return simple(func(v any) bool { _, ok := v.(float64); return ok })
	case "number":
		return simple(func(v any) bool { _, _, _, ok := number(v); return ok })
	case "mapping":
		return simple(func(v any) bool { _, ok := v.(*Dict); return ok })
	case "iterable", "sequence":
		return simple(func(v any) bool {
			switch v.(type) {
			case string, *List, *Dict, undefined:
				return true
			}
			return false
		})
	case "callable":
		return simple(func(v any) bool { _, ok := v.(function); return ok })
	case "lower":
		return func(r *run, v any, _ []any) bool { return isLower(r.show(v)) }
	case "upper":
		return func(r *run, v any, _ []any) bool { return isUpper(r.show(v)) }
	case "odd", "even":
		return func(r *run, v any, _ []any) bool { return (r.whole(v, name)%2 == 0) == (name == "even") }
	case "divisibleby":
		return with(func(r *run, v, arg any) bool {
			by := r.whole(arg, name)
			if by == 0 {
				r.fail("a division by zero")
			}
			return r.whole(v, name)%by == 0
		})
	case "eq", "equalto", "==":
		return with(func(r *run, v, arg any) bool { return r.equal(v, arg) })
	case "ne", "!=":
		return with(func(r *run, v, arg any) bool { return !r.equal(v, arg) })
	case "sameas":
		return with(func(r *run, v, arg any) bool { return kind(v) == kind(arg) && r.equal(v, arg) })
	case "lt", "lessthan", "<":
		return with(func(r *run, v, arg any) bool { return r.compare(v, arg) < 0 })
	case "le", "<=":
		return with(func(r *run, v, arg any) bool { return r.compare(v, arg) <= 0 })
	case "gt", "greaterthan", ">":
		return with(func(r *run, v, arg any) bool { return r.compare(v, arg) > 0 })
	case "ge", ">=":
		return with(func(r *run, v, arg any) bool { return r.compare(v, arg) >= 0 })
	case "in":
		return with(func(r *run, v, arg any) bool { return r.contains(arg, v) })
	}
	return nil
}

func isUpper(s string) bool { return strings.ToUpper(s) == s && strings.ToLower(s) != s }
func isLower(s string) bool { return strings.ToLower(s) == s && strings.ToUpper(s) != s }
