package dataset

import (
	"reflect"
	"slices"
	"testing"
)

// tokensFrom are n token ids that follow one another.
func tokensFrom(from, n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(from + i)
	}
	return ids
}

// sequenceOf joins ids to a sequence whose even ones are reply.
func sequenceOf(ids ...[]int32) Sequence {
	all := slices.Concat(ids...)
	reply := make([]bool, len(all))
	for i, id := range all {
		reply[i] = id%2 == 0
	}
	return Sequence{Tokens: all, Reply: reply}
}

// What is left of a shard without copies: sequences of their own, and those that share
// with held-out text no more than a formula of many or a run that is too short.
func TestDropCopies(t *testing.T) {
	tokens, sequence := tokensFrom, sequenceOf
	held := &Shard{Source: "held", Vocab: 4000}
	held.Append(sequence(tokens(0, 60)))
	held.Append(sequence(tokens(1000, CopyLength))) // the formula

	s, want := &Shard{Source: "s", Vocab: 4000}, &Shard{Source: "s", Vocab: 4000}
	both := func(q Sequence) { s.Append(q); want.Append(q) }
	both(sequence(tokens(2000, 70)))
	s.Append(sequence(tokens(2100, 7), tokens(30, CopyLength), tokens(2200, 3)))
	both(sequence(tokens(2300, 7), tokens(30, CopyLength-1), tokens(2400, 3)))
	for i := range 11 {
		both(sequence(tokens(1000, CopyLength), tokens(2500+i, 5)))
	}
	s.Append(sequence(tokens(1000, CopyLength), tokens(0, CopyLength)))
	both(sequence(tokens(9, 3)))
	if n := s.DropCopies(HeldRuns([]*Shard{held})); n != 2 {
		t.Errorf("%d sequences dropped, want 2", n)
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("left are %d sequences, %v; want %d, %v", s.Sequences(), s.Start, want.Sequences(), want.Start)
	}

	if n := s.DropCopies(HeldRuns(nil)); n != 0 || !reflect.DeepEqual(s, want) {
		t.Errorf("%d sequences dropped although nothing is held", n)
	}
	same := &Shard{Source: "same", Vocab: 4000}
	same.Append(sequence(tokens(0, 60)))
	if n := same.DropCopies(HeldRuns([]*Shard{held})); n != 1 || len(same.Tokens) != 0 {
		t.Errorf("%d dropped, %d tokens left of a copy", n, len(same.Tokens))
	}
}

// What is left of a shard without repeats: the first of those that share a passage, what says more of its own than
// it repeats, and what is too short to tell.
func TestDropRepeats(t *testing.T) {
	tokens, sequence := tokensFrom, sequenceOf
	s, want := &Shard{Source: "s", Vocab: 4000}, &Shard{Source: "s", Vocab: 4000}
	both := func(q Sequence) { s.Append(q); want.Append(q) }
	both(sequence(tokens(0, 100)))
	both(sequence(tokens(9, 3)))
	s.Append(sequence(tokens(0, 100), tokens(2000, 9)))
	both(sequence(tokens(20, 2*CopyLength), tokens(3000, 100)))
	s.Append(sequence(tokens(3010, 80)))
	both(sequence(tokens(9, 3)))
	s.Append(sequence(tokens(1, 99)))
	if n := s.DropRepeats(); n != 3 {
		t.Errorf("%d sequences dropped, want 3", n)
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("left are %d sequences, %v; want %d, %v", s.Sequences(), s.Start, want.Sequences(), want.Start)
	}
	if n := (&Shard{Source: "none", Vocab: 4000}).DropRepeats(); n != 0 {
		t.Errorf("%d of no sequences dropped", n)
	}
}
