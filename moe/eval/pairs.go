package eval

import (
	_ "embed"
	"fmt"
	"iter"
	"strings"

	"moebot/moe/backprop"
	"moebot/moe/dataset"
)

//go:embed pairs.txt
var pairsFile string

// Pair is two sentences that differ in one place, one of them wrong (Linzen et al.
// 2016, arXiv 1611.01368; Warstadt et al. 2020, BLiMP, arXiv 1912.00582).
type Pair struct {
	Kind        string // what the difference tests
	Right       string
	Wrong       string
	Where, Line int // byte at which the two begin to differ; line in the file
}

// MinimalPairs are the pairs that come with the program.
func MinimalPairs() []Pair {
	p, err := ParsePairs(pairsFile)
	if err != nil {
		panic("eval: " + err.Error())
	}
	return p
}

// ParsePairs reads lines of the form "kind: text [right|wrong] text". Blank lines
// and those that begin with # are skipped.
func ParsePairs(text string) ([]Pair, error) {
	var out []Pair
	for n, line := range statements(text) {
		kind, rest, ok := strings.Cut(line, ": ")
		before, rest, ok2 := strings.Cut(rest, "[")
		choice, after, ok3 := strings.Cut(rest, "]")
		right, wrong, ok4 := strings.Cut(choice, "|")
		if !ok || !ok2 || !ok3 || !ok4 || right == wrong {
			return nil, fmt.Errorf("pairs, line %d: want kind: text [right|wrong] text, have %q", n, line)
		}
		out = append(out, Pair{kind, before + right + after, before + wrong + after, len(before), n})
	}
	return out, nil
}

// statements are the lines of a text with their numbers, without blank ones and those that begin with #.
func statements(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.Lines(text) {
			n++
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !yield(n, line) {
				return
			}
		}
	}
}

// PairScore says how many pairs of a kind a model got right.
type PairScore struct {
	Kind   string   `json:"kind"`
	Pairs  int      `json:"pairs"`
	Right  int      `json:"right"`  // the right sentence was likelier as a whole
	Margin float64  `json:"margin"` // mean of log P(right) − log P(wrong), nats
	Missed []string `json:"missed"` // the wrong sentences that were preferred
}

// Pairs measures a model on pairs; encode turns a sentence into tokens, its first
// one being context only. Scores come in the order in which the kinds first occur.
func Pairs(net *backprop.Network, pairs []Pair, encode func(string) []int32) []PairScore {
	var out []PairScore
	at := map[string]int{}
	for _, p := range pairs {
		i, ok := at[p.Kind]
		if !ok {
			i = len(out)
			at[p.Kind] = i
			out = append(out, PairScore{Kind: p.Kind})
		}
		s := &out[i]
		margin := sequenceLoss(net, encode(p.Wrong)) - sequenceLoss(net, encode(p.Right))
		s.Margin = (s.Margin*float64(s.Pairs) + margin) / float64(s.Pairs+1)
		s.Pairs++
		if margin > 0 {
			s.Right++
		} else {
			s.Missed = append(s.Missed, p.Wrong)
		}
	}
	return out
}

// sequenceLoss is −log of the probability of ids[1:] after ids[0], nats; of the
// first Context tokens if there are more.
func sequenceLoss(net *backprop.Network, ids []int32) float64 {
	n := min(len(ids)-1, net.Config.Context)
	if n < 1 {
		return 0
	}
	b := dataset.Batch{Rows: 1, Len: n, Tokens: ids[:n], Targets: ids[1 : n+1], Weights: make([]float32, n), DocStart: make([]int32, n)}
	for i := range b.Weights {
		b.Weights[i] = 1
	}
	return net.Loss(&b, backprop.Losses{}).Loss
}
