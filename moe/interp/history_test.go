package interp

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"moebot/moe/model"
)

// Of a row of the shuffled model, one without its induction head and the whole one,
// the last alone has the head, the second has the routing already.
func TestHistoryShowsWhatGrows(t *testing.T) {
	headless := plant()
	headless.put("blk.1.attn_output", pDim, 2*pHead)
	headless.put("blk.1.attn_q", 2*pHead, pDim)
	row := []model.Source{Shuffled(plant(), 1), headless, plant()}
	closed := 0
	open := func(i int) (Opened, error) {
		return Opened{Lab: labOf(t, row[i]), Name: []string{"shuffled", "headless", "whole"}[i], Step: 10 * i, Null: i == 0, Close: func() { closed++ }}, nil
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var texts []string
	for range 8 {
		b := []byte("abcdefghijklmno")
		rng.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
		texts = append(texts, "s: "+strings.Repeat(string(b[:12]), 4))
	}
	var told []int
	g, err := History(t.Context(), 3, open, corpusOf(t, texts...), func(done, _ int) { told = append(told, done) })
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := g.Stages[0], g.Stages[1], g.Stages[2]
	if closed != 3 || !slices.Equal(told, []int{1, 2, 3}) || !a.Null || c.Step != 20 {
		t.Errorf("%d closed, told %v, %+v", closed, told, g.Stages)
	}
	if !(c.Induction.Mean > 0.9 && b.Induction.Mean < 0.2 && a.Induction.Mean < 0.3) {
		t.Errorf("induction %v, %v, %v", a.Induction, b.Induction, c.Induction)
	}
	if !(c.Loss.High < b.Loss.Low) {
		t.Errorf("loss %v, %v, %v", a.Loss, b.Loss, c.Loss)
	}
	if b.Vocabulary < c.Vocabulary-1e-9 || a.Vocabulary > c.Vocabulary+1e-9 || *b.Saturation != 1 || *c.Saturation != 1 || *a.Saturation > 0.9 || *c.CKA < 1-1e-9 {
		t.Errorf("vocabulary %v, %v, %v, saturation %v, %v, CKA %v", a.Vocabulary, b.Vocabulary, c.Vocabulary, *a.Saturation, *b.Saturation, *c.CKA)
	}
	checkReport(t, g.Report(), g)
	broken := errors.New("broken")
	if _, err := History(t.Context(), 2, func(int) (Opened, error) { return Opened{}, broken }, &Corpus{}, nil); !errors.Is(err, broken) {
		t.Errorf("a model that cannot be opened: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := History(ctx, 1, func(int) (Opened, error) { return open(2) }, corpusOf(t, texts...), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestShuffledKeepsTheElements(t *testing.T) {
	src := plant()
	s := Shuffled(src, 1)
	a, _ := src.Tensor("blk.0.attn_q.weight")
	b, _ := s.Tensor("blk.0.attn_q.weight")
	x, y := a.Float32(), b.Float32()
	if slices.Equal(x, y) {
		t.Error("nothing is shuffled")
	}
	slices.Sort(x)
	slices.Sort(y)
	if !slices.Equal(x, y) {
		t.Error("the elements are others")
	}
	a, _ = src.Tensor("output_norm.weight")
	b, _ = s.Tensor("output_norm.weight")
	if &a.Data[0] != &b.Data[0] {
		t.Error("norms are touched")
	}
}
