package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// smallSPM has bytes, characters, some words and special tokens.
func smallSPM() Spec {
	s := Spec{Model: "llama", BOS: 1, EOS: 2, EOT: -1, Pad: -1}
	add := func(k Kind, score float32, tokens ...string) {
		for _, tok := range tokens {
			s.Tokens, s.Kinds, s.Scores = append(s.Tokens, tok), append(s.Kinds, k), append(s.Scores, score)
		}
	}
	add(Unknown, 0, "<unk>")
	add(Control, 0, "<s>", "</s>")
	for b := range 256 {
		add(Byte, 0, fmt.Sprintf("<0x%02X>", b))
	}
	for i, tok := range []string{"▁▁", "ab", "bc", "abc", "▁a", "▁ab", "ca", "</", "s>", "é▁", "漢字", "aa", "aaa"} {
		add(Normal, -float32(i%7), tok)
	}
	add(Normal, -1000, "▁", "a", "b", "c", "é", "漢", "字", "<", "/", "s", ">")
	add(UserDefined, 0, "@@")
	return s
}

// slowSPM merges by the definition: again and again the best-scored pair, leftmost first.
func slowSPM(s Spec, text string) (ids []int32) {
	find := map[string]int{}
	for i, tok := range s.Tokens {
		if s.Kinds[i] != Control && s.Kinds[i] != Unknown {
			find[tok] = i
		}
	}
	var sym []string
	for _, r := range strings.ReplaceAll(" "+text, " ", "▁") {
		sym = append(sym, string(r))
	}
	for {
		best, at := float32(0), -1
		for i := 0; i+1 < len(sym); i++ {
			if id, ok := find[sym[i]+sym[i+1]]; ok && (at < 0 || s.Scores[id] > best) {
				best, at = s.Scores[id], i
			}
		}
		if at < 0 {
			break
		}
		sym = slices.Replace(sym, at, at+2, sym[at]+sym[at+1])
	}
	for _, x := range sym {
		if id, ok := find[x]; ok {
			ids = append(ids, int32(id))
			continue
		}
		for i := range len(x) {
			ids = append(ids, int32(3+int(x[i])))
		}
	}
	return ids
}

func TestSPMEqualsItsDefinition(t *testing.T) {
	s := smallSPM()
	tok := mustNew(t, s)
	units := []string{"a", "b", "c", "aa", "abc", " ", "  ", "é", "漢", "字", "x", "😀", "</s>", "\n"}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		var b strings.Builder
		for range 1 + rng.IntN(20) {
			b.WriteString(units[rng.IntN(len(units))])
		}
		text := b.String()
		got := tok.Encode(text, false)
		if want := slowSPM(s, text); !slices.Equal(got, want) {
			t.Fatalf("%q:\n got %v\nwant %v", text, got, want)
		}
		if back := tok.Decode(got); back != text {
			t.Fatalf("%q decodes to %q", text, back)
		}
	}
}

func TestSPMBlanks(t *testing.T) {
	s := smallSPM()
	for _, tc := range []struct {
		noPrefix bool
		text     string
		special  bool
		want     []string
		decoded  string
	}{
		{false, "", false, nil, ""},
		{false, "ab", false, []string{"▁ab"}, "ab"},
		{true, "ab", false, []string{"ab"}, "ab"},
		{false, " ab", false, []string{"▁▁", "ab"}, " ab"},
		{false, "</s>", false, []string{"▁", "</", "s>"}, "</s>"}, // never the control token
		{false, "ab</s>ab<s>", true, []string{"▁ab", "</s>", "▁ab", "<s>"}, "abab"},
		{true, "ab</s>ab", true, []string{"ab", "</s>", "ab"}, "abab"},
		{false, "ab@@ab", false, []string{"▁ab", "@@", "▁ab"}, "ab@@ab"},
		{false, "x", false, []string{"▁", "<0x78>"}, "x"},
		{false, "\xff", false, []string{"▁", "<0xFF>"}, "\xff"},
	} {
		s.NoSpacePrefix = tc.noPrefix
		tok := mustNew(t, s)
		var got []string
		ids := tok.Encode(tc.text, tc.special)
		for _, id := range ids {
			got = append(got, tok.Token(id))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%q, without prefix %v: got %q, want %q", tc.text, tc.noPrefix, got, tc.want)
		}
		if d := tok.Decode(ids); d != tc.decoded {
			t.Errorf("%q, without prefix %v: decodes to %q, want %q", tc.text, tc.noPrefix, d, tc.decoded)
		}
	}
}

// Without byte tokens a character that is none becomes the unknown token, byte by byte.
func TestSPMWithoutBytes(t *testing.T) {
	s := Spec{Model: "llama", BOS: -1, EOS: -1, EOT: -1, Pad: -1, Tokens: []string{"<unk>", "▁", "a"}, Kinds: []Kind{Unknown, Normal, Normal}, Scores: make([]float32, 3)}
	if got := mustNew(t, s).Encode("aé", false); !slices.Equal(got, []int32{1, 2, 0, 0}) {
		t.Errorf("got %v", got)
	}
	s.Kinds[0] = Normal
	if got := mustNew(t, s).Encode("aé", false); !slices.Equal(got, []int32{1, 2}) {
		t.Errorf("without an unknown token got %v", got)
	}
}

// A text without blanks is one word, and takes n·log n steps.
func TestSPMLongWord(t *testing.T) {
	tok := mustNew(t, smallSPM())
	text := strings.Repeat("aabc", 1<<16)
	if got := tok.Decode(tok.Encode(text, false)); got != text {
		t.Error("a long word decodes to something else")
	}
}

// Cutting the text at blanks must not be seen; a vocabulary with a token that spans
// such a place is not cut.
func TestSPMTokensAcrossBlanks(t *testing.T) {
	s := smallSPM()
	if newSPM(s, s.Kinds, idsOf(s)).cuts {
		t.Error("a vocabulary with a token across blanks is cut at them")
	}
	i := slices.Index(s.Tokens, "é▁")
	s.Tokens[i] = "éé"
	if !newSPM(s, s.Kinds, idsOf(s)).cuts {
		t.Error("a vocabulary without tokens across blanks is not cut at them")
	}
	tok := mustNew(t, s)
	for _, text := range []string{"ab ab  ab   ab", "   ", "a ", " a ca\n bc", strings.Repeat("abc  aa ", 30), "é é  é"} {
		if got, want := tok.Encode(text, false), slowSPM(s, text); !slices.Equal(got, want) {
			t.Errorf("%q:\n got %v\nwant %v", text, got, want)
		}
	}
}

func idsOf(s Spec) map[string]int32 {
	ids := map[string]int32{}
	for i, tok := range s.Tokens {
		ids[tok] = int32(i)
	}
	return ids
}

// A stream that goes on behind a token says what one decoding of all says.
func TestStreamGoesOnBehindAToken(t *testing.T) {
	for _, noPrefix := range []bool{false, true} {
		s := smallSPM()
		s.NoSpacePrefix = noPrefix
		tok := mustNew(t, s)
		const text = "ab ab</s>abc  a@@ab 漢字 é"
		ids := tok.Encode(text, true)
		for n := range len(ids) + 1 {
			after := int32(-1)
			if n > 0 {
				after = ids[n-1]
			}
			var b strings.Builder
			for part, stream := range []*Stream{tok.Stream(-1), tok.Stream(after)} {
				for _, id := range [][]int32{ids[:n], ids[n:]}[part] {
					b.WriteString(stream.Push(id))
				}
			}
			if got, want := b.String(), tok.Decode(ids); got != want {
				t.Errorf("without prefix %v, cut at %d: %q, want %q", noPrefix, n, got, want)
			}
		}
	}
}

// Without scores all pairs are equal, and the leftmost is made first.
func TestSPMWithoutScores(t *testing.T) {
	s := smallSPM()
	clear(s.Scores)
	zero := mustNew(t, s)
	s.Scores = nil
	none := mustNew(t, s)
	for _, text := range []string{"abcab  aaaa", "xabca é </s> @@漢字"} {
		want := zero.Encode(text, false)
		if got := none.Encode(text, false); !slices.Equal(got, want) {
			t.Errorf("%q without scores is %v, with scores of 0 %v", text, got, want)
		}
	}
	if n := len(none.Spec().Scores); n != len(s.Tokens) {
		t.Errorf("%d scores for %d tokens", n, len(s.Tokens))
	}
}
