package interp

import (
	"context"
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"moebot/moe/kernel"
	"moebot/moe/kvcache"
	"moebot/moe/model"
	"moebot/moe/sample"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
)

// Lab is a model on the bench: it computes sequences, one at a time, and lets the
// instruments see and change what happens inside. It is for one goroutine.
type Lab struct {
	Model *model.Model
	Tok   *tokenizer.Tokenizer
	// Progress is told how far an instrument is, in parts of its own size. May be nil.
	Progress func(done, total int)

	pool    *kernel.Pool
	length  int
	scratch *model.Scratch
	reader  *model.Scratch // for readouts, which may come in the middle of a pass
	cache   *kvcache.Cache
	batch   []model.Input
}

// readRows is the number of residual streams read out at a time.
const readRows = 16

// New returns a Lab for sequences of up to length tokens, of the model's context if
// that is less. The pool may be shared.
func New(m *model.Model, tok *tokenizer.Tokenizer, pool *kernel.Pool, length int) (*Lab, error) {
	if m.Config.Context > 0 {
		length = min(length, m.Config.Context)
	}
	if length < 2 {
		return nil, &RangeError{What: "length", Got: length, Lo: 2, Hi: max(2, m.Config.Context)}
	}
	if tok.Size() != m.Config.Vocab {
		return nil, fmt.Errorf("interp: the tokenizer has %d tokens, the model %d", tok.Size(), m.Config.Vocab)
	}
	return &Lab{Model: m, Tok: tok, pool: pool, length: length, scratch: m.NewScratch(pool, length), reader: m.NewScratch(pool, readRows), cache: m.Config.NewCache(tensor.F32, length)}, nil
}

// withTopK is a Lab of the same weights whose router chooses k experts a token.
func (l *Lab) withTopK(k int) *Lab {
	m := *l.Model
	m.Config.TopK = k
	out := *l
	out.Model, out.scratch, out.cache = &m, m.NewScratch(l.pool, l.length), m.Config.NewCache(tensor.F32, l.length)
	return &out
}

// Length is the longest sequence in tokens.
func (l *Lab) Length() int { return l.length }

// pass computes a sequence from its start, hook watching, and the logits of all
// positions if they are wanted. Row i of what the hook sees is position i.
func (l *Lab) pass(ids []int32, logits bool, hook model.Hook) {
	l.cache.Truncate(0)
	l.extend(ids, logits, hook)
}

// Read computes a sequence of 1 token at least and the Lab's length at most and leaves
// it at that: to see how fast the model is here.
func (l *Lab) Read(ctx context.Context, ids []int32) error {
	if err := inRange("number of tokens", len(ids), 1, l.length); err != nil {
		return err
	}
	l.pass(ids, true, nil)
	return ctx.Err()
}

// extend computes the tokens that follow those already computed. Row i is the i-th
// of ids.
func (l *Lab) extend(ids []int32, logits bool, hook model.Hook) {
	l.batch = l.batch[:0]
	for _, id := range ids {
		l.batch = append(l.batch, model.Input{ID: id, Cache: l.cache, Logits: logits})
	}
	l.scratch.Hook = hook
	l.Model.Forward(l.scratch, l.batch)
	l.scratch.Hook = nil
}

// patterns is pass with the hook seeing what each head attends to.
func (l *Lab) patterns(ids []int32, logits bool, hook model.Hook) {
	l.scratch.Patterns = true
	defer func() { l.scratch.Patterns = false }()
	l.pass(ids, logits, hook)
}

// logits are those of position i of the last pass, valid until the next.
func (l *Lab) logits(i int) []float32 { return l.scratch.Logits(i) }

// read calls use for the logits that each of the residual streams rows [n, D] would
// give by itself.
func (l *Lab) read(rows []float32, use func(i int, logits []float32)) {
	d, v := l.Model.Config.Dim, l.Model.Config.Vocab
	buf := make([]float32, readRows*v)
	for at, n := 0, len(rows)/d; at < n; at += readRows {
		k := min(readRows, n-at)
		l.Model.Readout(l.reader, buf, rows[at*d:], k)
		for i := range k {
			use(at+i, buf[i*v:(i+1)*v])
		}
	}
}

// step tells how far the work is.
func (l *Lab) step(done, total int) {
	if l.Progress != nil {
		l.Progress(done, total)
	}
}

// Encode is a text as the model reads it at the start of a sequence, cut to the
// Lab's length.
func (l *Lab) Encode(text string, special bool) []int32 {
	var ids []int32
	if s := l.Tok.Spec(); s.AddBOS && s.BOS >= 0 {
		ids = append(ids, s.BOS)
	}
	ids = l.Tok.Append(ids, text, special)
	return ids[:min(len(ids), l.length)]
}

// Continue returns up to n tokens that the model says next, drawn at a temperature
// (0: the likeliest). It stops at the end of a turn and at the Lab's length. The
// hook, if any, sees and changes the whole of it.
func (l *Lab) Continue(ids []int32, n int, temperature float64, seed uint64, hook model.Hook) []int32 {
	s := sample.New(sample.Params{Temperature: temperature, TopP: 1, RepeatPenalty: 1, Seed: seed}, nil)
	var out []int32
	l.pass(ids, true, hook)
	logits := l.logits(len(ids) - 1)
	for len(out) < n {
		id := s.Sample(logits)
		out = append(out, id)
		if l.Tok.IsEnd(id) || len(ids)+len(out) >= l.length {
			break
		}
		l.extend([]int32{id}, true, hook)
		logits = l.logits(0)
	}
	return out
}

// Show is a token as tables and pictures write it: a blank as "·", control tokens by
// name, what cannot be printed escaped.
func (l *Lab) Show(id int32) string {
	text := l.Tok.Bytes(id)
	if l.Tok.IsControl(id) {
		text = l.Tok.Token(id)
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case r == ' ':
			b.WriteRune('·')
		case r == '\n':
			b.WriteString(`\n`)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		text = text[n:]
	}
	return b.String()
}

// shows is Show for several tokens.
func (l *Lab) shows(ids []int32) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = l.Show(id)
	}
	return out
}

// distribution is the softmax of logits divided by a temperature above 0, in float64.
func distribution(logits []float32, temperature float64) []float64 {
	top := math.Inf(-1)
	for _, v := range logits {
		top = max(top, float64(v))
	}
	p, sum := make([]float64, len(logits)), 0.0
	for i, v := range logits {
		p[i] = math.Exp((float64(v) - top) / temperature)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// logProb is the logarithm, in nats, of a token's probability.
func logProb(logits []float32, id int32) float64 {
	top := float64(kernel.Max(logits))
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - top)
	}
	return float64(logits[id]) - top - math.Log(sum)
}

// losses are the nats of each token of ids but the first, from the last pass.
func (l *Lab) losses(ids []int32) []float64 {
	out := make([]float64, len(ids)-1)
	for i := range out {
		out[i] = -logProb(l.logits(i), ids[i+1])
	}
	return out
}
