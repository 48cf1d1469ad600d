package dataset

// CopyLength is the number of tokens in a row, some twenty words, that count as copied
// when held-out text has them too.
const CopyLength = 25

// Runs calls f for each run of n tokens within sequence i, with the place of its first
// token in s.Tokens and a hash of it (FNV-1a by token; 64 bits, so that runs of a corpus
// do not meet by chance).
func (s *Shard) Runs(i, n int, f func(at int, run uint64)) {
	for at := s.Start[i]; at+n <= s.Start[i+1]; at++ {
		h := uint64(0xcbf29ce484222325)
		for _, id := range s.Tokens[at : at+n] {
			h = (h ^ uint64(id)) * 0x100000001b3
		}
		f(at, h)
	}
}

// HeldRuns is the set of all runs of CopyLength tokens in held-out text.
func HeldRuns(held []*Shard) map[uint64]bool {
	runs := map[uint64]bool{}
	for _, s := range held {
		for i := range s.Sequences() {
			s.Runs(i, CopyLength, func(_ int, run uint64) { runs[run] = true })
		}
	}
	return runs
}

// DropCopies takes out of s the sequences that repeat held-out text, a run of HeldRuns,
// and returns how many they were: what is measured on held-out text then says what was
// understood of it, not what was remembered (Lee et al. 2022, arXiv:2107.06499, section 4.2).
// What more than one in a hundred of the sequences have, and more than ten, is a formula,
// such as the line that begins every game of a collection, and no reason to drop them.
func (s *Shard) DropCopies(held map[uint64]bool) int {
	const rare = 10
	in := map[uint64]int{} // sequences, by run
	last := map[uint64]int{}
	for i := range s.Sequences() {
		s.Runs(i, CopyLength, func(_ int, run uint64) {
			if !held[run] {
				return
			}
			if at, ok := last[run]; !ok || at != i {
				in[run]++
			}
			last[run] = i
		})
	}
	if len(in) == 0 {
		return 0
	}
	most := max(rare, s.Sequences()/100)
	kept := &Shard{Source: s.Source, Vocab: s.Vocab, Vocabulary: s.Vocabulary}
	for i := range s.Sequences() {
		copied := false
		s.Runs(i, CopyLength, func(_ int, run uint64) { copied = copied || held[run] && in[run] <= most })
		if copied {
			continue
		}
		if kept.Start == nil {
			kept.Start = []int{0}
		}
		lo, hi := s.Start[i], s.Start[i+1]
		kept.Tokens, kept.Reply = append(kept.Tokens, s.Tokens[lo:hi]...), append(kept.Reply, s.Reply[lo:hi]...)
		kept.Start = append(kept.Start, len(kept.Tokens))
	}
	dropped := s.Sequences() - max(0, len(kept.Start)-1)
	*s = *kept
	return dropped
}
