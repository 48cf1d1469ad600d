package model

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// twin is the network written out in float64, one position at a time, without a
// cache: slow and plain. weights are the file's, dequantised.
type twin struct {
	shape
	weights map[string][]float64
}

func newTwin(s shape, f *file) *twin {
	t := &twin{s.filled(), map[string][]float64{}}
	for _, x := range f.tensors {
		var w []float64
		for _, v := range x.Float32() {
			w = append(w, float64(v))
		}
		t.weights[x.Name] = w
	}
	return t
}

// times is W·x for the rows×len(x) matrix that starts at w.
func times(w []float64, rows int, x []float64) []float64 {
	y := make([]float64, rows)
	for r := range y {
		for c, v := range x {
			y[r] += w[r*len(x)+c] * v
		}
	}
	return y
}

// plus adds the bias, if there is one, in place.
func plus(x, bias []float64) []float64 {
	for i, v := range bias {
		x[i] += v
	}
	return x
}

func (t *twin) normalise(x, w, bias []float64) []float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v / math.Sqrt(sum/float64(len(x))+1e-5) * w[i]
	}
	return plus(y, bias)
}

// frequency is the angle per position of pair i.
func (t *twin) frequency(i int) float64 {
	fast := math.Pow(t.ropeBase, -2*float64(i)/float64(t.ropeDims))
	for kind, name := range map[string]string{"all": "rope_freqs", "long": "rope_factors_long", "short": "rope_factors_short"} {
		if t.factors == kind {
			fast /= t.weights[name+".weight"][i]
		}
	}
	if !t.yarn {
		return fast / t.ropeScale
	}
	// YaRN: pairs of more than 32 turns in the original window stay, those of less than
	// one are stretched, those between in proportion to their number.
	pair := func(turns float64) float64 {
		return float64(t.ropeDims) / 2 * math.Log(float64(t.original)/(2*math.Pi*turns)) / math.Log(t.ropeBase)
	}
	low, high := max(0, math.Floor(pair(32))), min(float64(t.ropeDims-1), math.Ceil(pair(1)))
	stretched := (float64(i) - low) / max(0.001, high-low)
	stretched = max(0, min(1, stretched))
	return fast*(1-stretched) + fast/t.ropeScale*stretched
}

// turn applies RoPE to the first elements of a head.
func (t *twin) turn(x []float64, position int) {
	if t.noRope {
		return
	}
	gain := t.ropeGain
	if t.yarn && t.logMultiplier == 0 {
		gain *= 1 + 0.1*math.Log(t.ropeScale)
	}
	for i := range t.ropeDims / 2 {
		angle := float64(position) * t.frequency(i)
		j, k := 2*i, 2*i+1
		if t.halves {
			j, k = i, i+t.ropeDims/2
		}
		a, b := x[j], x[k]
		x[j], x[k] = gain*(a*math.Cos(angle)-b*math.Sin(angle)), gain*(a*math.Sin(angle)+b*math.Cos(angle))
	}
}

func softmax(x []float64) []float64 {
	y, sum := make([]float64, len(x)), 0.0
	for i, v := range x {
		y[i] = math.Exp(v - slices.Max(x))
		sum += y[i]
	}
	for i := range y {
		y[i] /= sum
	}
	return y
}

// ffn is one gated FFN of any width; the biases may be nil.
func (t *twin) ffn(gate, up, down, gateBias, upBias, downBias, x []float64) []float64 {
	width := len(down) / t.dim
	g, u := plus(times(gate, width, x), gateBias), plus(times(up, width, x), upBias)
	for i := range g {
		if t.clamped {
			a := min(g[i], 7)
			g[i] = a / (1 + math.Exp(-1.702*a)) * (1 + max(-7, min(7, u[i])))
		} else {
			g[i] = g[i] / (1 + math.Exp(-g[i])) * u[i]
		}
	}
	return plus(times(down, t.dim, g), downBias)
}

// mixture routes the token and adds up its experts. It returns how clear the choice
// was: the distance of the last chosen expert from the best one left out.
func (t *twin) mixture(l int, x []float64) (y []float64, margin float64) {
	w := func(p string) []float64 { return t.weights[fmt.Sprintf("blk.%d.%s", l, p)] }
	if t.experts == 0 || l < t.denseLayers {
		return t.ffn(w("ffn_gate.weight"), w("ffn_up.weight"), w("ffn_down.weight"), nil, nil, nil, x), math.Inf(1)
	}
	probs := plus(times(w("ffn_gate_inp.weight"), t.experts, x), w("ffn_gate_inp.bias"))
	if t.sigmoid {
		for e := range probs {
			probs[e] = 1 / (1 + math.Exp(-probs[e]))
		}
	} else {
		probs = softmax(probs)
	}
	score := plus(slices.Clone(probs), w("exp_probs_b.bias"))
	margin = math.Inf(1)
	if t.groups > 1 {
		size := t.experts / t.groups
		sums := make([]float64, t.groups)
		for g := range sums {
			group := slices.Sorted(slices.Values(score[g*size : (g+1)*size]))
			sums[g] = group[size-1] + group[size-2]
		}
		sorted := slices.Sorted(slices.Values(sums))
		bound := sorted[t.groups-t.groupsUsed]
		margin = bound - sorted[t.groups-t.groupsUsed-1]
		for e := range score {
			if sums[e/size] < bound {
				score[e] = math.Inf(-1)
			}
		}
	}
	order := make([]int, t.experts)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	if t.topK < t.experts {
		margin = min(margin, score[order[t.topK-1]]-score[order[t.topK]])
	}
	sum := 1.0
	if !t.noNorm {
		sum = 0
		for _, e := range order[:t.topK] {
			sum += probs[e]
		}
	}
	y = make([]float64, t.dim)
	for _, e := range order[:t.topK] {
		part := func(p string) []float64 {
			all := w(p)
			return all[e*len(all)/t.experts : (e+1)*len(all)/t.experts]
		}
		gate, up := part("ffn_gate_exps.weight"), part("ffn_up_exps.weight")
		if t.fusedGateUp {
			both := part("ffn_gate_up_exps.weight")
			gate, up = both[:len(both)/2], both[len(both)/2:]
		}
		for i, v := range t.ffn(gate, up, part("ffn_down_exps.weight"), part("ffn_gate_exps.bias"), part("ffn_up_exps.bias"), part("ffn_down_exps.bias"), x) {
			y[i] += t.routerGain * probs[e] / sum * v
		}
	}
	if t.shared > 0 {
		weight := 1.0
		if t.sharedGate {
			weight = 1 / (1 + math.Exp(-times(w("ffn_gate_inp_shexp.weight"), 1, x)[0]))
		}
		for i, v := range t.ffn(w("ffn_gate_shexp.weight"), w("ffn_up_shexp.weight"), w("ffn_down_shexp.weight"), nil, nil, nil, x) {
			y[i] += weight * v
		}
	}
	return y, margin
}

// project makes queries [head][elements], keys and values [KV head][elements] of
// the normalised hidden state.
func (t *twin) project(l int, x []float64, position int) (q, k, v [][]float64) {
	w := func(p string) []float64 { return t.weights[fmt.Sprintf("blk.%d.%s", l, p)] }
	cut := func(x []float64, width int) (heads [][]float64) {
		return slices.Collect(slices.Chunk(x, width))
	}
	if t.rank > 0 {
		return t.projectLatent(w, x, position)
	}
	qd, kd := t.heads*t.headDim, t.kvHeads*t.headDim
	var qs, ks, vs []float64
	if t.fusedQKV {
		all := plus(times(w("attn_qkv.weight"), qd+2*kd, x), w("attn_qkv.bias"))
		qs, ks, vs = all[:qd], all[qd:qd+kd], all[qd+kd:]
	} else {
		qs = plus(times(w("attn_q.weight"), qd, x), w("attn_q.bias"))
		ks = plus(times(w("attn_k.weight"), kd, x), w("attn_k.bias"))
		vs = plus(times(w("attn_v.weight"), kd, x), w("attn_v.bias"))
	}
	if t.qkNorm == WholeQKNorm {
		qs, ks = t.normalise(qs, w("attn_q_norm.weight"), nil), t.normalise(ks, w("attn_k_norm.weight"), nil)
	}
	q, k, v = cut(qs, t.headDim), cut(ks, t.headDim), cut(vs, t.headDim)
	for _, part := range []struct {
		heads [][]float64
		norm  string
	}{{q, "attn_q_norm.weight"}, {k, "attn_k_norm.weight"}} {
		for h := range part.heads {
			if t.qkNorm == HeadQKNorm {
				part.heads[h] = t.normalise(part.heads[h], w(part.norm), nil)
			}
			t.turn(part.heads[h], position)
		}
	}
	return q, k, v
}

// projectLatent is the paper's form: keys and values of each head are made.
func (t *twin) projectLatent(w func(string) []float64, x []float64, position int) (q, k, v [][]float64) {
	head := t.content + t.ropeDims
	var all []float64
	if t.queryRank > 0 {
		all = times(w("attn_q_b.weight"), t.heads*head, t.normalise(times(w("attn_q_a.weight"), t.queryRank, x), w("attn_q_a_norm.weight"), nil))
	} else {
		all = times(w("attn_q.weight"), t.heads*head, x)
	}
	down := times(w("attn_kv_a_mqa.weight"), t.rank+t.ropeDims, x)
	c, shared := t.normalise(down[:t.rank], w("attn_kv_a_norm.weight"), nil), down[t.rank:]
	t.turn(shared, position)
	for h := range t.heads {
		one := all[h*head : (h+1)*head]
		t.turn(one[t.content:], position)
		if t.temperature != 0 {
			for i := range one {
				one[i] *= 1 + t.temperature*math.Log(1+math.Floor(float64(position)/float64(t.temperatureTokens)))
			}
		}
		var key, value []float64
		if t.merged {
			size := (t.content + t.value) * t.rank
			both := times(w("attn_kv_b.weight")[h*size:], t.content+t.value, c)
			key, value = both[:t.content:t.content], both[t.content:]
		} else {
			key = make([]float64, t.content)
			for r := range t.rank {
				for j := range key {
					key[j] += w("attn_k_b.weight")[(h*t.rank+r)*t.content+j] * c[r]
				}
			}
			value = times(w("attn_v_b.weight")[h*t.value*t.rank:], t.value, c)
		}
		q, k, v = append(q, one), append(k, append(key, shared...)), append(v, value)
	}
	return q, k, v
}

// scale is what attention scores are multiplied by.
func (t *twin) scale() float64 {
	if t.rank == 0 {
		return t.attnScale
	}
	gain := t.ropeGain
	if t.yarn && t.logMultiplier == 0 {
		gain *= 1 + 0.1*math.Log(t.ropeScale)
	}
	if t.yarn {
		gain *= 1 + t.logMultiplier*math.Log(t.ropeScale)
	}
	return gain * gain / sqrt(t.content+t.ropeDims)
}

// logits of every position, and the smallest margin of a router's choice.
func (t *twin) logits(ids []int32) (out [][]float64, margin float64) {
	margin = math.Inf(1)
	x := make([][]float64, len(ids))
	for i, id := range ids {
		x[i] = slices.Clone(t.weights["token_embd.weight"][int(id)*t.dim : (int(id)+1)*t.dim])
		for d := range x[i] {
			x[i][d] *= t.embedGain
		}
	}
	for l := range t.layers {
		w := func(p string) []float64 { return t.weights[fmt.Sprintf("blk.%d.%s", l, p)] }
		var keys, values [][][]float64
		for i := range ids {
			q, k, v := t.project(l, t.normalise(x[i], w("attn_norm.weight"), w("attn_norm.bias")), i)
			keys, values = append(keys, k), append(values, v)
			first := 0
			if t.window > 0 && l%t.period < t.period-1 {
				first = max(0, i+1-t.window)
			}
			var o []float64
			for h := range t.heads {
				kv := h * len(k) / t.heads
				var scores []float64
				for _, key := range keys[first:] {
					scores = append(scores, times(key[kv], 1, q[h])[0]*t.scale())
				}
				if t.sinks {
					scores = append(scores, w("attn_sinks.weight")[h])
				}
				found := make([]float64, len(v[kv]))
				for j, p := range softmax(scores)[:i+1-first] {
					for d, u := range values[first+j][kv] {
						found[d] += p * u
					}
				}
				o = append(o, found...)
			}
			for d, u := range plus(times(w("attn_output.weight"), t.dim, o), w("attn_output.bias")) {
				x[i][d] += t.residGain * u
			}
		}
		for i := range ids {
			y, m := t.mixture(l, t.normalise(x[i], w(t.secondNorm+".weight"), w(t.secondNorm+".bias")))
			margin = min(margin, m)
			for d, v := range y {
				x[i][d] += t.residGain * v
			}
		}
	}
	output := t.weights["output.weight"]
	if t.tied {
		output = t.weights["token_embd.weight"]
	}
	for i := range ids {
		y := plus(times(output, t.vocab, t.normalise(x[i], t.weights["output_norm.weight"], t.weights["output_norm.bias"])), t.weights["output.bias"])
		for j := range y {
			y[j] /= t.logitScale
		}
		out = append(out, y)
	}
	return out, margin
}
