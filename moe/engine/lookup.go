package engine

import "slices"

// lookup foretells a reply by what stood before: if its last tokens have stood before in
// prompt or reply, what followed them there is computed along with the next token
// (prompt look-up decoding: Saxena 2023, and as speculative decoding in Leviathan et
// al. 2023, arXiv 2211.17192). Each token is still drawn by the sampler from its own
// logits, which model.Forward promises to be the same in any batch, so the text is the
// same to the last byte; what was foretold wrongly is forgotten.
type lookup struct {
	most  int     // tokens foretold at a time; 0 foretells nothing
	seen  []int32 // prompt and reply
	draft []int32 // what follows the next token, maybe
	pause int     // tokens until the next attempt
	wait  int     // how long the pause was
}

// The lengths of what is looked up, and how long a sequence whose drafts are wrong is
// left alone: a draft costs a good part of the tokens in it.
const (
	longestMatch, shortestMatch = 4, 2
	longestPause                = 64
)

// note adds a token of the reply.
func (l *lookup) note(id int32) {
	if l.most == 0 {
		return
	}
	l.seen = append(l.seen, id)
	l.pause = max(0, l.pause-1)
}

// foretell makes the draft for what follows the last token, at most so many tokens.
func (l *lookup) foretell(most int) {
	l.draft = l.draft[:0]
	if l.most == 0 || l.pause > 0 {
		return
	}
	end := len(l.seen)
	for n := longestMatch; n >= shortestMatch && end > n; n-- {
		last := l.seen[end-n:]
		for at := end - n - 1; at >= 0; at-- {
			if slices.Equal(l.seen[at:at+n], last) {
				from := at + n
				l.draft = append(l.draft, l.seen[from:min(end, from+min(l.most, most))]...)
				return
			}
		}
	}
}

// judge says how many of the draft's tokens came true. A draft of which none did makes
// the next one wait, twice as long each time.
func (l *lookup) judge(accepted int) {
	switch {
	case len(l.draft) == 0:
	case accepted > 0:
		l.wait = 0
	default:
		l.wait = min(longestPause, max(2, 2*l.wait))
		l.pause = l.wait
	}
}
