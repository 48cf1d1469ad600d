package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"moebot/moe/dataset"
)

// literalKN is the formula word by word: n-grams as strings, counts by scanning.
type literalKN struct {
	order, vocab int
	raw          map[string]int            // occurrences, by n-gram
	left         map[string]map[string]int // n-gram → the n-grams one longer that end in it
	first        map[string]int            // occurrences at the start of a sequence
}

func newLiteral(order, vocab int, seqs [][]uint16) literalKN {
	l := literalKN{order, vocab, map[string]int{}, map[string]map[string]int{}, map[string]int{}}
	for _, s := range seqs {
		for end := 2; end <= len(s); end++ {
			for n := 1; n <= order && n <= end; n++ {
				key := fmt.Sprint(s[end-n : end])
				l.raw[key]++
				if end == n {
					l.first[key]++
				}
				if n < order && end > n {
					if l.left[key] == nil {
						l.left[key] = map[string]int{}
					}
					l.left[key][fmt.Sprint(s[end-n-1:end])]++
				}
			}
		}
	}
	return l
}

func (l literalKN) count(gram []uint16) float64 {
	key := fmt.Sprint(gram)
	if len(gram) == l.order {
		return float64(l.raw[key])
	}
	return float64(len(l.left[key]) + l.first[key])
}

func (l literalKN) discount(n int, all map[string][]uint16) float64 {
	var ones, twos float64
	for _, g := range all {
		if len(g) == n {
			switch l.count(g) {
			case 1:
				ones++
			case 2:
				twos++
			}
		}
	}
	if ones == 0 {
		return 0.5
	}
	return min(0.95, ones/(ones+2*twos))
}

func (l literalKN) prob(context []uint16, id uint16, all map[string][]uint16) float64 {
	p := 1 / float64(l.vocab)
	for k := 0; k < l.order && k <= len(context); k++ {
		h := append([]uint16(nil), context[len(context)-k:]...)
		total, kinds := 0.0, 0.0
		for w := range l.vocab {
			c := l.count(append(append([]uint16(nil), h...), uint16(w)))
			total += c
			if c > 0 {
				kinds++
			}
		}
		if total == 0 {
			break
		}
		d := l.discount(k+1, all)
		p = max(l.count(append(append([]uint16(nil), h...), id))-d, 0)/total + d*kinds/total*p
	}
	return p
}

func TestNGramEqualsTheFormula(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const vocab = 6
	var seqs [][]uint16
	all := map[string][]uint16{}
	for range 12 {
		s := []uint16{0}
		for range 3 + rng.IntN(20) {
			s = append(s, uint16(1+rng.IntN(4))) // token 5 is never seen
		}
		seqs = append(seqs, s)
		for i := range s {
			for n := 1; n <= 5 && i+n <= len(s); n++ {
				all[fmt.Sprint(s[i:i+n])] = s[i : i+n]
			}
		}
	}
	for _, order := range []int{1, 2, 3, 5} {
		g := NewNGram(order, vocab)
		for _, s := range seqs {
			g.Add(s)
		}
		g.Finish()
		want := newLiteral(order, vocab, seqs)
		for range 200 {
			var context []uint16
			for range rng.IntN(6) {
				context = append(context, uint16(rng.IntN(vocab)))
			}
			sum := 0.0
			for w := range vocab {
				p := g.Prob(context, uint16(w))
				sum += p
				if q := want.prob(context, uint16(w), all); math.Abs(p-q) > 1e-12 {
					t.Fatalf("order %d: P(%d|%v) is %v, want %v", order, w, context, p, q)
				}
				if p <= 0 {
					t.Fatalf("order %d: P(%d|%v) is %v", order, w, context, p)
				}
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Fatalf("order %d: probabilities after %v sum to %v", order, context, sum)
			}
		}
	}
}

// A language in which each token fixes the next: five tokens of memory know it, one does not.
func TestNGramShard(t *testing.T) {
	s := &dataset.Shard{Source: "s", Vocab: 9}
	for i := range 40 {
		q := dataset.Sequence{Tokens: []int32{0}, Reply: []bool{false}}
		for j := range 30 {
			q.Tokens, q.Reply = append(q.Tokens, int32(1+(i+j)%8)), append(q.Reply, j%2 == 0)
		}
		s.Append(q)
	}
	measure := func(order int) Loss {
		g := NewNGram(order, 9)
		for i := range s.Sequences() {
			g.Add(s.Tokens[s.Start[i]:s.Start[i+1]])
		}
		g.Finish()
		return g.Shard(s, Options{TokenBytes: []int{0, 2, 2, 2, 2, 2, 2, 2, 2}})
	}
	one, five := measure(1), measure(5)
	if one.Tokens != 1200 || one.Replies != 600 {
		t.Errorf("%d tokens, %d replies, want 1200 and 600", one.Tokens, one.Replies)
	}
	if math.Abs(one.All-math.Log(8)) > 0.05 || math.Abs(one.Bits-1.5) > 0.05 {
		t.Errorf("one token: %.3f nats, %.3f bits per byte, want about %.3f and 1.5", one.All, one.Bits, math.Log(8))
	}
	if five.All > 0.3 {
		t.Errorf("five tokens: %.3f nats, want little", five.All)
	}
}

func BenchmarkNGramAdd(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	ids := make([]uint16, 100_000)
	for i := range ids {
		ids[i] = uint16(rng.ExpFloat64() * 100)
	}
	for b.Loop() {
		g := NewNGram(5, 1<<16)
		g.Add(ids)
	}
	b.ReportMetric(float64(len(ids))*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}
