package session

import "fmt"

// MaxVariants is how many alternatives of one answer are kept; past it the oldest
// that is not chosen goes.
const MaxVariants = 6

// Answer is what is known of an answer beside its text, so that it can still be
// changed after a restart: said again, gone on with, or exchanged for another.
type Answer struct {
	// To is the id of the question's turn, For the Discord user id of who asked.
	To, For string
	// More are the messages that show the rest of the answer, in order, behind the
	// one whose id the turn has.
	More []string
	// Cut says that the text ends at the length limit and not where it should.
	Cut bool
	// Stale says that the question was edited after this answer.
	Stale bool
	// Variants are all alternatives to the question as it was last answered, the
	// turn's own text at index Chosen among them. With fewer than two there are none
	// and Chosen is 0.
	Variants []Variant
	Chosen   int
}

// Variant is one of the alternatives of an answer.
type Variant struct {
	Text string
	Cut  bool
}

// Of is how many alternatives an answer has: 1 at least.
func (a *Answer) Of() int { return max(1, len(a.Variants)) }

// AddVariant makes v the answer, and keeps what it was as an alternative, unless that
// is stale, for then it answers what is not asked any more. The answer is not stale
// any more.
func (t *Turn) AddVariant(v Variant) {
	a := t.own()
	if a.Stale {
		a.Variants, a.Chosen, a.Stale = nil, 0, false
		t.Text, a.Cut = v.Text, v.Cut
		return
	}
	if len(a.Variants) == 0 {
		a.Variants = []Variant{{t.Text, a.Cut}}
		a.Chosen = 0
	}
	if len(a.Variants) >= MaxVariants {
		oldest := 0
		if a.Chosen == 0 {
			oldest = 1
		}
		a.Variants = append(a.Variants[:oldest:oldest], a.Variants[oldest+1:]...)
	}
	a.Variants = append(a.Variants[:len(a.Variants):len(a.Variants)], v)
	t.choose(a, len(a.Variants)-1)
}

// Choose makes alternative n, counted from 0, the answer.
func (t *Turn) Choose(n int) error {
	a := t.own()
	if n < 0 || n >= a.Of() {
		return fmt.Errorf("message %s: there is no alternative %d of %d", t.ID, n+1, a.Of())
	}
	if len(a.Variants) > 0 {
		t.choose(a, n)
	}
	return nil
}

// Extend replaces the chosen alternative: it was gone on with.
func (t *Turn) Extend(v Variant) {
	a := t.own()
	if len(a.Variants) > 0 {
		a.Variants = append([]Variant(nil), a.Variants...)
		a.Variants[a.Chosen] = v
	}
	t.Text, a.Cut = v.Text, v.Cut
}

func (t *Turn) choose(a *Answer, n int) {
	a.Chosen = n
	t.Text, a.Cut = a.Variants[n].Text, a.Variants[n].Cut
}

// own gives the turn an Answer of its own to change.
func (t *Turn) own() *Answer {
	a := Answer{}
	if t.Answer != nil {
		a = *t.Answer
	}
	t.Answer = &a
	return t.Answer
}

// AnswerTo returns the answer to a question: the one that says so, or else, of one
// stored without that, the one directly behind it.
func (s Session) AnswerTo(questionID string) (Turn, bool) {
	for i, t := range s.Turns {
		switch {
		case t.Role != RoleAssistant:
		case t.Answer != nil && t.Answer.To != "":
			if t.Answer.To == questionID {
				return t, true
			}
		case i > 0 && s.Turns[i-1].ID == questionID:
			return t, true
		}
	}
	return Turn{}, false
}

// Turn returns the turn that a message shows, whichever of an answer's it is.
func (s Session) Turn(messageID string) (Turn, bool) {
	for _, t := range s.Turns {
		if t.ID == messageID {
			return t, true
		}
		if t.Answer == nil {
			continue
		}
		for _, id := range t.Answer.More {
			if id == messageID {
				return t, true
			}
		}
	}
	return Turn{}, false
}
