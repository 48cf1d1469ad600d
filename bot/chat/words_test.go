package chat

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestWords(t *testing.T) {
	for _, c := range []struct {
		words, text, want string
		in                bool
	}{
		{"moe", "Hello Moe!", `Hello \*\*\*!`, true},
		{"moe", "MOE's", `\*\*\*'s`, true},
		{"moe", "smoet moet moes amoe moe2 moe_", "smoet moet moes amoe moe2 moe_", false},
		{"art", "party", "party", false},
		{"straße", "STRAßE", `\*\*\*`, true},
		{"éclair", "an E\u0301CLAIR", `an \*\*\*`, true}, // decomposed
		{"moe", "ｍｏｅ", `\*\*\*`, true},                   // wide
		{"moe", "m\u200bo\u2060e", `\*\*\*`, true},       // invisible characters
		{"good bot", "a good \n  BOT.", `a \*\*\*.`, true},
		{"good bot", "goodbot", "goodbot", false},
		{"小狐狸", "你好小狐狸在吗", `你好\*\*\*在吗`, true},
		{"bot", "你好bot在吗", `你好\*\*\*在吗`, true},
		{"狐狸,小狐狸", "小狐狸", `\*\*\*`, true},      // the longest from where it begins
		{"1", "a ½ and", `a \*\*\* and`, true}, // one character that is compared as three
		{"1,2", "½", `\*\*\*`, true},
		{"1⁄2", "a ½ and", `a \*\*\* and`, true},
		{"キロ", "5㌕.", `5\*\*\*.`, true},
		{"キロ,グラム", "㌕", `\*\*\*`, true},
		{"σας", "ΣΑΣ", `\*\*\*`, true},
		{"İ", "i̇", `\*\*\*`, false},
		{"ок", "Ок, окно", `\*\*\*, окно`, true},
		{"c++", "I like C++!", `I like \*\*\*!`, true},
		{"a,b", "a b a", `\*\*\* \*\*\* \*\*\*`, true},
		{"", "anything", "anything", false},
		{"x", "", "", false},
	} {
		w := FindWords(strings.Split(c.words, ","))
		if c.words == "İ" { // Turkish case is not guessed; only that nothing breaks
			w.Mask(c.text)
			continue
		}
		if got := w.Mask(c.text); got != c.want || w.In(c.text) != c.in {
			t.Errorf("%q in %q: %v, %q; want %v, %q", c.words, c.text, w.In(c.text), got, c.in, c.want)
		}
	}
}

// FuzzWords: what is shown on the way is the beginning of what is shown in the end, and
// no word is found in what was masked.
func FuzzWords(f *testing.F) {
	f.Add("bad,worse thing", "a bad worse  thing badge")
	f.Add("狐狸", "小狐狸 bad\u200b")
	f.Add("e\u0301", "e\u0301\u0301 é")
	f.Add("\u0301", "éҁ \u0301\u0301éҁ é")
	f.Fuzz(func(t *testing.T, words, text string) {
		if !utf8.ValidString(text) || !utf8.ValidString(words) {
			return
		}
		w := FindWords(strings.Split(words, ","))
		whole := w.Mask(text)
		if w.In(text) != (whole != text) && !strings.Contains(text, `\*\*\*`) {
			t.Fatalf("%q in %q: %v, but masked it is %q", words, text, w.In(text), whole)
		}
		if w.In(whole) && !expands(text) && !strings.ContainsAny(norm.NFKC.String(words), `\*`) {
			t.Fatalf("%q in %q is in %q, too", words, text, whole)
		}
		if so := w.SoFar(text); !utf8.ValidString(so) {
			t.Fatalf("%q on the way is %q", text, so)
		}
		for i := range text {
			if so := w.SoFar(text[:i]); !strings.HasPrefix(whole, so) && norm1(text) {
				t.Fatalf("%q in %q: on the way %q, in the end %q", words, text, so, whole)
			}
		}
	})
}

// expands reports whether a character of a text is compared as several: all of it is
// masked, and what was joined to it may be a word then.
func expands(text string) bool {
	t := spread(text)
	for i := range t {
		if i > 0 && t[i].from == t[i-1].from {
			return true
		}
	}
	return false
}

// norm1 leaves out texts in which a later character changes one long before: more
// marks on one letter than anybody writes.
func norm1(text string) bool {
	marks := 0
	for _, r := range spread(text) {
		if ofWord(r.r) && !('a' <= r.r && r.r <= 'z') {
			marks++
		}
	}
	return marks < 30
}
