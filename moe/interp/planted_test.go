package interp

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"moebot/moe/model"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
)

// planted is a model made by hand, whose every part is known:
//
//   - The residual stream has the token's identity in elements 0 to 15, that of the
//     token before in 16 to 31, what the logits are read from in 32 to 47, a one in
//     48 and, in 49, the class of the token: +1 for tokens 8 to 15, -1 for the others.
//   - Layer 0, head 0 attends to the position before and writes its token to 16 to 31;
//     head 1 attends to <s>, token 0, and writes nothing.
//   - Layer 1, head 0 attends to positions behind a token equal to the current one
//     and writes what it finds there to 32 to 47: an induction head. Head 1 attends
//     to the same token and writes nothing.
//   - Token t goes to experts t%4 (gate 0.9) and (t+1)%4 (gate 0.1) of both layers.
//   - Layer 0, expert 1, neuron 0 fires on token 5 only and writes to the logit of
//     token 9. Layer 1, expert 2 copies the identity of its token to the logits
//     (neuron t for token t). All other neurons are dead.
type planted struct {
	meta    map[string]any
	tensors map[string]tensor.Tensor
}

const (
	pVocab, pDim, pHead, pHidden = 16, 64, 24, 16
	atPrev, atOut, atOne, atKind = 16, 32, 48, 49
)

func (p *planted) Tensor(name string) (tensor.Tensor, bool) { t, ok := p.tensors[name]; return t, ok }
func (p *planted) Names() (out []string) {
	for n := range p.tensors {
		out = append(out, n)
	}
	return out
}
func (p *planted) Keys() (out []string) {
	for k := range p.meta {
		out = append(out, k)
	}
	return out
}
func get[T any](p *planted, key string) (v T, ok bool, err error) {
	x, ok := p.meta[key]
	if !ok {
		return v, false, nil
	}
	v, ok = x.(T)
	if !ok {
		err = fmt.Errorf("%s is %T", key, x)
	}
	return v, ok, err
}
func (p *planted) Uint(key string) (uint64, bool, error)      { return get[uint64](p, key) }
func (p *planted) Float(key string) (float64, bool, error)    { return get[float64](p, key) }
func (p *planted) Bool(key string) (v, ok bool, err error)    { return get[bool](p, key) }
func (p *planted) String(key string) (string, bool, error)    { return get[string](p, key) }
func (p *planted) Strings(key string) ([]string, bool, error) { return get[[]string](p, key) }
func (p *planted) Ints(key string) ([]int64, bool, error)     { return get[[]int64](p, key) }
func (p *planted) Floats(key string) ([]float64, bool, error) { return get[[]float64](p, key) }

// put writes elements {row, column, value} of a matrix, the rest being zero.
func (p *planted) put(name string, rows, cols int, at ...[3]float64) {
	x := make([]float32, rows*cols)
	for _, a := range at {
		x[int(a[0])*cols+int(a[1])] = float32(a[2])
	}
	p.floats(name, x, rows, cols)
}

func (p *planted) floats(name string, x []float32, shape ...int) {
	t := tensor.Tensor{Name: name + ".weight", Type: tensor.F32, Shape: shape, Data: make([]byte, 4*len(x))}
	tensor.Quantize(t.Data, tensor.F32, x)
	p.tensors[t.Name] = t
}

// plant builds the model.
func plant() *planted {
	p := &planted{tensors: map[string]tensor.Tensor{}, meta: map[string]any{"general.architecture": "llama"}}
	for k, v := range map[string]uint64{"context_length": 64, "embedding_length": pDim, "block_count": 2, "feed_forward_length": pHidden, "attention.head_count": 2,
		"attention.head_count_kv": 2, "attention.key_length": pHead, "attention.value_length": pHead, "rope.dimension_count": 2, "expert_count": 4, "expert_used_count": 2} {
		p.meta["llama."+k] = v
	}
	p.meta["llama.attention.layer_norm_rms_epsilon"], p.meta["llama.rope.scaling.type"], p.meta["llama.rope.scaling.factor"] = 1e-6, "linear", 8.0
	var embed, output [][3]float64
	for t := range pVocab {
		embed = append(embed, [3]float64{float64(t), float64(t), 1}, [3]float64{float64(t), atOne, 1}, [3]float64{float64(t), atKind, kind(t)})
		output = append(output, [3]float64{float64(t), float64(atOut + t), 2})
	}
	p.put("token_embd", pVocab, pDim, embed...)
	p.put("output", pVocab, pDim, output...)
	ones := slices.Repeat([]float32{1}, pDim)
	p.floats("output_norm", ones, pDim)
	for l := range 2 {
		n := func(s string) string { return fmt.Sprintf("blk.%d.%s", l, s) }
		p.floats(n("attn_norm"), ones, pDim)
		p.floats(n("ffn_norm"), ones, pDim)
		p.attention(l, n)
		p.experts(l, n)
	}
	return p
}

func kind(t int) float64 {
	if t >= 8 {
		return 1
	}
	return -1
}

func (p *planted) attention(l int, n func(string) string) {
	var q, k, v, o [][3]float64
	if l == 0 {
		// The unit at 48 is 4.6 behind the norm. The turn between neighbours is 1/8.
		const a = 20
		q = [][3]float64{{0, atOne, a * math.Cos(0.125)}, {1, atOne, -a * math.Sin(0.125)}}
		k = [][3]float64{{0, atOne, a}}
		q = append(q, [3]float64{pHead + 2, atOne, 10})
		k = append(k, [3]float64{pHead + 2, 0, 10})
	}
	for t := range 16 {
		row := float64(2 + t)
		if l == 0 {
			v = append(v, [3]float64{row, float64(t), 1 / math.Sqrt(64./3)})
			o = append(o, [3]float64{float64(atPrev + t), row, 1})
			continue
		}
		q = append(q, [3]float64{row, float64(t), 4}, [3]float64{pHead + row, float64(t), 4})
		k = append(k, [3]float64{row, float64(atPrev + t), 4}, [3]float64{pHead + row, float64(t), 4})
		v = append(v, [3]float64{row, float64(t), 1})
		o = append(o, [3]float64{float64(atOut + t), row, 2})
	}
	p.put(n("attn_q"), 2*pHead, pDim, q...)
	p.put(n("attn_k"), 2*pHead, pDim, k...)
	p.put(n("attn_v"), 2*pHead, pDim, v...)
	p.put(n("attn_output"), pDim, 2*pHead, o...)
}

func (p *planted) experts(l int, n func(string) string) {
	var router [][3]float64
	for t := range pVocab {
		router = append(router, [3]float64{float64(t % 4), float64(t), 2}, [3]float64{float64((t + 1) % 4), float64(t), 1.5})
	}
	p.put(n("ffn_gate_inp"), 4, pDim, router...)
	gate, up, down := make([]float32, 4*pHidden*pDim), make([]float32, 4*pHidden*pDim), make([]float32, 4*pDim*pHidden)
	neuron := func(e, j, in, out int, weight float32) {
		gate[(e*pHidden+j)*pDim+atOne] = 1
		up[(e*pHidden+j)*pDim+in] = 1
		down[(e*pDim+out)*pHidden+j] = weight
	}
	if l == 0 {
		neuron(1, 0, 5, atOut+9, 0.05)
	} else {
		for t := range pVocab {
			neuron(2, t, t, atOut+t, 0.5)
		}
	}
	p.floats(n("ffn_gate_exps"), gate, 4, pHidden, pDim)
	p.floats(n("ffn_up_exps"), up, 4, pHidden, pDim)
	p.floats(n("ffn_down_exps"), down, 4, pDim, pHidden)
}

// plantedLab is the planted model with a vocabulary of <s> and the letters a to o,
// tokens 1 to 15.
func plantedLab(t testing.TB) *Lab {
	t.Helper()
	return labOf(t, plant())
}

func labOf(t testing.TB, src model.Source) *Lab { return labWith(t, src, pVocab) }

// labWith is a Lab of a model with so many tokens: <s>, the letters and unused ones.
func labWith(t testing.TB, src model.Source, vocab int) *Lab {
	t.Helper()
	m, err := model.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	spec := tokenizer.Spec{Model: "gpt2", Pre: "gpt-2", Tokens: []string{"<s>"}, Kinds: []tokenizer.Kind{tokenizer.Control}, BOS: 0, EOS: -1, EOT: -1, Pad: -1, AddBOS: true}
	for c := 'a'; c <= 'o'; c++ {
		spec.Tokens, spec.Kinds = append(spec.Tokens, string(c)), append(spec.Kinds, tokenizer.Normal)
	}
	for len(spec.Tokens) < vocab {
		spec.Tokens, spec.Kinds = append(spec.Tokens, fmt.Sprintf("<%d>", len(spec.Tokens))), append(spec.Kinds, tokenizer.Normal)
	}
	tok, err := tokenizer.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(m, tok, nil, 64)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The model must be what its comment says before an instrument is judged by it.
func TestPlantedModel(t *testing.T) {
	l := plantedLab(t)
	ids := l.Encode("abcdkhgabcdkh", false)
	if len(ids) != 14 || ids[0] != 0 || ids[1] != 1 {
		t.Fatalf("tokens %v", ids)
	}
	n := len(ids)
	l.patterns(ids, true, func(at model.Point, layer int, rows []float32, width int) {
		if at != model.AtPattern {
			return
		}
		p := func(i, h, j int) float32 { return rows[i*width+h*n+j] }
		for i := 1; i < n; i++ {
			if layer == 0 && (p(i, 0, i-1) < 0.95 || p(i, 1, 0) < 0.99) {
				t.Errorf("position %d: to the one before %.2f, to the first %.2f", i, p(i, 0, i-1), p(i, 1, 0))
			}
			if layer == 1 && i >= 8 && p(i, 0, i-6) < 0.99 {
				t.Errorf("position %d: induction %.2f", i, p(i, 0, i-6))
			}
		}
	})
	for i := 8; i < n-1; i++ {
		if p := math.Exp(logProb(l.logits(i), ids[i+1])); p < 0.9 {
			t.Errorf("position %d: the repeated token has probability %.3f", i, p)
		}
	}
}
