package dataset

// CopyLength is the number of tokens in a row, some twenty words, that count as copied
// when held-out text has them too.
const CopyLength = 25

// EachRun calls f for each run of n tokens within a sequence, with the number of the
// sequence, the place of the run's first token in s.Tokens and a hash of it (FNV-1a by
// token; 64 bits, so that runs of a corpus do not meet by chance).
func (s *Shard) EachRun(n int, f func(sequence, at int, run uint64)) {
	for i := range s.Sequences() {
		s.runsOf(i, n, func(at int, run uint64) { f(i, at, run) })
	}
}

// runsOf is EachRun of one sequence.
func (s *Shard) runsOf(sequence, n int, f func(at int, run uint64)) {
	for at := s.Start[sequence]; at+n <= s.Start[sequence+1]; at++ {
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
		s.EachRun(CopyLength, func(_, _ int, run uint64) { runs[run] = true })
	}
	return runs
}

// DropCopies takes out of s the sequences that repeat held-out text, a run of HeldRuns,
// and returns how many they were: what is measured on held-out text then says what was
// understood of it, not what was remembered (Lee et al. 2022, arXiv:2107.06499, section 4.2).
// What more than one in a hundred of the sequences have, and more than ten (or half of
// few), is a formula, such as the line that begins every game of a collection, and no
// reason to drop them. A sequence shorter than a run is kept.
func (s *Shard) DropCopies(held map[uint64]bool) int {
	in, last := map[uint64]int{}, map[uint64]int{} // by run: sequences that have it, the last of them
	s.EachRun(CopyLength, func(i, _ int, run uint64) {
		if !held[run] {
			return
		}
		if at, ok := last[run]; !ok || at != i {
			in[run]++
		}
		last[run] = i
	})
	formula := min(max(10, s.Sequences()/100), max(1, s.Sequences()/2))
	copied := make([]bool, max(0, s.Sequences()))
	s.EachRun(CopyLength, func(i, _ int, run uint64) {
		copied[i] = copied[i] || held[run] && in[run] <= formula
	})
	return s.drop(copied)
}

// DropRepeats takes out of s the sequences that say mostly what earlier ones have said,
// of whose runs of CopyLength tokens more than half are in those, and returns how many
// they were: a passage that comes again and again with other questions is learnt by
// heart. A sequence shorter than a run is kept.
func (s *Shard) DropRepeats() int {
	said := map[uint64]bool{}
	repeats := make([]bool, max(0, s.Sequences()))
	for i := range repeats {
		runs, again := 0, 0
		s.runsOf(i, CopyLength, func(_ int, run uint64) {
			runs++
			if said[run] {
				again++
			}
		})
		if repeats[i] = 2*again > runs; !repeats[i] {
			s.runsOf(i, CopyLength, func(_ int, run uint64) { said[run] = true })
		}
	}
	return s.drop(repeats)
}

// drop takes the sequences out that are marked, and returns how many they were.
func (s *Shard) drop(marked []bool) int {
	starts, tokens, dropped := s.Start[:min(1, len(s.Start))], 0, 0
	for i, m := range marked {
		if m {
			dropped++
			continue
		}
		lo, hi := s.Start[i], s.Start[i+1]
		copy(s.Reply[tokens:], s.Reply[lo:hi])
		tokens += copy(s.Tokens[tokens:], s.Tokens[lo:hi])
		starts = append(starts, tokens)
	}
	s.Start, s.Tokens, s.Reply = starts, s.Tokens[:tokens], s.Reply[:tokens]
	return dropped
}
