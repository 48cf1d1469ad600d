package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"moebot/moe/kernel"
	"moebot/moe/kvcache"
	"moebot/moe/model"
	"moebot/moe/model/steer"
	"moebot/moe/sample"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
)

// Options size an engine; zero values choose.
type Options struct {
	Threads       int // goroutines that compute; 0 is one for each processor
	ContextTokens int // longest sequence; 0 is what the model was made for
	Slots         int // replies in progress at a time; 0 is 8
	ChunkTokens   int // prompt tokens read in a step; 0 is 64
	QueueLen      int // requests that may wait for a slot; 0 is 256
	// CacheBytes bounds the memory of all conversations' keys and values; 0 is 512 MiB.
	// A reply alone may take more, if its prompt needs it; replies at the same time
	// then wait for each other.
	CacheBytes int
	// CacheType is the type of keys and values: F32, F16 or Q8_0 (see model.Config.CacheType).
	CacheType tensor.Type
	// Lookup is how many tokens of a reply are foretold from what stood before and
	// computed at a time (see lookup); 0 foretells none. The texts are the same.
	Lookup    int
	Snapshots Snapshots
	Log       *slog.Logger // nil is silent
}

func (o Options) fill(c model.Config) Options {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.ContextTokens, c.Context)
	def(&o.Slots, 8)
	def(&o.ChunkTokens, 64)
	def(&o.QueueLen, 256)
	def(&o.CacheBytes, 512<<20)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// ErrClosed is returned for requests to an engine that is closed or closing.
var ErrClosed = errors.New("engine: closed")

// ErrBusy is returned when as many requests wait as may wait.
var ErrBusy = errors.New("engine: too many requests are waiting")

// ContextError is a prompt that leaves no room for an answer.
type ContextError struct{ Tokens, Limit int }

func (e *ContextError) Error() string {
	return fmt.Sprintf("engine: the prompt has %d tokens, the context window %d", e.Tokens, e.Limit)
}

// Request asks for a continuation of Tokens.
type Request struct {
	Key         string  // the conversation: a later request with the same key finds its cache; "" keeps none
	Tokens      []int32 // the whole prompt; not changed, and not read after Generate has returned
	MaxTokens   int     // of the reply; 0 is as many as fit
	Sampling    sample.Params
	StopTokens  []int32                // end the reply, beside the vocabulary's own ends and its control tokens
	StopStrings []string               // the reply ends before the first of these
	Forbid      []int32                // tokens never drawn
	Never       *sample.Ban            // strings that the reply may not spell, nor complete of those that Before ends with; nil for none
	Before      string                 // text in the prompt that the reply goes on with
	Begun       int                    // tokens at the end of the prompt that are that text: penalties count them as the reply's, whose own text stands right behind theirs
	Doubt       func(text string) bool // of replies that are whole and new, those that Best gives only if most are such, or all; nil doubts none
	Unlike      []string               // texts, but for blanks around them, that Best does not give if it has another
	Trace       bool                   // collect Result.Trace
	// Watch is told each token as it is drawn, with the trace Result.Trace would have of
	// it, on the goroutine that called Generate. May be nil.
	Watch func(TokenTrace)
	// Plan changes what the model does in this request, and in no other; nil, nothing.
	// What was cached under another plan is not used.
	Plan *steer.Plan

	beside bool // made beside another of which it is no request of its own; see Best
}

// StopReason says why a reply ended.
type StopReason string

const (
	StopEnd       StopReason = "end"       // the model said so
	StopLength    StopReason = "length"    // MaxTokens
	StopString    StopReason = "stop"      // one of StopStrings
	StopContext   StopReason = "context"   // the context window is full
	StopCancelled StopReason = "cancelled" // the context.Context ended, or emit failed
)

// Usage is what a request cost.
type Usage struct {
	PromptTokens     int // of the request
	ReusedTokens     int // of them found in the cache
	DecodedTokens    int // of the reply
	DraftedTokens    int // computed by Options.Lookup before they were drawn
	AcceptedTokens   int // of them, those that were drawn then
	DecodeTime       time.Duration
	TimeToFirstToken time.Duration // from the call of Generate
}

// Result is a finished reply. Text is what was emitted, whole.
type Result struct {
	Text  string
	Stop  StopReason
	Usage Usage
	Trace []TokenTrace // one for each token of the reply, if asked for
	// Drafts are the replies that Best chose among, the better first, which is this one; nil
	// if there was no choice.
	Drafts []Draft

	end float32 // probability of the token that ended it, with StopEnd and a trace
}

// Draft is a reply that might have been given.
type Draft struct {
	Text  string
	Score float64 // higher is better, of those that came to an end; see Best
}

// TokenTrace tells how one token came about.
type TokenTrace struct {
	ID           int32
	Text         string  // may be part of a character
	Prob         float32 // of the model's own distribution, before any sampling step
	Alternatives []Alternative
	Experts      [][]int32   // [layer] chosen, best first, where this token was predicted
	Gates        [][]float32 // [layer] their weights
}

// Alternative is a token the model might have said.
type Alternative struct {
	ID   int32
	Text string
	Prob float32
}

// Engine serves requests. Close it when done.
type Engine struct {
	model *model.Model
	tok   *tokenizer.Tokenizer
	opt   Options
	pool  *kernel.Pool

	snapshots *snapshots

	submit chan *sequence
	forget chan forgetting
	quit   chan struct{}
	done   chan struct{}
	once   sync.Once

	breakers func() []bool // by id; see dryBreakers

	counters counters
}

// New starts an engine over m.
func New(m *model.Model, tok *tokenizer.Tokenizer, o Options) (*Engine, error) {
	if err := m.Fits(tok); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	o = o.fill(m.Config)
	if err := m.Config.CacheType(o.CacheType); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e := &Engine{model: m, tok: tok, opt: o, pool: kernel.NewPool(o.Threads), submit: make(chan *sequence), forget: make(chan forgetting),
		quit: make(chan struct{}), done: make(chan struct{})}
	var err error
	if e.snapshots, err = openSnapshots(o.Snapshots, m.Config.Vocab, o.Log); err != nil {
		e.pool.Close()
		return nil, err
	}
	e.breakers = sync.OnceValue(func() []bool { return dryBreakers(tok) })
	e.counters.init(m.Config)
	go e.loop()
	return e, nil
}

func (e *Engine) newCache() *kvcache.Cache {
	return e.model.Config.NewCache(e.opt.CacheType, e.opt.ContextTokens)
}

// ContextTokens is the size of the context window.
func (e *Engine) ContextTokens() int { return e.opt.ContextTokens }

// Close ends all requests with ErrClosed, writes the snapshots, if there are to be any,
// and frees the engine's memory.
func (e *Engine) Close() {
	e.once.Do(func() { close(e.quit) })
	<-e.done
}

// Generate produces a reply and calls emit with pieces of its text as they become
// certain: whole characters, no part of a stop string. It returns when the reply
// has ended; an error leaves in Result what was emitted. If ctx ends, the reply
// stops within a token and the error is the context's; if emit fails, its error.
func (e *Engine) Generate(ctx context.Context, r Request, emit func(piece string) error) (Result, error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	q, res, err := e.enter(inner, r)
	if err != nil {
		return res, err
	}
	return q.listen(cancel, emit)
}

// enter submits a request, or says in Result and error what Generate does of one that it
// cannot submit.
func (e *Engine) enter(ctx context.Context, r Request) (*sequence, Result, error) {
	if err := e.check(r); err != nil {
		return nil, Result{}, err
	}
	room := int64(e.opt.QueueLen)
	if r.beside { // of slots, for all that have one or wait for one
		room = int64(e.opt.Slots) - e.counters.busy.Load()
	}
	if e.counters.queued.Add(1) > room {
		e.counters.queued.Add(-1)
		return nil, Result{}, ErrBusy
	}
	q := e.newSequence(ctx, r)
	select {
	case e.submit <- q: // from now on the loop will end it
		return q, Result{}, nil
	case <-e.quit:
		e.counters.queued.Add(-1)
		return nil, Result{Stop: StopCancelled}, ErrClosed
	case <-ctx.Done():
		e.counters.queued.Add(-1)
		return nil, Result{Stop: StopCancelled}, ctx.Err()
	}
}

// listen gives out what the loop makes until the sequence has ended; cancel ends its context.
func (q *sequence) listen(cancel func(), emit func(piece string) error) (Result, error) {
	var emitErr error
	give := func() {
		pieces, tokens := q.out.take()
		for _, t := range tokens {
			q.req.Watch(t)
		}
		for _, piece := range pieces {
			if emitErr == nil {
				if emitErr = emit(piece); emitErr != nil {
					cancel()
				}
			}
		}
	}
	for {
		select {
		case <-q.out.more:
			give()
		case <-q.ended:
			if give(); emitErr != nil {
				q.result.Stop = StopCancelled
				return q.result, emitErr
			}
			return q.result, q.err
		}
	}
}

func (e *Engine) check(r Request) error {
	if err := r.Sampling.Check(); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if len(r.Tokens) == 0 {
		return errors.New("engine: an empty prompt")
	}
	if r.Begun < 0 || r.Begun > len(r.Tokens) {
		return fmt.Errorf("engine: a reply that begins with %d of %d prompt tokens", r.Begun, len(r.Tokens))
	}
	if len(r.Tokens) >= e.opt.ContextTokens {
		return &ContextError{len(r.Tokens), e.opt.ContextTokens}
	}
	for i, id := range r.Tokens {
		if id < 0 || int(id) >= e.model.Config.Vocab {
			return fmt.Errorf("engine: token %d of the prompt is %d, the vocabulary has %d", i, id, e.model.Config.Vocab)
		}
	}
	return nil
}
