package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// plain is a vocabulary in which every token is its text.
type plain []string

func (v plain) Size() int             { return len(v) }
func (v plain) Bytes(id int32) string { return v[id] }
func (plain) DropsBlank(int32) bool   { return false }

// blanks is one in which a blank at the start, and after token 0, is dropped.
type blanks struct{ plain }

func (blanks) DropsBlank(after int32) bool { return after <= 0 }

// spell joins tokens as the vocabulary does.
func spell(v Vocabulary, ids []int32) string {
	var b strings.Builder
	last := int32(-1)
	for _, id := range ids {
		text := v.Bytes(id)
		if v.DropsBlank(last) {
			text = strings.TrimPrefix(text, " ")
		}
		b.WriteString(text)
		last = id
	}
	return b.String()
}

var pings = []string{"@everyone", "@here", "<@1", "<@2", "<@!1", "<@!2", "<@&1", "<@&2"}

// pieces is a random vocabulary that can spell all pings, in whole, in single
// characters and in random pieces that reach over their borders.
func pieces(rng *rand.Rand) plain {
	v := plain{""}
	for c := range strings.SplitSeq("@everyonehr<!&12> x", "") {
		if !slices.Contains(v, c) {
			v = append(v, c)
		}
	}
	long := strings.Join(pings, "") + " @everyone <@1> x<@&2>@@here <<@!12> @eve@everyone"
	for range 60 {
		from := rng.IntN(len(long))
		v = append(v, long[from:min(len(long), from+1+rng.IntN(12))])
	}
	return v
}

// A model that wants nothing but to ping cannot, whatever its vocabulary, and however
// far an answer had come that it goes on with.
func TestWhatIsBannedCannotBeSpelled(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	without := 0
	for range 50 {
		var v Vocabulary = pieces(rng)
		if rng.IntN(2) == 0 {
			v = blanks{v.(plain)}
		}
		ban := NewBan(v, pings)
		for range 10 {
			before := []string{"", "@every", "hello <@", "@everyone @", "a <@&", "@her"}[rng.IntN(6)]
			s := New(Params{Temperature: float64(rng.IntN(2)), TopP: 1, RepeatPenalty: 1, Seed: rng.Uint64()}, nil)
			s.Never(ban, before, -1)
			want := pings[rng.IntN(len(pings))]
			var ids []int32
			for range 30 {
				// it wants most what brings it nearest to a ping
				z := make([]float32, v.Size())
				text := before + spell(v, ids)
				for i := range z {
					z[i] = float32(rng.NormFloat64()) + 3*float32(near(text+v.Bytes(int32(i)), want))
				}
				id := s.Sample(z)
				if id < 0 {
					t.Fatalf("nothing can be said behind %q", text)
				}
				ids = append(ids, id)
			}
			text := spell(v, ids)
			for _, p := range pings {
				// what stands in the text before is not the reply's doing
				if strings.Count(before+text, p) > strings.Count(before, p) {
					t.Fatalf("%q is spelled behind %q: %q", p, before, text)
				}
			}
			if strings.Contains(text, "@") {
				without++
			}
		}
	}
	if without < 250 {
		t.Errorf("only %d of 500 replies came near a ping: the test is too easy", without)
	}
}

// near is the length of the longest end of text that begins want, all of it included.
func near(text, want string) int {
	if strings.Contains(text, want) {
		return len(want)
	}
	for n := min(len(text), len(want)); n > 0; n-- {
		if strings.HasSuffix(text, want[:n]) {
			return n
		}
	}
	return 0
}

// Nothing is forbidden but what completes a banned string: as a literal search says.
func TestABanForbidsNothingElse(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 40 {
		v := pieces(rng)
		ban := NewBan(v, pings)
		var ids []int32
		s := New(Params{Temperature: 1, TopP: 1, RepeatPenalty: 1, Seed: rng.Uint64()}, nil)
		s.Never(ban, "", -1)
		for range 30 {
			z := make([]float32, len(v))
			id := s.Sample(z)
			for i := range z {
				text := spell(v, ids) + v[i]
				bad := slices.ContainsFunc(pings, func(p string) bool { return strings.Contains(text, p) })
				if forbidden := math.IsInf(float64(z[i]), -1); forbidden != bad {
					t.Fatalf("behind %q token %q is forbidden: %v, want %v", spell(v, ids), v[i], forbidden, bad)
				}
			}
			ids = append(ids, id)
		}
	}
}

// A string may begin with any character, and be one character.
func TestABanOfOtherCharacters(t *testing.T) {
	v := plain{"x", "é", "!", "xé!", "ê", "漢字", "漢", "字"}
	s := New(Params{RepeatPenalty: 1}, nil)
	s.Never(NewBan(v, []string{"é!", "漢字"}), "", -1)
	for _, tc := range []struct{ said, bad []int32 }{{nil, []int32{3, 5}}, {[]int32{1}, []int32{2, 3, 5}}, {[]int32{4}, []int32{3, 5}}, {[]int32{6}, []int32{3, 5, 7}}} {
		for _, id := range tc.said {
			s.took(id)
		}
		z := make([]float32, len(v))
		s.never.mask(z)
		for id := range z {
			if forbidden := math.IsInf(float64(z[id]), -1); forbidden != slices.Contains(tc.bad, int32(id)) {
				t.Errorf("behind %v token %q is forbidden: %v", tc.said, v[id], forbidden)
			}
		}
	}
}

// A reply that goes on behind a token keeps the blank of its first one.
func TestABanBehindAToken(t *testing.T) {
	v := blanks{plain{"", "a", " b"}}
	for after, want := range map[int32]bool{-1: false, 0: false, 1: true} {
		s := New(Params{RepeatPenalty: 1}, nil)
		s.Never(NewBan(v, []string{"a b"}), "a", after)
		if id := s.Sample([]float32{0, 1, 2}); (id != 2) != want {
			t.Errorf("behind token %d \" b\" is forbidden: %v, want %v", after, id != 2, want)
		}
	}
}

// The cost of a ban: making it for a vocabulary, and for each token drawn.
func BenchmarkBan(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	v := pieces(rng)
	for i := len(v); i < 128000; i++ {
		v = append(v, fmt.Sprintf(" w%d", i))
	}
	var texts []string
	for _, head := range []string{"<@", "<@!", "<@&"} {
		for d := range 10 {
			texts = append(texts, fmt.Sprint(head, d))
		}
	}
	texts = append(texts, "@everyone", "@here")
	b.Run("make/128000", func(b *testing.B) {
		for b.Loop() {
			NewBan(v, texts)
		}
	})
	ban := NewBan(v, texts)
	z := make([]float32, len(v))
	b.Run("token", func(b *testing.B) {
		s := speller{ban: ban, last: -1}
		said := []int32{100, 5000, 1, 90000} // words and "@", which "everyone" may not follow
		i := 0
		for b.Loop() {
			s.mask(z)
			s.add(said[i%len(said)])
			i++
		}
	})
}
