package interp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpusOf writes texts as a corpus file; a text "topic: abc" has that topic.
func corpusOf(t testing.TB, texts ...string) *Corpus {
	t.Helper()
	path := filepath.Join(t.TempDir(), "texts.jsonl")
	var b strings.Builder
	for _, text := range texts {
		topic, body, _ := strings.Cut(text, ": ")
		fmt.Fprintf(&b, "{\"source\":%q,\"text\":%q}\n", topic, body)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return &Corpus{Files: []string{path}}
}

// letters is random text of the letters from lo to hi.
func letters(rng *rand.Rand, n int, lo, hi byte) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = lo + byte(rng.IntN(int(hi-lo)+1))
	}
	return string(b)
}

// Token t goes to expert t%4 first and (t+1)%4 second: everything follows from that.
func TestExpertsFindThePlantedRouting(t *testing.T) {
	l := plantedLab(t)
	rng := rand.New(rand.NewPCG(3, 4))
	var texts []string
	for range 20 {
		texts = append(texts, "low: "+letters(rng, 40, 'a', 'g'), "high: "+letters(rng, 40, 'h', 'o'))
	}
	corpus := corpusOf(t, texts...)
	x, err := l.Experts(t.Context(), corpus, 20)
	if err != nil {
		t.Fatal(err)
	}
	var ids, first []int
	load := make([]int, 4)
	if err := corpus.Each(t.Context(), l, func(s Sequence) error {
		for _, id := range s.IDs {
			ids, first = append(ids, int(id)), append(first, int(id)%4)
			load[id%4]++
			load[(id+1)%4]++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if x.Tokens != len(ids) || x.Tokens != 40*41 {
		t.Errorf("%d tokens, want %d", x.Tokens, len(ids))
	}
	// Of two labellings, one a function of the other: I = H(expert), so NMI = √(H(expert)/H(token)).
	want := math.Sqrt(slowEntropy(first) / slowEntropy(ids))
	for n, y := range x.Layers {
		if y.Vocabulary != 1 || y.VocabNull > 0.4 {
			t.Errorf("layer %d: vocabulary specialisation %v, shuffled %v", n, y.Vocabulary, y.VocabNull)
		}
		if s := y.Shared[0]; math.Abs(s.NMI-want) > 1e-9 || s.Null > 0.05 || s.P > 0.05 {
			t.Errorf("layer %d: NMI with the token %+v, want %v", n, s, want)
		}
		if s := y.Shared[3]; s.Property != "position" || s.NMI > 0.2 {
			t.Errorf("layer %d: NMI with the position %+v", n, s)
		}
		for e := range 4 {
			if got, want := y.Load[e], float64(load[e])/float64(2*len(ids)); math.Abs(got-want) > 1e-12 {
				t.Errorf("layer %d, expert %d: load %v, want %v", n, e, got, want)
			}
			if y.Together[e][e] != 1 || y.Together[e][(e+2)%4] != 0 || math.Abs(y.Together[e][(e+1)%4]+y.Together[e][(e+3)%4]-1) > 1e-12 {
				t.Errorf("layer %d, expert %d: together %v", n, e, y.Together[e])
			}
			for _, f := range y.Favourites[e] {
				id, err := l.Token(f.Token)
				if err != nil || int(id)%4 != e || f.Share.Mean != 1 {
					t.Errorf("layer %d, expert %d likes %+v", n, e, f)
				}
			}
		}
	}
	if x.Topics[0] != "low" || x.Topics[1] != "high" || len(x.Topics) != 2 {
		t.Errorf("topics %v", x.Topics)
	}
	checkReport(t, x.Report(), x)
}

// slowEntropy is the entropy of labels in bits, by its definition.
func slowEntropy(x []int) float64 {
	n := map[int]float64{}
	for _, v := range x {
		n[v]++
	}
	h := 0.0
	for _, k := range n {
		h -= k / float64(len(x)) * math.Log2(k/float64(len(x)))
	}
	return h
}

// Mutual information by its definition, Σ p(x,y)·log p(x,y)/(p(x)p(y)).
func TestNMI(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var x, y []int
	for range 500 {
		a := rng.IntN(3)
		x, y = append(x, a), append(y, (a+rng.IntN(2))%5)
	}
	joint := map[[2]int]float64{}
	px, py := map[int]float64{}, map[int]float64{}
	for i := range x {
		joint[[2]int{x[i], y[i]}] += 1. / 500
		px[x[i]] += 1. / 500
		py[y[i]] += 1. / 500
	}
	mi := 0.0
	for k, p := range joint {
		mi += p * math.Log2(p/(px[k[0]]*py[k[1]]))
	}
	if got, want := nmi(x, y, 3, 5), mi/math.Sqrt(slowEntropy(x)*slowEntropy(y)); math.Abs(got-want) > 1e-9 {
		t.Errorf("NMI %v, want %v", got, want)
	}
	if got := nmi(x, make([]int, 500), 3, 1); got != 0 {
		t.Errorf("NMI with what does not vary is %v", got)
	}
}

// Expert 2 of layer 1 copies its token to the logits, so of repeated letters that go
// to it it knows the next; experts 0 and 3 of that layer do nothing at all.
func TestLossOfASilencedExpert(t *testing.T) {
	l := plantedLab(t)
	corpus := corpusOf(t, "s: bb", "s: ff", "s: jj", "s: nn", "s: bb", "s: ff", "s: jj", "s: nn")
	v, err := l.ExpertLoss(t.Context(), corpus, 1000, []int{1, 2, 4, 9}, true)
	if err != nil {
		t.Fatal(err)
	}
	for e, s := range v.Silenced[1] {
		if e == 2 && s.Low < 0.1 || e != 2 && (s.Mean != 0 || s.High != 0) {
			t.Errorf("layer 1, expert %d silenced: %+v", e, s)
		}
	}
	if len(v.Choices) != 3 || v.Choices[1].K != 2 || v.Choices[1].More.Mean != 0 || v.Choices[0].More.Mean == 0 {
		t.Errorf("with other numbers of experts: %+v", v.Choices)
	}
	if v.Random.Low < 0.01 {
		t.Errorf("random routing costs %+v", v.Random)
	}
	x, err := l.Experts(t.Context(), corpus, 2)
	if err != nil {
		t.Fatal(err)
	}
	x.Loss = v
	checkReport(t, x.Report(), x)
}

func TestSaturation(t *testing.T) {
	l := plantedLab(t)
	corpus := corpusOf(t, "s: abcdefg", "s: hijklmno")
	same, err := Saturation(t.Context(), l, plantedLab(t), corpus)
	if err != nil {
		t.Fatal(err)
	}
	other := plant()
	var swapped [][3]float64 // experts 0 and 2, 1 and 3 change places: t goes to t+2 and t+3
	for tok := range pVocab {
		swapped = append(swapped, [3]float64{float64((tok + 2) % 4), float64(tok), 2}, [3]float64{float64((tok + 3) % 4), float64(tok), 1.5})
	}
	other.put("blk.1.ffn_gate_inp", 4, pDim, swapped...)
	changed, err := Saturation(t.Context(), l, labOf(t, other), corpus)
	if err != nil {
		t.Fatal(err)
	}
	if same[0].Mean != 1 || same[1].Mean != 1 || changed[0].Mean != 1 || changed[1].Mean != 0 {
		t.Errorf("saturation of the same %+v, of one with another router %+v", same, changed)
	}
}

func TestCorpus(t *testing.T) {
	l := plantedLab(t)
	long := strings.Repeat("abcde", 30)
	corpus := corpusOf(t, "s: "+long, "s: "+long)
	var sizes []int
	read := func(c *Corpus) error {
		sizes = nil
		return c.Each(t.Context(), l, func(s Sequence) error {
			sizes = append(sizes, len(s.IDs))
			return nil
		})
	}
	if err := read(corpus); err != nil || fmt.Sprint(sizes) != "[64 64 23 64 64 23]" {
		t.Errorf("sequences of %v tokens, %v", sizes, err)
	}
	corpus.Tokens = 170
	if err := read(corpus); err != nil || fmt.Sprint(sizes) != "[64 64 23 19]" {
		t.Errorf("170 tokens in sequences of %v, %v", sizes, err)
	}
	broken := errors.New("broken")
	if err := corpus.Each(t.Context(), l, func(Sequence) error { return broken }); err != broken {
		t.Errorf("the error of the reader becomes %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []*Corpus{corpus, {}} {
		if err := c.Each(ctx, l, func(Sequence) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
	if err := read(&Corpus{Files: []string{"none.jsonl"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// Lines that are no documents are counted and named, and a corpus without anything to
// read is an error, not a model whose neurons are all dead.
func TestCorpusWithMalformedLines(t *testing.T) {
	l := plantedLab(t)
	corpus := corpusOf(t, "s: abcde")
	path := corpus.Files[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("{}\n" + string(whole) + "[\n")
	if n, err := l.Neurons(t.Context(), corpus); err != nil || n.Tokens != 6 || corpus.Skipped != 2 || !strings.Contains(fmt.Sprint(corpus.First), ":1: ") {
		t.Errorf("%+v (%v): %d lines skipped, the first: %v", n, err, corpus.Skipped, corpus.First)
	}
	write("{}\n[\n")
	if _, err := l.Neurons(t.Context(), corpus); err == nil || !strings.Contains(err.Error(), "2 lines skipped, the first: "+path+":1: ") {
		t.Errorf("without a document: %v", err)
	}
	write("")
	if _, err := l.Neurons(t.Context(), corpus); err == nil || !strings.Contains(err.Error(), path+": not a text of 2 tokens") {
		t.Errorf("an empty file: %v", err)
	}
	if _, err := l.Neurons(t.Context(), &Corpus{Tokens: 1}); err == nil || !strings.Contains(err.Error(), "1 tokens are too few") {
		t.Errorf("one token: %v", err)
	}
}
