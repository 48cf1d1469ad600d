package interp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Distance is what a model remembers of tokens some way back: a random sequence is
// shown, then Gap other random tokens, then the sequence again.
type Distance struct {
	Gap   int      `json:"gap"`   // tokens between
	Again Estimate `json:"again"` // nats per token of the repeated sequence, its first token left out
	Fresh Estimate `json:"fresh"` // the same for tokens that were not shown: the null model
}

// recallLen is the length of the sequence that is to be remembered, recallTimes how
// many are tried.
const (
	recallLen   = 8
	recallTimes = 24
)

// Recall measures how the memory of what was said fades with distance, at gaps that
// fit into the Lab's length.
func (l *Lab) Recall(ctx context.Context, gaps []int) ([]Distance, error) {
	var out []Distance
	for n, gap := range gaps {
		if gap < 0 {
			return nil, &RangeError{What: "gap", Got: gap, Lo: 0, Hi: l.length - 2*recallLen - 1}
		}
		if gap+2*recallLen+1 > l.length {
			continue
		}
		rng := rand.New(rand.NewPCG(1, uint64(gap)))
		var again, fresh []float64
		for range recallTimes {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			shown, between, other := l.randomTokens(rng, recallLen), l.randomTokens(rng, gap), l.randomTokens(rng, recallLen)
			for i, last := range [][]int32{shown, other} {
				ids := append(append(append(l.start(), shown...), between...), last...)
				l.pass(ids, true, nil)
				x := l.losses(ids)
				x = x[len(x)-recallLen+1:]
				if i == 0 {
					again = append(again, x...)
				} else {
					fresh = append(fresh, x...)
				}
			}
		}
		out = append(out, Distance{gap, estimate(again), estimate(fresh)})
		l.step(n+1, len(gaps))
	}
	return out, nil
}

// Agreement is how often a verb has the number of its subject, words apart. A model
// that does not look at the subject is right in exactly half of the cases, since each
// sentence comes with the subject in both numbers.
type Agreement struct {
	Words   int      `json:"words"`   // between subject and verb
	Right   Estimate `json:"right"`   // share of sentences in which the right form is likelier
	Example string   `json:"example"` // one of them
}

var (
	subjects = []string{"boy boys", "girl girls", "dog dogs", "friend friends", "book books", "house houses", "car cars", "bird birds", "teacher teachers", "child children", "man men", "woman women"}
	verbs    = []string{"is are", "was were", "has have"}
	// between subject and verb: 0, 3, 6 and 9 words, of which one to three are nouns
	// that the verb does not belong to, as often in one number as in the other.
	detours = [][]string{{""}, {" in the house", " near the trees"}, {" in the house near the trees", " with the dogs from the school"},
		{" in the house near the trees by the river", " with the dogs from the school on the hills"}}
)

// Agreement tests subject and verb across more and more words.
func (l *Lab) Agreement(ctx context.Context) ([]Agreement, error) {
	var pairs [][2]int32
	for _, v := range verbs {
		one, many, _ := strings.Cut(v, " ")
		a, b := l.Tok.Encode(" "+one, false), l.Tok.Encode(" "+many, false)
		if len(a) == 1 && len(b) == 1 {
			pairs = append(pairs, [2]int32{a[0], b[0]})
		}
	}
	if len(pairs) == 0 {
		return nil, errors.New("the vocabulary has none of the verbs is, are, was, were, has, have as one token")
	}
	var out []Agreement
	for n, detour := range detours {
		a := Agreement{Words: len(strings.Fields(detour[0])), Example: "The dogs" + detour[0] + " are (not: is)"}
		right, all := 0, 0
		for _, words := range subjects {
			one, many, _ := strings.Cut(words, " ")
			for number, subject := range []string{one, many} {
				for _, d := range detour {
					if err := ctx.Err(); err != nil {
						return nil, err
					}
					ids := l.Encode("The "+subject+d, false)
					l.pass(ids, true, nil)
					logits := l.logits(len(ids) - 1)
					for _, p := range pairs {
						if logits[p[number]] > logits[p[1-number]] {
							right++
						}
						all++
					}
				}
			}
		}
		a.Right = share(right, all)
		out = append(out, a)
		l.step(n+1, len(detours))
	}
	return out, nil
}

// reportDistance adds what the heads' reach is worth.
func (a *Attention) reportDistance(r *Report) {
	if len(a.Distance) > 0 {
		t := Table{Name: "recall", Header: []string{"gap", "again_nats", "again_low", "again_high", "fresh_nats"}}
		again, fresh := line{name: "shown before"}, line{name: "not shown", dashed: true}
		for _, d := range a.Distance {
			t.add(d.Gap, d.Again.Mean, d.Again.Low, d.Again.High, d.Fresh.Mean)
			again.x, again.y, again.low, again.high = append(again.x, float64(d.Gap)), append(again.y, d.Again.Mean), append(again.low, d.Again.Low), append(again.high, d.Again.High)
			fresh.x, fresh.y = append(fresh.x, float64(d.Gap)), append(fresh.y, d.Fresh.Mean)
		}
		r.Tables = append(r.Tables, t)
		r.Figures = append(r.Figures, lines("Loss of a random sequence that was shown before, by tokens between", "tokens between", "nats per token", again, fresh))
		near, far := a.Distance[0], a.Distance[len(a.Distance)-1]
		r.Finding += fmt.Sprintf(" A random sequence shown before costs %s a token than one not shown with %d tokens between, %s with %d.", lessOrMore(near.Fresh.Mean-near.Again.Mean), near.Gap, lessOrMore(far.Fresh.Mean-far.Again.Mean), far.Gap)
	}
	if len(a.Agrees) > 0 {
		t := Table{Name: "agreement", Header: []string{"words_between", "right", "low", "high", "sentences", "example"}}
		right, half := line{name: "right"}, line{name: "blind to the subject", dashed: true}
		var said []string
		for _, g := range a.Agrees {
			t.add(g.Words, g.Right.Mean, g.Right.Low, g.Right.High, g.Right.N, g.Example)
			right.x, right.y, right.low, right.high = append(right.x, float64(g.Words)), append(right.y, g.Right.Mean), append(right.low, g.Right.Low), append(right.high, g.Right.High)
			half.x, half.y = append(half.x, float64(g.Words)), append(half.y, 0.5)
			said = append(said, fmt.Sprintf("%.0f %% (%.0f to %.0f) over %d words", 100*g.Right.Mean, 100*g.Right.Low, 100*g.Right.High, g.Words))
		}
		r.Tables = append(r.Tables, t)
		r.Figures = append(r.Figures, lines("Verb agrees with its subject, by words between", "words between", "share right", right, half))
		r.Finding += " The verb has its subject's number in " + strings.Join(said, ", ") + "; 50 % is blind."
	}
}

// lessOrMore writes a difference of losses.
func lessOrMore(less float64) string {
	if less < 0 {
		return fmt.Sprintf("%.2f nats more", -less)
	}
	return fmt.Sprintf("%.2f nats less", less)
}
