package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// White space, letters and numbers as \s, \p{L} and \p{N} mean them; Go's engine has
// another \s and an older Unicode.
const (
	wsClass     = `\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}`
	letterClass = `\pL\x{2ebf0}-\x{2ee5d}`
)

// twin says what a pre-tokenizer does, as regular expressions.
type twin struct {
	// stages are applied one after the other; an empty string stands for heads.
	stages []string
	// heads are tried in this order at each place, and then \s+(?!\S)|\s+, which Go's
	// engine lacks and which is done by hand as its definition says: a longest match,
	// one given back.
	heads []string
}

func twins() map[string]twin {
	expand := strings.NewReplacer("WS", wsClass, "LL", letterClass, "OO", classOf(func(r rune) bool { return r >= utf8.RuneSelf && isLetter(r) }),
		"NH", classOf(func(r rune) bool { return isLetter(r) && !isHan(r) }), "HAN", `\x{3400}-\x{4dbf}\x{4e00}-\x{9fff}\x{f900}-\x{faff}\x{20000}-\x{2a6df}\x{2a700}-\x{2ebef}\x{2f800}-\x{2fa1f}`)
	fold := `'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL]{2}|'[dD]`
	llama3 := func(digits string) []string {
		return []string{fold, `[^\r\n\pNLL]?[LL]+`, digits, ` ?[^WS\pNLL]+[\r\n]*`, `[WS]*[\r\n]+`}
	}
	cased := func(digits, short string) []string {
		return []string{`[^\r\n\pNLL]?[A-ZOO]*[a-zOO]+` + short, `[^\r\n\pNLL]?[A-ZOO]+[a-zOO]*` + short, digits, ` ?[^WS\pNLL]+[\r\n/]*`, `[WS]*[\r\n]+`}
	}
	gpt2 := []string{`'s|'t|'re|'ve|'m|'ll|'d`, ` ?[LL]+`, ` ?\pN+`, ` ?[^WS\pNLL]+`}
	out := map[string]twin{
		"gpt-2":      {[]string{""}, gpt2},
		"llama-bpe":  {[]string{""}, llama3(`\pN{1,3}`)},
		"qwen2":      {[]string{""}, llama3(`\pN`)},
		"starcoder":  {[]string{`\pN`, ""}, gpt2},
		"default":    {[]string{`[\pP$+<=>^~|]+`, "", `\pN+`, `[0-9][0-9][0-9]`}, gpt2},
		"falcon":     {[]string{"[\\pP$+<=>^~|`]+", "", `[0-9][0-9][0-9]`}, gpt2},
		"bloom":      {[]string{` ?[^(WS|.,!?…。，、।۔،)]+`}, nil},
		"viking":     {[]string{` ?[^(WS|.,!?…。，、।۔،)]+`, `\pN`}, nil},
		"gpt-4o":     {[]string{""}, cased(`\pN{1,3}`, "(?:"+fold+")?")},
		"tekken":     {[]string{""}, cased(`\pN`, "")},
		"seed-coder": {[]string{""}, []string{fold, `[^\r\n\pNLL]?[LL]+`, `\pN`, ` ?[^WS\pNLL]+`, `[WS]*[\r\n]+`}},
		"minicpm5":   {[]string{`\pN{1,3}`, ""}, llama3(`\pN+`)},
		"kimi-k2":    {[]string{""}, []string{`[HAN]+`, `[^\r\n\pNLLHAN]?[NH]+(?:` + fold + `)?`, `\pN{1,3}`, ` ?[^WS\pNLL]+[\r\n]*`, `[WS]*[\r\n]+`}},
		"youtu": {[]string{`[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+`, ""},
			[]string{`[^\r\n\pNLL]?[\pMLL]+(?:` + fold + `)?`, `\pN`, ` ?[^WS\pNLL]+[\r\n/]*`, `[WS]*[\r\n]+`}},
		"deepseek-v3":    {[]string{`\pN{1,3}`, `[一-龥぀-ゟ゠-ヿ]+`, ""}, []string{"[!-/:-@\\[-`{-~][A-Za-z]+", `[^\r\n\pP\pSLL]?[\pMLL]+`, ` ?[\pP\pS]+[\r\n]*`, `[WS]*[\r\n]+`}},
		"deepseek-coder": {[]string{`[\r\n]`, `[WS]?[LL]+`, `[WS]?\pP+`, `CJK`, `\pN`}, nil},
		"deepseek-llm":   {[]string{`[\r\n]`, `[WS]?[` + letters() + `]+`, `[WS]?[!-/:-~！-／：-～‘-‟、。]+`, `[WS]+$`, `CJK`, `\pN+`}, nil},
	}
	for name, tw := range out {
		for i, s := range tw.stages {
			// what of ranges over white space llama.cpp does not see as such
			s = strings.ReplaceAll(s, "CJK", `(?:[一-龥ࠀ-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-一가-퟿]+)`)
			tw.stages[i] = expand.Replace(s)
		}
		heads := slices.Clone(tw.heads)
		for i := range heads {
			heads[i] = expand.Replace(heads[i])
		}
		tw.heads = heads
		out[name] = tw
	}
	return out
}

// classOf is the characters of a kind, as ranges.
func classOf(is func(rune) bool) string {
	var b strings.Builder
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if from := r; is(r) {
			for is(r + 1) {
				r++
			}
			fmt.Fprintf(&b, `\x{%x}-\x{%x}`, from, r)
		}
	}
	return b.String()
}

// letters is the table of DeepSeek's letters, as a class.
func letters() string {
	var b strings.Builder
	for _, r := range deepseekLetters {
		b.WriteString(string(r[0]) + "-" + string(r[1]))
	}
	return b.String()
}

// compile makes the slow splitter.
func (tw twin) compile() func(text string) []string {
	space := regexp.MustCompile(`^[` + wsClass + `]+`)
	var heads []*regexp.Regexp
	for _, h := range tw.heads {
		heads = append(heads, regexp.MustCompile("^(?:"+h+")"))
	}
	scan := func(text string) (out []string) {
		rest := "" // that nothing matches
		take := func() {
			if rest != "" {
				out = append(out, rest)
				rest = ""
			}
		}
		for text != "" {
			n := 0
			for _, re := range heads {
				if n = len(re.FindString(text)); n > 0 {
					break
				}
			}
			if n == 0 {
				m := space.FindString(text)
				n = len(m)
				if _, last := utf8.DecodeLastRuneInString(m); n > last && n < len(text) {
					n -= last
				}
			}
			if n == 0 {
				_, n = utf8.DecodeRuneInString(text)
				rest, text = rest+text[:n], text[n:]
				continue
			}
			take()
			out = append(out, text[:n])
			text = text[n:]
		}
		take()
		return out
	}
	var all []func(string) []string
	for _, s := range tw.stages {
		if s == "" {
			all = append(all, scan)
			continue
		}
		re := regexp.MustCompile(s)
		all = append(all, func(text string) (out []string) {
			at := 0
			for _, m := range re.FindAllStringIndex(text, -1) {
				if m[0] > at {
					out = append(out, text[at:m[0]])
				}
				out = append(out, text[m[0]:m[1]])
				at = m[1]
			}
			if at < len(text) {
				out = append(out, text[at:])
			}
			return out
		})
	}
	return func(text string) []string {
		pieces := []string{text}
		if text == "" {
			pieces = nil
		}
		for _, stage := range all {
			var next []string
			for _, p := range pieces {
				next = append(next, stage(p)...)
			}
			pieces = next
		}
		return pieces
	}
}

func checkSplit(t *testing.T, pre, text string, want []string) {
	t.Helper()
	split, err := SplitFunc(pre)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	split(text, func(s string) { got = append(got, s) })
	if !slices.Equal(got, want) {
		t.Fatalf("%s, %q:\n got %q\nwant %q", pre, text, got, want)
	}
}

func TestScannersEqualTheRegularExpressions(t *testing.T) {
	alphabet := []string{"a", "B", "é", "ß", "漢", "龥", "龦", "가", "ん", "ア", "1", "23", "٣", "½", "Ⅷ", " ", "  ", "\t", "\v", "\n", "\r\n", "\u00a0", "\u0085", "\u2003", "\u3000",
		"'", "'s", "LL", "re", "ſ", "!", "...", "$", "+", "`", "~", "_", "😀", "\u0301", "\u200b", "\u200d", "‘", "、", "ａ", "！", "Ж", "α", "ℵ", "\U0002ebf0", "\U0002ee5d", "㐀", "豈", "한", "ㄱ", "ㄅ", "ㄯ", "，", "、、", "…", "/", "’", "\ufa6e", "\u0903", "\U0002ee5e", "ك", "า", "\x00", "\u0378"}
	rng := rand.New(rand.NewPCG(3, 4))
	for pre, tw := range twins() {
		slow := tw.compile()
		for range 1000 {
			var b strings.Builder
			for range rng.IntN(12) {
				b.WriteString(alphabet[rng.IntN(len(alphabet))])
			}
			checkSplit(t, pre, b.String(), slow(b.String()))
		}
		for r := rune(0); r <= utf8.MaxRune; r += 1 + rune(rng.IntN(1500)) { // characters of all kinds, between others
			if utf8.ValidRune(r) {
				text := "a" + string(r) + " " + string(r) + "1" + string(r) + string(r)
				checkSplit(t, pre, text, slow(text))
			}
		}
	}
}

// Nothing is lost in long runs, where time must not grow with the square of the text.
func TestSplittingLongRuns(t *testing.T) {
	for pre := range twins() {
		split, err := SplitFunc(pre)
		if err != nil {
			t.Fatal(err)
		}
		for _, unit := range []string{" ", "\n", " \n", "a", "1", "!", "'", " a", "漢", "\u3000", "a1", "\xff"} {
			text := strings.Repeat(unit, 1<<16/len(unit))
			n := 0
			split(text, func(s string) { n += len(s) })
			if n != len(text) {
				t.Errorf("%s: of %d bytes of %q %d come out", pre, len(text), unit, n)
			}
		}
	}
}

func TestNamesOfPreTokenizers(t *testing.T) {
	for _, same := range [][]string{{"gpt-2", "phi-2", "olmo", "mpt"}, {"llama-bpe", "llama3", "llama-v3", "falcon3", "dbrx"}, {"qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "bailingmoe"}, {"bloom", "poro-chat", "gpt3-finnish"}, {"starcoder", "refact", "smollm"}} {
		tw := twins()[same[0]].compile()
		for _, pre := range same {
			for _, text := range []string{"It's 12345 o'clock!\n\n  Go  ", "HE'LL 漢字 x2"} {
				checkSplit(t, pre, text, tw(text))
			}
		}
	}
	for pre, want := range map[string]bool{"llama-bpe": true, "llama3": true, "dbrx": false, "gpt-2": false, "qwen2": false, "minicpm5": false, "youtu": false, "tekken": true} {
		if AddsBOS("gpt2", pre) != want {
			t.Errorf("%s adds BOS: %v, want %v", pre, !want, want)
		}
	}
	if !AddsBOS("llama", "default") {
		t.Error("llama does not add BOS")
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"It's 12345 o'clock!\n\n  Go  ", "\xff\xfe a", "é漢😀\u200d", "   \n\n x", "a\u3000 b", "‘12’"} {
		f.Add(s)
	}
	slow := map[string]func(string) []string{}
	for pre, tw := range twins() {
		slow[pre] = tw.compile()
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<10 {
			return
		}
		for pre, slow := range slow {
			if utf8.ValidString(text) { // Go's engine sees other bytes as we do, but cannot be given them in a class
				checkSplit(t, pre, text, slow(text))
				continue
			}
			split, err := SplitFunc(pre)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			split(text, func(s string) { b.WriteString(s) })
			if b.String() != text {
				t.Errorf("%s: %q comes out as %q", pre, text, b.String())
			}
		}
	})
}
