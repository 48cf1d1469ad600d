package dataset

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sort"
)

// Mix says how much of the training tokens each source gives, by weight; a source
// that is not named gives nothing.
type Mix struct {
	Weights map[string]float64 `json:"weights"`
	// PromptWeight is the loss weight of tokens that the assistant did not say:
	// 1 trains on every token, 0 on replies alone.
	PromptWeight float64 `json:"prompt_weight"`
}

// Loader mixes shards into micro-batches. It is for one goroutine.
type Loader struct {
	shards []*Shard
	rng    []*rand.Rand // [shard] its own, so that a source's order does not depend on which others there are
	order  [][]int      // [shard] shuffled sequences
	next   []int        // [shard] position in order
	mix    Mix
	weight []float64 // [shard] cumulative
	// given counts the tokens that each shard contributed under the present mix:
	// the shard furthest below its share gives the next document, so that long and
	// short documents alike keep to the weights.
	given  []float64
	spare  []piece // documents drawn that did not fit a row yet
	pieces int
}

// piece is the part [lo, hi) of a shard's tokens.
type piece struct{ shard, lo, hi int }

// NewLoader returns a loader over shards of one vocabulary.
func NewLoader(shards []*Shard, seed uint64) (*Loader, error) {
	l := &Loader{}
	l.shards = append(l.shards, shards...)
	sort.Slice(l.shards, func(i, j int) bool { return l.shards[i].Source < l.shards[j].Source })
	for i, s := range l.shards {
		if s.Vocab != l.shards[0].Vocab {
			return nil, fmt.Errorf("shard %s has a vocabulary of %d, shard %s one of %d", s.Source, s.Vocab, l.shards[0].Source, l.shards[0].Vocab)
		}
		if i > 0 && s.Source == l.shards[i-1].Source {
			return nil, fmt.Errorf("two shards of source %s", s.Source)
		}
		if s.Sequences() == 0 {
			return nil, fmt.Errorf("shard %s is empty", s.Source)
		}
		name := fnv.New64a()
		name.Write([]byte(s.Source))
		l.rng = append(l.rng, rand.New(rand.NewPCG(seed, name.Sum64())))
		l.order = append(l.order, l.rng[i].Perm(s.Sequences()))
	}
	l.next = make([]int, len(l.shards))
	return l, nil
}

// Sources are the names of the shards' sources, sorted.
func (l *Loader) Sources() []string {
	var out []string
	for _, s := range l.shards {
		out = append(out, s.Source)
	}
	return out
}

// SetMix changes the mixture from the next batch on. It names every source that
// there is no shard for.
func (l *Loader) SetMix(m Mix) error {
	l.weight, l.given = make([]float64, len(l.shards)), make([]float64, len(l.shards))
	known, total := 0, 0.0
	for i, s := range l.shards {
		w, ok := m.Weights[s.Source]
		if ok {
			known++
		}
		if w < 0 {
			return fmt.Errorf("mix: weight of %s is %g", s.Source, w)
		}
		total += w
		l.weight[i] = w
	}
	if known != len(m.Weights) {
		return fmt.Errorf("mix: no shard for %v", l.missing(m))
	}
	if total == 0 {
		return fmt.Errorf("mix: all weights are zero")
	}
	for i := range l.weight {
		l.weight[i] /= total
	}
	l.mix, l.spare = m, nil
	return nil
}

func (l *Loader) missing(m Mix) (names []string) {
	for name := range m.Weights {
		found := false
		for _, s := range l.shards {
			found = found || s.Source == name
		}
		if !found {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// draw takes the next document of the shard that is furthest behind its share.
func (l *Loader) draw() piece {
	best := -1
	var lag float64
	total := 0.0
	for _, g := range l.given {
		total += g
	}
	for i, w := range l.weight {
		if w == 0 {
			continue
		}
		if d := w*(total+1000) - l.given[i]; best < 0 || d > lag {
			best, lag = i, d
		}
	}
	s := l.shards[best]
	if l.next[best] == len(l.order[best]) {
		l.rng[best].Shuffle(len(l.order[best]), func(i, j int) {
			o := l.order[best]
			o[i], o[j] = o[j], o[i]
		})
		l.next[best] = 0
	}
	q := l.order[best][l.next[best]]
	l.next[best]++
	l.given[best] += float64(s.Start[q+1] - s.Start[q])
	return piece{best, s.Start[q], s.Start[q+1]}
}

// lookahead is the number of documents tried for the rest of a row before one is cut.
const lookahead = 48

// Next fills b with rows of documents, each kept whole where it fits: the first
// spare document that fits goes in; if none does, one is cut and its rest waits.
func (l *Loader) Next(b *Batch, rows, length int) {
	b.Rows, b.Len = rows, length
	n := rows * length
	if cap(b.Tokens) < n || cap(b.Sources) < n {
		b.Tokens, b.Targets = make([]int32, n), make([]int32, n)
		b.Weights, b.DocStart, b.Sources = make([]float32, n), make([]int32, n), make([]int32, n)
	}
	b.Tokens, b.Targets, b.Weights, b.DocStart, b.Sources = b.Tokens[:n], b.Targets[:n], b.Weights[:n], b.DocStart[:n], b.Sources[:n]
	for r := range rows {
		for at := 0; at < length; {
			p := l.fit(length - at)
			at = l.place(b, r*length, at, p)
		}
	}
}

// fit returns a piece of at most room+1 tokens (its last token is a target only).
func (l *Loader) fit(room int) piece {
	for len(l.spare) < lookahead {
		l.spare = append(l.spare, l.draw())
	}
	// the longest that fits, oldest first among equals
	best := -1
	for i, p := range l.spare {
		if n := p.hi - p.lo; n <= room+1 && (best < 0 || n > l.spare[best].hi-l.spare[best].lo) {
			best = i
		}
	}
	// the oldest document goes first into an empty row, so that none waits for ever
	if l.spare[0].hi-l.spare[0].lo <= room+1 && l.pieces%4 == 0 {
		best = 0
	}
	l.pieces++
	if best >= 0 {
		p := l.spare[best]
		l.spare = append(l.spare[:best], l.spare[best+1:]...)
		return p
	}
	p := l.spare[0]
	cut := piece{p.shard, p.lo, p.lo + room + 1}
	l.spare[0].lo += room
	return cut
}

func (l *Loader) place(b *Batch, base, at int, p piece) int {
	s := l.shards[p.shard]
	start := at
	for i := p.lo; i+1 < p.hi; i++ {
		j := base + at
		b.Tokens[j], b.Targets[j], b.DocStart[j] = int32(s.Tokens[i]), int32(s.Tokens[i+1]), int32(start)
		b.Weights[j], b.Sources[j] = 1, int32(p.shard)
		if !s.Reply[i+1] {
			b.Weights[j] = float32(l.mix.PromptWeight)
		}
		at++
	}
	if p.hi-p.lo < 2 { // a lone token teaches nothing; take the place so that the row advances
		j := base + at
		b.Tokens[j], b.Targets[j], b.DocStart[j], b.Weights[j] = int32(s.Tokens[p.lo]), 0, int32(start), 0
		b.Sources[j] = int32(p.shard)
		at++
	}
	return at
}
