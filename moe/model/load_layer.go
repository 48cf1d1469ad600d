package model

import (
	"fmt"

	"moebot/moe/kernel"
	"moebot/moe/tensor"
)

// layer reads the tensors of layer i, under the names of GGUF.
func (l *loader) layer(c Config, i int) layer {
	name := func(s string) string { return fmt.Sprintf("blk.%d.%s", i, s) }
	out := layer{attnNorm: l.norm(name("attn_norm"), c.Dim, c.biases.norms)}
	second := name("ffn_norm")
	if c.Architecture == "gpt-oss" {
		second = name("post_attention_norm")
	}
	out.ffnNorm = l.norm(second, c.Dim, c.biases.norms)
	if c.Latent.Rank > 0 {
		l.latentAttention(&out, c, name)
	} else {
		l.attention(&out, c, name)
	}
	if c.dense(i) {
		out.hidden = c.Hidden
		if c.Experts > 0 {
			out.hidden = c.DenseHidden
		}
		out.experts = []expert{{l.projection(name("ffn_gate"), out.hidden, c.Dim, false), l.projection(name("ffn_up"), out.hidden, c.Dim, false),
			l.projection(name("ffn_down"), c.Dim, out.hidden, false)}}
		return out
	}
	out.hidden = c.Hidden
	out.router.Matrix = l.matrix(name("ffn_gate_inp.weight"), c.Experts, c.Dim)
	if c.biases.experts {
		out.router.bias = l.vector(name("ffn_gate_inp.bias"), c.Experts)
	}
	if c.Router.correction {
		out.correction = l.option(name("exp_probs_b.bias"), c.Experts)
	}
	out.experts = l.experts(c, name)
	if n := c.SharedHidden; n > 0 {
		out.shared = &expert{gate: projection{Matrix: l.matrix(name("ffn_gate_shexp.weight"), n, c.Dim)}, up: projection{Matrix: l.matrix(name("ffn_up_shexp.weight"), n, c.Dim)},
			down: projection{Matrix: l.matrix(name("ffn_down_shexp.weight"), c.Dim, n)}}
		if c.SharedGate {
			out.sharedGate = l.vector(name("ffn_gate_inp_shexp.weight"), c.Dim)
		}
	}
	return out
}

// attention reads queries, keys and values, from one matrix each or from one for all.
func (l *loader) attention(out *layer, c Config, name func(string) string) {
	qd, kd, vd := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim, c.KVHeads*c.ValueDim
	if l.has(name("attn_qkv.weight")) {
		all := l.projection(name("attn_qkv"), qd+kd+vd, c.Dim, false)
		if all.Data != nil {
			out.q.Matrix, out.k.Matrix, out.v.Matrix = rowsOf(all.Matrix, 0, qd), rowsOf(all.Matrix, qd, kd), rowsOf(all.Matrix, qd+kd, vd)
		}
		if b := all.bias; b != nil {
			out.q.bias, out.k.bias, out.v.bias = b[:qd], b[qd:qd+kd], b[qd+kd:]
		}
	} else {
		out.q = l.projection(name("attn_q"), qd, c.Dim, false)
		out.k = l.projection(name("attn_k"), kd, c.Dim, false)
		out.v = l.projection(name("attn_v"), vd, c.Dim, false)
	}
	out.o = l.projection(name("attn_output"), c.Dim, c.Heads*c.ValueDim, c.biases.heads)
	switch c.QKNorm {
	case HeadQKNorm:
		out.qNorm, out.kNorm = l.vector(name("attn_q_norm.weight"), c.HeadDim), l.vector(name("attn_k_norm.weight"), c.HeadDim)
	case WholeQKNorm:
		out.qNorm, out.kNorm = l.vector(name("attn_q_norm.weight"), qd), l.vector(name("attn_k_norm.weight"), kd)
	}
	if c.biases.sinks {
		out.sinks = l.vector(name("attn_sinks.weight"), c.Heads)
	}
}

// experts reads one FFN for each expert: from tensors of all experts, with gate and
// up projections apart or one behind the other, or, in older files, from tensors of
// one expert. It takes no memory for tensors that are not there.
func (l *loader) experts(c Config, name func(string) string) []expert {
	part := func(p string, rows, cols int) []kernel.Matrix {
		if !l.has(name(p + ".0.weight")) {
			return l.stack(name(p+"_exps.weight"), c.Experts, rows, cols)
		}
		var out []kernel.Matrix
		for e := 0; e < c.Experts && len(l.errs) <= maxFaults; e++ {
			out = append(out, l.matrix(name(fmt.Sprintf("%s.%d.weight", p, e)), rows, cols))
		}
		return out
	}
	var gate, up []kernel.Matrix
	if l.has(name("ffn_gate_up_exps.weight")) {
		for _, both := range l.stack(name("ffn_gate_up_exps.weight"), c.Experts, 2*c.Hidden, c.Dim) {
			gate, up = append(gate, rowsOf(both, 0, c.Hidden)), append(up, rowsOf(both, c.Hidden, c.Hidden))
		}
	} else {
		gate, up = part("ffn_gate", c.Hidden, c.Dim), part("ffn_up", c.Hidden, c.Dim)
	}
	down := part("ffn_down", c.Dim, c.Hidden)
	var gateBias, upBias, downBias []float32
	if c.biases.experts {
		gateBias = l.vector(name("ffn_gate_exps.bias"), c.Experts, c.Hidden)
		upBias = l.vector(name("ffn_up_exps.bias"), c.Experts, c.Hidden)
		downBias = l.vector(name("ffn_down_exps.bias"), c.Experts, c.Dim)
	}
	if len(gate) != c.Experts || len(up) != c.Experts || len(down) != c.Experts || len(l.errs) > 0 {
		return nil // a fault has been noted
	}
	out := make([]expert, c.Experts)
	row := func(bias []float32, e, n int) []float32 {
		if bias == nil {
			return nil
		}
		return bias[e*n : (e+1)*n]
	}
	for e := range out {
		out[e] = expert{projection{gate[e], row(gateBias, e, c.Hidden)}, projection{up[e], row(upBias, e, c.Hidden)}, projection{down[e], row(downBias, e, c.Dim)}}
	}
	return out
}

// latentAttention reads the matrices of latent attention. Older files have one
// matrix for keys and values, whose key part is turned over here, in float32.
func (l *loader) latentAttention(out *layer, c Config, name func(string) string) {
	a, head := &latent{}, c.Latent.Content+c.RopeDims
	width := c.Dim
	if c.Latent.QueryRank > 0 {
		width = c.Latent.QueryRank
		a.queryDown = l.matrix(name("attn_q_a.weight"), width, c.Dim)
		a.queryNorm = l.vector(name("attn_q_a_norm.weight"), width)
		out.q.Matrix = l.matrix(name("attn_q_b.weight"), c.Heads*head, width)
	} else {
		out.q.Matrix = l.matrix(name("attn_q.weight"), c.Heads*head, width)
	}
	a.down = l.matrix(name("attn_kv_a_mqa.weight"), c.HeadDim, c.Dim)
	a.norm = l.vector(name("attn_kv_a_norm.weight"), c.Latent.Rank)
	if !l.has(name("attn_kv_b.weight")) {
		a.keys = l.stack(name("attn_k_b.weight"), c.Heads, c.Latent.Rank, c.Latent.Content)
		a.values = l.stack(name("attn_v_b.weight"), c.Heads, c.Latent.Value, c.Latent.Rank)
	} else if both := l.matrix(name("attn_kv_b.weight"), c.Heads*(c.Latent.Content+c.Latent.Value), c.Latent.Rank); both.Data != nil {
		for h := range c.Heads {
			first := h * (c.Latent.Content + c.Latent.Value)
			a.keys = append(a.keys, turnedOver(rowsOf(both, first, c.Latent.Content)))
			a.values = append(a.values, rowsOf(both, first+c.Latent.Content, c.Latent.Value))
		}
	}
	out.o.Matrix = l.matrix(name("attn_output.weight"), c.Dim, c.Heads*c.Latent.Value)
	out.latent = a
}

// turnedOver is the transposed matrix, in new memory as float32.
func turnedOver(w kernel.Matrix) kernel.Matrix {
	x := make([]float32, w.Rows*w.Cols)
	tensor.Dequantize(x, w.Type, w.Data)
	y := make([]float32, len(x))
	for r := range w.Rows {
		for c := range w.Cols {
			y[c*w.Rows+r] = x[r*w.Cols+c]
		}
	}
	out := kernel.Matrix{Type: tensor.F32, Rows: w.Cols, Cols: w.Rows, Data: make([]byte, 4*len(y))}
	tensor.Quantize(out.Data, tensor.F32, y)
	return out
}
