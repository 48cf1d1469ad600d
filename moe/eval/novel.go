package eval

import "moebot/moe/dataset"

// RunLength is the number of tokens in a row that count as copied when training text has
// them too: 13, the length that Brown et al. (2020, arXiv:2005.14165, appendix C) look
// for when they clean test sets.
const RunLength = 13

// Novel finds what of held-out text is not in training text word for word: of each
// source's tokens, those that are in no run of RunLength tokens which a training sequence
// has as well. A model that only remembers cannot shine on the rest.
//
// The result has a mark beside each token of each held-out shard, by source, as
// Options.Only wants it. Memory is that of the held-out runs, whatever the training text's
// size.
func Novel(held, training []*dataset.Shard) map[string][]bool {
	seen := map[uint64]bool{} // by the runs of held-out text
	for _, s := range held {
		s.EachRun(RunLength, func(_, _ int, run uint64) { seen[run] = false })
	}
	for _, s := range training {
		s.EachRun(RunLength, func(_, _ int, run uint64) {
			if _, wanted := seen[run]; wanted {
				seen[run] = true
			}
		})
	}
	novel := map[string][]bool{}
	for _, s := range held {
		marks := make([]bool, len(s.Tokens))
		for i := range marks {
			marks[i] = true
		}
		s.EachRun(RunLength, func(_, at int, run uint64) {
			if seen[run] {
				clear(marks[at : at+RunLength])
			}
		})
		novel[s.Source] = marks
	}
	return novel
}
