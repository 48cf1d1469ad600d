package jinja

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// jsonStyle is how a value is written; an indent below 0 is all in one line.
type jsonStyle struct {
	indent   int
	sortKeys bool
	ascii    bool
}

// json writes a value as Python's json.dumps does.
func (r *run) json(v any, style jsonStyle) string {
	var b strings.Builder
	r.writeJSON(&b, v, 0, style)
	return r.fits(b.String())
}

func (r *run) writeJSON(b *strings.Builder, v any, depth int, style jsonStyle) {
	r.spend(1)
	if depth > maxDepth || b.Len() > maxOutput {
		r.fail("a value is too large for JSON")
	}
	line := func(depth int) {
		if style.indent >= 0 {
			b.WriteString("\n" + strings.Repeat(" ", style.indent*depth))
		}
	}
	comma := func(i int) {
		if i > 0 {
			if b.WriteByte(','); style.indent < 0 {
				b.WriteByte(' ')
			}
		}
		line(depth + 1)
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(showFloat(v))
	case string:
		r.spend(len(v) / 64)
		writeJSONString(b, v, style.ascii)
	case *List:
		b.WriteByte('[')
		for i, x := range v.Items {
			comma(i)
			r.writeJSON(b, x, depth+1, style)
		}
		if len(v.Items) > 0 {
			line(depth)
		}
		b.WriteByte(']')
	case *Dict:
		keys := v.keys
		if style.sortKeys {
			keys = slices.Sorted(slices.Values(keys))
		}
		b.WriteByte('{')
		for i, k := range keys {
			comma(i)
			writeJSONString(b, k, style.ascii)
			b.WriteString(": ")
			r.writeJSON(b, v.values[k], depth+1, style)
		}
		if len(keys) > 0 {
			line(depth)
		}
		b.WriteByte('}')
	default:
		r.fail("%s cannot be written as JSON", kind(v))
	}
}

func writeJSONString(b *strings.Builder, s string, ascii bool) {
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\b':
			b.WriteString(`\b`)
		case c == '\f':
			b.WriteString(`\f`)
		case c < ' ', ascii && c > '~' && c < 1<<16:
			fmt.Fprintf(b, `\u%04x`, c)
		case ascii && c > '~':
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
}

// fromJSON reads JSON, keys in their order.
func (r *run) fromJSON(s string) any {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	v := r.readJSON(d, 0)
	if d.More() {
		r.fail("more than one value where JSON should be")
	}
	return v
}

func (r *run) readJSON(d *json.Decoder, depth int) any {
	r.spend(1)
	t, err := d.Token()
	if err != nil || depth > maxDepth {
		r.fail("no JSON that can be read")
	}
	switch t := t.(type) {
	case json.Delim:
		var out any
		if t == '[' {
			l := &List{}
			for d.More() {
				l.Items = append(l.Items, r.readJSON(d, depth+1))
			}
			out = l
		} else {
			o := NewDict()
			for d.More() {
				k, ok := r.readJSON(d, depth+1).(string)
				if !ok {
					r.fail("no JSON that can be read")
				}
				o.Set(k, r.readJSON(d, depth+1))
			}
			out = o
		}
		if _, err := d.Token(); err != nil {
			r.fail("no JSON that can be read")
		}
		return out
	case json.Number:
		if i, err := t.Int64(); err == nil {
			return i
		}
		f, _ := t.Float64()
		return f
	case nil:
		return nil
	}
	return t // a bool or a string
}
