package discord

import (
	"strings"
	"testing"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSplit(t *testing.T) {
	words := strings.TrimSpace(strings.Repeat("word ", 350))
	code := strings.TrimSpace(strings.Repeat("x := compute()\n", 180))
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "  \n", nil},
		{"short", "hi", []string{"hi"}},
		{"exactly full", strings.Repeat("a", 2000), []string{strings.Repeat("a", 2000)}},
		{"one too many", strings.Repeat("a", 2001), []string{strings.Repeat("a", 1996), strings.Repeat("a", 5)}},
		{"at a paragraph", words + "\n\n" + words, []string{words, words}},
		{"emoji count double", strings.Repeat("😀", 1001), []string{strings.Repeat("😀", 998), strings.Repeat("😀", 3)}},
		{"a family stays together", strings.Repeat("a", 1990) + "👨‍👩‍👧‍👦b", []string{strings.Repeat("a", 1990), "👨‍👩‍👧‍👦b"}},
		{"an open fence is closed", "look:\n```go\nx := 1", []string{"look:\n```go\nx := 1\n```"}},
	} {
		if d := cmp.Diff(tc.want, split(tc.text)); d != "" {
			t.Errorf("%s: %s", tc.name, d)
		}
	}
	parts := split("Here:\n```go\n" + code + "\n```\nThat is all.")
	if len(parts) != 2 || !strings.HasSuffix(parts[0], "compute()\n```") || !strings.HasPrefix(parts[1], "```go\nx := compute()") || !strings.HasSuffix(parts[1], "```\nThat is all.") {
		t.Errorf("code is split into %q", parts)
	}
}

// letters is what a text says without blanks and fences, which split may move.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '\n' || r == '`' {
			return -1
		}
		return r
	}, s)
}

func TestSplitProperties(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "word ", "\n", "\n\n", ". ", "😀", "👨‍👩‍👧‍👦", "e\u0301", "漢字", "```\n", "\n```\n", "`", "- item\n", strings.Repeat("long", 90), strings.Repeat("w ", 200), strings.Repeat("\u0301", 50)})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 60).Draw(t, "text"), "")
		parts := split(text)
		var all strings.Builder
		for i, p := range parts {
			if n := length(p); n > 2000 || n == 0 {
				t.Fatalf("part %d has %d units", i, n)
			}
			if strings.Count(p, "```")%2 != 0 && !strings.Contains(text, "````") && !strings.Contains(text, "``` ```") {
				t.Fatalf("part %d has unbalanced fences: %q of %q", i, p, text)
			}
			all.WriteString(p)
		}
		if letters(all.String()) != letters(text) {
			t.Fatalf("parts say %q, the text %q", letters(all.String()), letters(text))
		}
	})
}

// A text without blanks is cut between characters as people see them.
func TestSplitKeepsCharactersWhole(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "😀", "👨‍👩‍👧‍👦", "e\u0301", "漢字", "🇩🇪", "नि", strings.Repeat("x", 300), strings.Repeat("👍🏽", 40)})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 80).Draw(t, "text"), "")
		var got []string
		parts := split(text)
		for _, p := range parts {
			got = append(got, clusters(p)...)
		}
		if strings.Join(parts, "") != text || strings.Join(got, "|") != strings.Join(clusters(text), "|") {
			t.Fatalf("%q is cut into %q", text, parts)
		}
	})
}

func clusters(s string) (out []string) {
	for c := graphemes.FromString(s); c.Next(); {
		out = append(out, c.Value())
	}
	return out
}

func FuzzSplit(f *testing.F) {
	f.Add(strings.Repeat("a b\n", 900))
	f.Add("```" + strings.Repeat("`", 4000))
	f.Add("```go\nfunc main() {}\n```\n" + strings.Repeat("and so on. ", 400))
	f.Add(strings.Repeat("- a point\n> a quote\n", 300))
	f.Fuzz(func(t *testing.T, text string) {
		parts := split(text)
		for _, p := range parts {
			if n := length(p); n > 2000 || n == 0 {
				t.Errorf("a part of %d units", n)
			}
			// each part by itself: a fence that a text opens once is closed in each
			if strings.Count(text, "```") <= 1 && strings.Count(p, "```")%2 != 0 && len(parts) > 1 && !strings.Contains(text, "````") {
				t.Errorf("a part with half a fence: %q", p)
			}
		}
		words := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if joined := strings.Join(parts, ""); !strings.Contains(text, "```") && words(joined) != words(text) {
			t.Errorf("parts say %q, the text %q", joined, text)
		}
	})
}
