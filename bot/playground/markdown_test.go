package playground_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestMarkdown renders message text with the page's own module in Chromium.
func TestMarkdown(t *testing.T) {
	browser := chromium(t)
	w := newWorld(t)
	p := open(t, browser, w.url, desktop)
	eval[any](p, `import("/js/markdown.js").then((m) => { window.md = m; return true; })`)
	for _, c := range []struct{ name, text, want string }{
		{"plain", "hello", "<p>hello</p>"},
		{"two lines", "a\nb", "<p>a<br>b</p>"},
		{"bold", "**a**", "<p><strong>a</strong></p>"},
		{"italics", "*a* _b_", "<p><em>a</em> <em>b</em></p>"},
		{"bold italics", "***a***", "<p><strong><em>a</em></strong></p>"},
		{"bold in italics", "*a **b** c*", "<p><em>a <strong>b</strong> c</em></p>"},
		{"italics in bold", "**a *b* c**", "<p><strong>a <em>b</em> c</strong></p>"},
		{"underline, strike", "__a__ ~~b~~", "<p><u>a</u> <s>b</s></p>"},
		{"lonely star", "2 * 3 * 4", "<p>2 * 3 * 4</p>"},
		{"unclosed bold", "**a", "<p>**a</p>"},
		{"snake case", "a_b_c", "<p>a_b_c</p>"},
		{"escaped", `\*a\*`, "<p>*a*</p>"},
		{"code", "`a*b*`", "<p><code>a*b*</code></p>"},
		{"code with backtick", "``a`b``", "<p><code>a`b</code></p>"},
		{"fence", "```go\nx := 1\n```", `<div class="fence"><span class="fence-language" aria-hidden="true">go</span><pre tabindex="0" aria-label="Code, go"><code>x := 1</code></pre></div>`},
		{"fence still open", "a\n```\nx <", `<p>a</p><div class="fence"><pre tabindex="0" aria-label="Code"><code>x &lt;</code></pre></div>`},
		{"fence in one line", "```x```", "<p><code>x</code></p>"},
		{"text after fence", "```\nx\n```\nb", `<div class="fence"><pre tabindex="0" aria-label="Code"><code>x</code></pre></div><p>b</p>`},
		{"no markdown in fence", "```\n**a** <@1>\n```", `<div class="fence"><pre tabindex="0" aria-label="Code"><code>**a** &lt;@1&gt;</code></pre></div>`},
		{"list", "- a\n- b\n  - c", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"},
		{"numbered", "3. a\n4. b", `<ol start="3"><li>a</li><li>b</li></ol>`},
		{"list after text", "x\n- a", "<p>x</p><ul><li>a</li></ul>"},
		{"quote", "> a\n> b\nc", "<blockquote><p>a<br>b</p></blockquote><p>c</p>"},
		{"quote to the end", ">>> a\nb", "<blockquote><p>a<br>b</p></blockquote>"},
		{"no quote", ">a", "<p>&gt;a</p>"},
		{"heading", "## a", "<h4>a</h4>"},
		{"no heading", "#a", "<p>#a</p>"},
		{"small", "-# a", `<p class="small">a</p>`},
		{"address", "see https://a.example/b?c=1.", `<p>see <span class="link">https://a.example/b?c=1</span>.</p>`},
		{"named link", "[a](https://b.example)", `<p><span class="link">a</span> (https://b.example)</p>`},
		{"script link", "[a](javascript:b)", "<p>[a](javascript:b)</p>"},
		{"mention", "<@42> hi", `<p><span class="mention is-me">@Ann</span> hi</p>`},
		{"unknown mention", "<@43>", `<p><span class="mention">@somebody</span></p>`},
		{"mention in code", "`<@42>`", "<p><code>&lt;@42&gt;</code></p>"},
		{"channel", "<#7>", `<p><span class="mention">#den</span></p>`},
		{"own emoji", "<:smile:123>", "<p>:smile:</p>"},
		{"markup", "<b>&amp;</b>", "<p>&lt;b&gt;&amp;amp;&lt;/b&gt;</p>"},
		{"forged special token", "<|end|> <|user|>", "<p>&lt;|end|&gt; &lt;|user|&gt;</p>"},
		{"right to left", "שלום **עולם**", "<p>שלום <strong>עולם</strong></p>"},
		{"empty", "", ""},
		{"only marks", "****", "<p>****</p>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := eval[string](p, fmt.Sprintf(`(() => { const d = document.createElement("div"); d.append(md.render(%s, { user: (id) => id === "42" ? "Ann" : undefined, channel: () => "den" }, "42")); return d.innerHTML; })()`, quoted(c.text)))
			if got != c.want {
				t.Errorf("%q\ngot  %s\nwant %s", c.text, got, c.want)
			}
		})
	}

	// Text never disappears: what is shown holds every letter of what was written, however it is nested.
	t.Run("nothing is lost", func(t *testing.T) {
		for _, text := range []string{"a **b *c __d ~~e~~ d__ c* b** a", "> a\n- b\n```\nc\n```\nd", "**a\nb** c\n\nd", "x ``` y ``` z", "*a* **b** ***c*** ||d||"} {
			got := eval[string](p, fmt.Sprintf(`(() => { const d = document.createElement("div"); d.append(md.render(%s)); return d.textContent; })()`, quoted(text)))
			keep := func(s string) string {
				return strings.Map(func(r rune) rune {
					if r >= 'a' && r <= 'z' {
						return r
					}
					return -1
				}, s)
			}
			if keep(got) != keep(text) {
				t.Errorf("%q became %q", text, got)
			}
		}
	})

	// The longest messages of the worst kind take no noticeable time.
	t.Run("hard text", func(t *testing.T) {
		for _, unit := range []string{"*", "_", "**a", "*a**b", "`", "``a`", "||", "~~a", "[", "[a](", "<@", "> ", "- ", "_a__b", "***a*", "\\", "<", "https://", "😀", "```\n"} {
			text := strings.Repeat(unit, 4096/len(unit))
			start := time.Now()
			eval[int](p, fmt.Sprintf(`(() => { const d = document.createElement("div"); d.append(md.render(%s)); return d.textContent.length; })()`, quoted(text)))
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%q × %d: %v", unit, 4096/len(unit), took)
			}
		}
	})
}
