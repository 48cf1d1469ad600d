package engine

import (
	"context"
	"strings"
	"sync"
	"time"

	"moebot/moe/kvcache"
	"moebot/moe/sample"
	"moebot/moe/tokenizer"
)

// sequence is a request on its way. The loop alone touches it until ended closes.
type sequence struct {
	ctx     context.Context
	req     Request
	sampler *sample.Sampler
	stream  *tokenizer.Stream
	out     outbox
	ended   chan struct{} // closed when result and err are final
	result  Result
	err     error

	lookup lookup
	// what it waits for, so as not to read the same: nil for nothing; see follow
	leader  *conversation
	leading *sequence      // of it
	shared  int            // tokens that both begin with
	warm    *kvcache.Cache // read from a snapshot; nil if there was none

	arrived, first time.Time
	read           int // prompt tokens in the cache
	next           int32
	limit          int    // tokens of the reply at most
	held           string // text that may yet become a stop string
	text           strings.Builder
}

func (e *Engine) newSequence(ctx context.Context, r Request) *sequence {
	limit := e.opt.ContextTokens - len(r.Tokens)
	if r.MaxTokens > 0 {
		limit = min(limit, r.MaxTokens)
	}
	sampler := sample.New(r.Sampling, r.Forbid)
	if r.Sampling.Dry.Multiplier != 0 {
		sampler.Read(r.Tokens, e.breakers())
	}
	sampler.Said(r.Tokens[len(r.Tokens)-r.Begun:])
	after := int32(-1) // the token that the reply's text goes on behind
	if r.Begun > 0 {
		after = r.Tokens[len(r.Tokens)-1]
	}
	if r.Never != nil {
		sampler.Never(r.Never, r.Before, after)
	}
	look := lookup{most: e.opt.Lookup}
	if look.most > 0 {
		look.seen = append(make([]int32, 0, len(r.Tokens)+min(limit, 512)), r.Tokens...)
	}
	return &sequence{ctx: ctx, req: r, lookup: look, sampler: sampler, stream: e.tok.Stream(after), limit: limit,
		out: outbox{more: make(chan struct{}, 1)}, ended: make(chan struct{}), arrived: time.Now()}
}

// dryBreakers are the tokens over which no repetition reaches: those with one of the
// characters that llama.cpp has for it by default.
func dryBreakers(tok *tokenizer.Tokenizer) []bool {
	out := make([]bool, tok.Size())
	for id := range out {
		out[id] = strings.ContainsAny(tok.Bytes(int32(id)), "\n:\"*") || tok.IsControl(int32(id))
	}
	return out
}

// outbox holds the pieces that Generate has not given out yet. The loop never waits
// for it, however slow the receiver is.
type outbox struct {
	mu     sync.Mutex
	pieces []string
	tokens []TokenTrace
	more   chan struct{} // holds one element after put and putToken
}

func (o *outbox) put(piece string) {
	o.mu.Lock()
	o.pieces = append(o.pieces, piece)
	o.mu.Unlock()
	o.tell()
}

func (o *outbox) putToken(t TokenTrace) {
	o.mu.Lock()
	o.tokens = append(o.tokens, t)
	o.mu.Unlock()
	o.tell()
}

func (o *outbox) tell() {
	select {
	case o.more <- struct{}{}:
	default:
	}
}

func (o *outbox) take() (pieces []string, tokens []TokenTrace) {
	o.mu.Lock()
	defer o.mu.Unlock()
	pieces, tokens = o.pieces, o.tokens
	o.pieces, o.tokens = nil, nil
	return pieces, tokens
}

// prefilling reports whether prompt tokens remain to be read.
func (q *sequence) prefilling() bool { return q.read < len(q.req.Tokens) }

// take adds a decoded token's text; it reports whether a stop string is complete.
func (q *sequence) take(piece string) (stopped bool) {
	q.held += piece
	if at := firstStop(q.held, q.req.StopStrings); at >= 0 {
		q.held = q.held[:at]
		q.give(len(q.held))
		return true
	}
	q.give(len(q.held) - partialStop(q.held, q.req.StopStrings))
	return false
}

// give emits the first n bytes of the held text.
func (q *sequence) give(n int) {
	if n == 0 {
		return
	}
	q.text.WriteString(q.held[:n])
	q.out.put(q.held[:n])
	q.held = q.held[n:]
}

// firstStop is where the earliest stop string starts in text, -1 for none.
func firstStop(text string, stops []string) int {
	first := -1
	for _, s := range stops {
		if s == "" {
			continue
		}
		if at := strings.Index(text, s); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}

// partialStop is the length of the longest end of text that begins a stop string.
func partialStop(text string, stops []string) int {
	longest := 0
	for _, s := range stops {
		for n := min(len(s)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, s[:n]) {
				longest = n
				break
			}
		}
	}
	return longest
}

// end settles the sequence.
func (q *sequence) end(stop StopReason, err error) {
	if stop != StopString { // what was held back can be no stop string any more
		if stop == StopEnd { // else half a character would yet have become one
			q.held += q.stream.Flush()
		}
		if at := firstStop(q.held, q.req.StopStrings); at >= 0 {
			q.held = q.held[:at]
		}
		q.give(len(q.held))
	}
	q.result.Text, q.result.Stop, q.err = q.text.String(), stop, err
	u := &q.result.Usage
	u.PromptTokens = len(q.req.Tokens)
	if !q.first.IsZero() {
		u.DecodeTime, u.TimeToFirstToken = time.Since(q.first), q.first.Sub(q.arrived)
	}
	close(q.ended)
}
