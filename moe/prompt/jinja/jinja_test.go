package jinja

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

// What Python's jinja2 3.1 makes of the same, with trim_blocks, lstrip_blocks, loop
// controls and the tojson of the transformers library.
var rendered = []struct{ src, want string }{
	{`{{ 1 + 2 * 3 }}|{{ 7 // 2 }}|{{ -7 // 2 }}|{{ -7 % 3 }}|{{ 7 / 2 }}|{{ 2 ** 10 }}|{{ 1.5e3 }}`, "7|3|-4|2|3.5|1024|1500.0"},
	{`{{ 'a' ~ 1 ~ none }}|{{ 'ab' * 3 }}|{{ [1] + [2, 'x'] }}|{{ {'a': 1, 'b': [true, none]} }}`, "a1None|ababab|[1, 2, 'x']|{'a': 1, 'b': [True, None]}"},
	{`{{ 1 < 2 < 3 }}|{{ 1 < 2 > 3 }}|{{ not 1 == 2 }}|{{ 'b' in 'abc' }}|{{ 4 not in [1, 2] }}|{{ 'k' in {'k': 1} }}`, "True|False|True|True|True|True"},
	{`{{ x.y if x is defined else 'none' }}|{{ 'yes' if true }}|{{ 'yes' if false }}|{{ 1 if false else 2 if false else 3 }}`, "none|yes||3"},
	{`{{ 'hello'[1:3] }}|{{ 'hello'[::-1] }}|{{ 'hello'[-2:] }}|{{ [1,2,3,4][1::2] }}|{{ [1,2,3][-1] }}|{{ 'häß'[1] }}|{{ [1,2,3][5] }}|{{ [1,2,3][::-2] }}`, "el|olleh|lo|[2, 4]|3|ä||[3, 1]"},
	{`{% for i in range(3) %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.previtem }},{% endfor %}`, "1TrueFalse,2FalseFalse0,3FalseTrue1,"},
	{`{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% else %}none{% endfor %}{% for x in [] %}x{% else %}empty{% endfor %}`, "a=1;b=2;empty"},
	{`{% for i in range(10) if i % 2 %}{% if i == 7 %}{% break %}{% endif %}{% if i == 3 %}{% continue %}{% endif %}{{ i }}{% endfor %}`, "15"},
	{`{% set a = 1 %}{% for i in [1,2] %}{% set a = i + 10 %}{{ a }}{% endfor %}{{ a }}`, "11121"},
	{`{% set ns = namespace(n=0) %}{% for i in [1,2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}`, "3"},
	{`{% set t %}  x{{ 1 }}  {% endset %}[{{ t }}]{% set u | trim %}  y {% endset %}[{{ u }}]`, "[  x1  ][y]"},
	{`{% macro m(a, b='d', c=none) %}<{{ a }}{{ b }}{{ c }}>{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(1, c=3) }}{{ m(b=5, a=4) }}`, "<1dNone><12None><1d3><45None>"},
	{`{{ '  x y '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'a,b,c'.split(',') }}|{{ ' a  b '.split() }}|{{ 'a-b-c'.split('-', 1) }}|{{ 'a-b-c'.rsplit('-', 1)[0] }}`, "x y|a|['a', 'b', 'c']|['a', 'b']|['a', 'b-c']|a-b"},
	{`{{ 'Abc'.startswith('A') }}|{{ 'Abc'.endswith(('x', 'c')) }}|{{ 'abc'.upper() }}|{{ 'it is'.title() }}|{{ 'aXbX'.replace('X', '-') }}|{{ '{} and {}'.format('a', 2) }}|{{ ','.join(['a', 'b']) }}`, "True|True|ABC|It Is|a-b-|a and 2|a,b"},
	{`{{ ' x ' | trim }}|{{ 'abc' | length }}|{{ [3,1,2] | sort | join(',') }}|{{ ['b', 'a'] | first }}|{{ x | default('d') }}|{{ '' | default('e', true) }}|{{ 'a b' | replace(' ', '_') | upper }}`, "x|3|1,2,3|b|d|e|A_B"},
	{`{{ {'b': 1, 'a': "ü\"\n"} | tojson }}|{{ [1, {'x': []}] | tojson(indent=2) }}|{{ {'b': 1, 'a': 2} | dictsort | map('join', '=') | join(',') }}`, "{\"b\": 1, \"a\": \"ü\\\"\\n\"}|[\n  1,\n  {\n    \"x\": []\n  }\n]|a=2,b=1"},
	{`{{ [{'n': 'a', 'ok': true}, {'n': 'b', 'ok': false}] | selectattr('ok') | map(attribute='n') | list }}|{{ [1,2,3] | reject('odd') | list }}|{{ ['a','b'] | map('upper') | join }}|{{ [{'r': 'u'}, {'r': 'a'}] | rejectattr('r', 'equalto', 'u') | list | length }}`, "['a']|[2]|AB|1"},
	{`{{ 'a\nb' | indent(2) }}|{{ 'a\nb' | indent(2, true) }}|{{ '3' | int + 1 }}|{{ 'x' | int }}|{{ 2.5 | int }}|{{ -3 | abs }}`, "a\n  b|  a\n  b|4|0|2|3"},
	{`{{ 1 is number }}{{ 'a' is string }}{{ {} is mapping }}{{ [] is iterable }}{{ none is none }}{{ x is not defined }}{{ true is boolean }}{{ 3 is odd }}{{ 4 is divisibleby 2 }}{{ 'a' is in ['a'] }}{{ false is false }}`, "TrueTrueTrueTrueTrueTrueTrueTrueTrueTrueTrue"},
	{`{{ "a" "b" }}|{{ 'tab\tquote\'' }}|{{ "\u00e4" }}|{{ 'no \d escape' }}`, "ab|tab\tquote'|ä|no \\d escape"},
	{`a {%- if true %} b {%- endif %} c|{{- ' d ' -}} | e {#- gone -#} f`, "a b c| d | ef"},
	{`{% filter upper %}abc{{ 1 }}{% endfilter %}{% generation %}said{% endgeneration %}`, "ABC1said"},
	{`{{ {'a': {'b': [10, 20]}}.a.b[1] }}|{{ {'items': 1}['items'] }}|{{ {'x': 1}.get('y', 'z') }}|{{ {'a': 1}.get('q') }}`, "20|1|z|None"},
	{`{{ (1, 2) | length }}|{{ [] is defined and not [] }}|{{ 'x' or 'y' }}|{{ '' or 'y' }}|{{ none and 1 }}`, "2|True|x|y|None"},
	{`{{ x }}|{{ "%s is %d" % ('a', 3) }}|{{ 10 | string + '!' }}|{{ true }}|{{ [1, 1, 2] | unique | list }}`, "|a is 3|10!|True|[1, 2]"},
	{`{% for a, b in [(1, 2), (3, 4)] %}{{ a + b }} {% endfor %}{% for x in 'ab' %}{{ x }}.{% endfor %}{{ 1.0 }} {{ 0.1 }} {{ 1e20 }}`, "3 7 a.b.1.0 0.1 1e+20"},
	{`{% if false %}a{% elif 1 %}b{% else %}c{% endif %}{{ -2 ** 2 }}{{ +3 }}{{ not false }}`, "b43True"},
	{"  {% if true %}\n  line\n  {% endif %}\nend\n{%+ if true %}x{% endif +%}\ny{% raw %}{{ not {% this %} }}{% endraw %}z", "  line\nend\nx\ny{{ not {% this %} }}z"},
}

func TestRender(t *testing.T) {
	for _, tc := range rendered {
		tmpl, err := Parse(tc.src)
		if err != nil {
			t.Errorf("%q: %v", tc.src, err)
			continue
		}
		got, err := tmpl.Render(nil)
		if err != nil {
			t.Errorf("%q: %v", tc.src, err)
		} else if got != tc.want {
			t.Errorf("%q renders as\n     %q\nwant %q", tc.src, got, tc.want)
		}
	}
}

func TestValues(t *testing.T) {
	messages := NewList(NewDict("role", "user", "content", "hi"), NewDict("role", "assistant", "content", "ho", "n", int64(3)))
	tmpl, err := Parse("{% for m in messages %}{{ m.role }}:{{ m['content'] }}{% if m.n %}{{ m.n + 1 }}{% set _ = m.update({'n': 9}) %}{% endif %};{% endfor %}{{ now('%Y') }}")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time with the same values
		got, err := tmpl.Render(map[string]any{"messages": messages, "now": Func(func(args []any) (any, error) { return "year " + args[0].(string), nil })})
		if want := "user:hi;assistant:ho4;year %Y"; err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	_, err = tmpl.Render(map[string]any{"messages": messages, "now": Func(func([]any) (any, error) { return nil, errors.New("no time") })})
	if err == nil || !strings.Contains(err.Error(), "no time") {
		t.Errorf("a function that fails gives %v", err)
	}
}

func TestSyntaxErrorsSayWhere(t *testing.T) {
	for src, want := range map[string]string{
		"a\n{% include 'x' %}":                   "line 2: the tag \"include\" is not supported",
		"{{ 1 | frobnicate }}":                   "the filter \"frobnicate\" is not supported",
		"{{ 1 is frobnicated }}":                 "the test \"frobnicated\" is not supported",
		"{% if x %}\n\n":                         "line 2: the template ends where \"endif\" should be",
		"{{ 1 + }}":                              "the tag's end where an expression should be",
		"{{ 'x }}":                               "a string has no end",
		"{{ x":                                   "a tag has no end",
		"{# x":                                   "a comment has no end",
		"{% raw %}x":                             "a raw block has no end",
		"{{ $ }}":                                "unexpected '$'",
		"{% endif %}":                            "the tag \"endif\" is not supported",
		"{% break %}":                            "break outside of a loop",
		"{{ f(a=1, 2) }}":                        "an argument without a name",
		"{% for x in y recursive %}{% endfor %}": "recursive loops",
		"{{ " + strings.Repeat("(", 1000) + "1" + strings.Repeat(")", 1000) + " }}": "nested too deep",
		"{{ 1 " + strings.Repeat(" if a", 9000) + " }}":                             "too many parts",
		"{{ 99999999999999999999 }}":                                                "too large",
	} {
		_, err := Parse(src)
		var se *SyntaxError
		if !errors.As(err, &se) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", src, err, want)
		}
	}
}

// However many tags a raw block seems to have, it is read once.
func TestRawBlocksAreReadOnce(t *testing.T) {
	const n = 1 << 20
	many, blanks := strings.Repeat("{%", n), strings.Repeat(" ", n)
	for name, src := range map[string]string{"no end": "{% raw %}" + many, "one end": "{% raw %}" + many + "%}", "blanks before the end": "{% raw %}" + many + "x" + blanks + "%}"} {
		start := time.Now()
		if _, err := Parse(src); err == nil || !strings.Contains(err.Error(), "a raw block has no end") {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > 5*time.Second { // once takes milliseconds, again for each tag minutes
			t.Errorf("%s: %d bytes took %v", name, len(src), took)
		}
	}
	for src, want := range map[string]string{
		"{% raw %}{% a {% endraw %}b":       "{% a b",
		"{% raw %}a {%} {% endraw %}b":      "a {%} b",
		"{% raw %}a %} {%- endraw %}b":      "a %}b",
		"{% raw %}{%%}{% x %}{% endraw %}b": "{%%}{% x %}b",
	} {
		tmpl, err := Parse(src)
		if err != nil {
			t.Errorf("%q: %v", src, err)
			continue
		}
		if got, err := tmpl.Render(nil); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", src, got, err, want)
		}
	}
}

func TestRenderingIsLimited(t *testing.T) {
	for src, want := range map[string]string{
		"{{ raise_exception('roles must alternate') }}":                                                       "roles must alternate",
		"{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}":                     "more than",
		"{% set n = namespace(s='xxxxxxxx') %}{% for i in range(100) %}{% set n.s = n.s ~ n.s %}{% endfor %}": "a string of more than",
		"{{ 'x' * 999999999999 }}":                        "a string of more than",
		"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "macros call each other",
		"{{ range(999999999) }}":                          "a range from",
		"{{ x.y }}":                                       "x is undefined",
		"{{ 1 // 0 }}":                                    "division by zero",
		"{{ 'a' + 1 }}":                                   "str + int",
		"{{ 'a' < 1 }}":                                   "no order",
		"{{ f() }}":                                       "undefined (f) is called",
		"{% for x in 3 %}{% endfor %}":                    "cannot be gone through",
		"{% set l = [1] %}{% set _ = l.append(l) %}{{ l }}":                                                "too large to be written",
		"{% set l = [1] %}{% set m = [1] %}{% set _ = l.append(l) %}{% set _ = m.append(m) %}{{ l == m }}": "nested too deep",
		"{% set l = [1] %}{% set _ = l.append(l) %}{{ l | tojson }}":                                       "too large for JSON",
		"{% for i in [1] %}{% set x.y = 1 %}{% endfor %}":                                                  "only possible for a namespace",
	} {
		tmpl, err := Parse(src)
		if err != nil {
			t.Errorf("%q: %v", src, err)
			continue
		}
		_, err = tmpl.Render(nil)
		var re *RunError
		if !errors.As(err, &re) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", src, err, want)
		}
	}
}

// What is read and made counts, so that a template can take neither memory nor time
// without end.
func TestWhatIsReadAndMadeCounts(t *testing.T) {
	steps := func(what string) int {
		tmpl, err := Parse("{% set s = 'xY ' * 10000 %}{% set t = s ~ '' %}{% set l = range(30000) | list %}{% set d = {} %}{% for i in range(500) %}{% set _ = d.update({i ~ '': i}) %}{% endfor %}{% set _ = " + what + " %}")
		if err != nil {
			t.Fatal(err)
		}
		r := &run{out: &strings.Builder{}, globals: &scope{values: maps.Clone(globals)}}
		defer catch(&err)
		r.all(tmpl.body, r.globals)
		return r.steps
	}
	idle := steps("0")
	for _, what := range []string{"s | upper", "s | lower", "s | title", "s | capitalize", "s | trim", "s | escape", "s | wordcount", "s | length", "s | int", "s is upper", "s.upper()", "s.title()", "s.strip()",
		"'x'.strip(s)", "s.isspace()", "[s] | map('upper') | list", "[s] | select('upper') | list", "[s, t] | sort", "s == t", "s < t", "[s] in [[t]]", "l | list", "l | reverse", "l | sort", "d | list", "d.keys()", "d.values()",
		"namespace(d)", "dict(d)", "d.pop('7')", "l.insert(0, 1)", "l.pop(0)"} {
		if n := steps(what) - idle; n < 60 {
			t.Errorf("%s counts as %d steps", what, n)
		}
	}
}

// Any template must be refused or render within the limits, or fail with an error.
func FuzzRender(f *testing.F) {
	for _, tc := range rendered {
		f.Add(tc.src)
	}
	values := map[string]any{"messages": NewList(NewDict("role", "user", "content", "hi")), "add_generation_prompt": true}
	f.Fuzz(func(t *testing.T, src string) {
		tmpl, err := Parse(src)
		if err != nil {
			var se *SyntaxError
			if !errors.As(err, &se) {
				t.Fatalf("%q: %T %v", src, err, err)
			}
			return
		}
		out, err := tmpl.Render(values)
		var re *RunError
		if err != nil && !errors.As(err, &re) || len(out) > maxOutput {
			t.Fatalf("%q: %T %v, %d bytes", src, err, err, len(out))
		}
	})
}
