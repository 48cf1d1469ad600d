package jinja

import (
	"math"
	"strings"
)

func (x slice) eval(r *run, s *scope) any {
	part := func(e expr) (int, bool) {
		if e == nil {
			return 0, false
		}
		v := e.eval(r, s)
		if v == nil {
			return 0, false
		}
		return r.whole(v, "a slice's bound"), true
	}
	of := x.of.eval(r, s)
	from, hasFrom := part(x.from)
	to, hasTo := part(x.to)
	step, hasStep := part(x.step)
	if !hasStep {
		step = 1
	}
	if step == 0 {
		r.fail("a slice with a step of 0")
	}
	var chars []rune
	var items []any
	n := 0
	switch of := of.(type) {
	case string:
		chars = []rune(of)
		n = len(chars)
	case *List:
		items, n = of.Items, len(of.Items)
	case undefined:
		return of
	default:
		r.fail("%s cannot be sliced", kind(of))
	}
	r.spend(n / 8)
	clip := func(i int, low, high int) int {
		if i < 0 {
			i += n
		}
		return max(low, min(i, high))
	}
	if step > 0 {
		from = clip(from, 0, n)
		if !hasTo {
			to = n
		}
		to = clip(to, 0, n)
	} else {
		if !hasFrom {
			from = n - 1
		}
		from = clip(from, -1, n-1)
		if hasTo {
			to = clip(to, -1, n-1)
		} else {
			to = -1
		}
	}
	out := &List{}
	var b strings.Builder
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		if chars != nil {
			b.WriteRune(chars[i])
		} else {
			out.Items = append(out.Items, items[i])
		}
	}
	if _, ok := of.(string); ok {
		return b.String()
	}
	r.spend(len(out.Items))
	return out
}

func (r *run) repeat(s string, n int64) any {
	if n <= 0 {
		return ""
	}
	if n > maxOutput || int64(len(s))*n > maxOutput {
		r.fail("a string of more than %d bytes", maxOutput)
	}
	return r.fits(strings.Repeat(s, int(n)))
}

// arithmetic is that of Python: / gives a float, // and % round down.
func (r *run) arithmetic(op string, f, g float64, i, j int64, whole bool) any {
	if g == 0 && (op == "/" || op == "//" || op == "%") {
		r.fail("a division by zero")
	}
	if whole {
		switch op {
		case "+":
			return i + j
		case "-":
			return i - j
		case "*":
			return i * j
		case "//", "%":
			q, m := i/j, i%j
			if m != 0 && (m < 0) != (j < 0) {
				q, m = q-1, m+j
			}
			if op == "%" {
				return m
			}
			return q
		case "**":
			if p := math.Pow(f, g); j >= 0 && math.Abs(p) < 1<<53 {
				return int64(p)
			}
		}
	}
	switch op {
	case "+":
		return f + g
	case "-":
		return f - g
	case "*":
		return f * g
	case "/":
		return f / g
	case "//":
		return math.Floor(f / g)
	case "%":
		return f - g*math.Floor(f/g)
	}
	return math.Pow(f, g)
}

// percent is Python's "text %s" % values, for %s and %d.
func (r *run) percent(format string, v any) string {
	values := []any{v}
	if l, ok := v.(*List); ok {
		values = l.Items
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		switch i++; format[i] {
		case '%':
			b.WriteByte('%')
		case 's', 'd':
			if len(values) == 0 {
				r.fail("too few values for %q", format)
			}
			b.WriteString(r.show(values[0]))
			values = values[1:]
		default:
			r.fail("the format %q is not supported", format)
		}
		r.fits(b.String()[:min(b.Len(), maxOutput+1)])
	}
	return r.fits(b.String())
}
