package interp

import (
	"slices"

	"moebot/moe/kernel"
	"moebot/moe/model"
	"moebot/moe/tensor"
)

// trace is what all parts of a model said in one pass over n tokens.
type trace struct {
	ids     []int32
	streams [][]float32         // [layers+1][n·D] behind the embedding and each layer
	middle  []float32           // [n·D] between attention and FFN of the layer last seen
	heads   [][]float32         // [layer][n·width]
	experts []map[int][]float32 // [layer] expert → [n·D] what it adds to the stream, gate weight included; zero where it is not chosen; the shared expert has the number behind the last
	logits  []float32           // [V] behind the last token
}

// part is a head or an expert.
type part struct {
	Layer  int  `json:"layer"`
	Expert bool `json:"expert"` // otherwise a head
	Index  int  `json:"index"`
}

func (p part) String() string {
	kind := "head"
	if p.Expert {
		kind = "expert"
	}
	return layerName(p.Layer) + " " + kind + " " + count(p.Index + 1)[p.Index]
}

// parts are all heads and experts; a dense FFN is one expert, an expert that sees
// every token has the number behind the last.
func (l *Lab) parts() (out []part) {
	c := l.Model.Config
	for n := range c.Layers {
		for h := range c.Heads {
			out = append(out, part{n, false, h})
		}
		for e := range l.Model.LayerExperts(n) {
			out = append(out, part{n, true, e})
		}
		if l.Model.Shared(n) {
			out = append(out, part{n, true, l.Model.LayerExperts(n)})
		}
	}
	return out
}

// trace records a pass in which hook, if any, may interfere first.
func (l *Lab) trace(ids []int32, hook model.Hook) *trace {
	c := l.Model.Config
	t := &trace{ids: ids, heads: make([][]float32, c.Layers), experts: make([]map[int][]float32, c.Layers)}
	l.pass(ids, true, func(at model.Point, layer int, rows []float32, width int) {
		if hook != nil {
			hook(at, layer, rows, width)
		}
		switch at {
		case model.AtLayer:
			if l.Model.Shared(layer) {
				t.experts[layer][l.Model.LayerExperts(layer)] = remainder(rows, t.middle, t.experts[layer])
			}
			t.streams = append(t.streams, slices.Clone(rows))
		case model.AtEmbedding:
			t.streams = append(t.streams, slices.Clone(rows))
		case model.AtMiddle:
			t.middle = append(t.middle[:0], rows...)
		case model.AtHeads:
			t.heads[layer] = slices.Clone(rows)
		case model.AtExperts:
			t.experts[layer] = l.expertOutputs(layer, rows, width)
		}
	})
	t.logits = slices.Clone(l.logits(len(ids) - 1))
	return t
}

// remainder is what the FFN adds to the stream beside the chosen experts.
func remainder(after, before []float32, experts map[int][]float32) []float32 {
	out := slices.Clone(after)
	kernel.Axpy(-1, before, out)
	for _, x := range experts {
		kernel.Axpy(-1, x, out)
	}
	return out
}

// expertOutputs are what each chosen expert is about to add to the stream, at
// AtExperts.
func (l *Lab) expertOutputs(layer int, rows []float32, width int) map[int][]float32 {
	n := len(rows) / width / len(l.scratch.Experts(layer, 0))
	gain := float32(l.Model.Config.ResidGain)
	out := map[int][]float32{}
	for i := range n {
		gates := l.scratch.Gates(layer, i)
		for j, e := range l.scratch.Experts(layer, i) {
			x, ok := out[int(e)]
			if !ok {
				x = make([]float32, n*width)
				out[int(e)] = x
			}
			slot := l.scratch.Slot(i, j)
			kernel.Axpy(gain*gates[j], rows[slot*width:(slot+1)*width], x[i*width:(i+1)*width])
			if bias := l.Model.DownBias(layer, int(e)); bias != nil {
				kernel.Axpy(gain*gates[j], bias, x[i*width:(i+1)*width])
			}
		}
	}
	return out
}

// replace puts what the given parts said in another trace of as many tokens into the
// place of what they say now.
func (l *Lab) replace(from *trace, parts []part) model.Hook {
	c := l.Model.Config
	heads, experts := make([][]int, c.Layers), make([][]int, c.Layers)
	for _, p := range parts {
		if p.Expert {
			experts[p.Layer] = append(experts[p.Layer], p.Index)
		} else {
			heads[p.Layer] = append(heads[p.Layer], p.Index)
		}
	}
	var now map[int][]float32
	var middle []float32
	return func(at model.Point, layer int, rows []float32, width int) {
		switch {
		case at == model.AtHeads:
			hd := width / c.Heads
			for _, h := range heads[layer] {
				for i := h * hd; i < len(rows); i += width {
					copy(rows[i:i+hd], from.heads[layer][i:i+hd])
				}
			}
		case at == model.AtMiddle && len(experts[layer]) > 0 && l.Model.Shared(layer):
			middle = append(middle[:0], rows...)
		case at == model.AtExperts && len(experts[layer]) > 0:
			now = l.expertOutputs(layer, rows, width)
		case at == model.AtLayer && len(experts[layer]) > 0:
			if l.Model.Shared(layer) {
				now[l.Model.LayerExperts(layer)] = remainder(rows, middle, now)
			}
			for _, e := range experts[layer] {
				if x, ok := from.experts[layer][e]; ok {
					kernel.Axpy(1, x, rows)
				}
				if x, ok := now[e]; ok {
					kernel.Axpy(-1, x, rows)
				}
			}
		}
	}
}

// replaceStream puts another trace's stream into one position, behind the embedding
// (stage 0) or a layer (stage layer+1).
func replaceStream(from *trace, stage, position int) model.Hook {
	return func(at model.Point, layer int, rows []float32, width int) {
		if at == model.AtEmbedding && stage == 0 || at == model.AtLayer && layer == stage-1 {
			copy(rows[position*width:(position+1)*width], from.streams[stage][position*width:(position+1)*width])
		}
	}
}

// attribute is what each part of a pass adds at its last position to the logit of a
// less that of b, the final norm's scale taken as it is; the embedding is
// part{-1, false, 0} and what biases add part{-1, false, 1}. The sum is the difference
// of the logits.
func (l *Lab) attribute(t *trace, a, b int32) map[part]float64 {
	c := l.Model.Config
	d, last := c.Dim, len(t.ids)-1
	at := func(rows []float32) []float32 { return rows[last*d : (last+1)*d] }
	direction := make([]float32, d)
	biases := l.Model.LogitDifference(direction, at(t.streams[c.Layers]), a, b)
	out := map[part]float64{{-1, false, 0}: float64(kernel.Dot(direction, at(t.streams[0])))}
	for n := range c.Layers {
		o := l.Model.AttentionOutput(n)
		qd := o.Cols
		row, back := make([]float32, qd), make([]float32, qd) // the direction seen from before the output projection
		size := o.Type.Bytes(qd)
		for i := range d {
			tensor.Dequantize(row, o.Type, o.Data[i*size:(i+1)*size])
			kernel.Axpy(direction[i]*float32(c.ResidGain), row, back)
		}
		added := float64(kernel.Dot(direction, at(t.streams[n+1]))) - float64(kernel.Dot(direction, at(t.streams[n])))
		hd := qd / c.Heads
		for h := range c.Heads {
			v := float64(kernel.Dot(back[h*hd:(h+1)*hd], t.heads[n][last*qd+h*hd:last*qd+(h+1)*hd]))
			out[part{n, false, h}] = v
			added -= v
		}
		for e := range l.Model.LayerExperts(n) {
			out[part{n, true, e}] = 0
		}
		for e, x := range t.experts[n] {
			v := float64(kernel.Dot(direction, at(x)))
			out[part{n, true, e}] = v
			added -= v
		}
		biases += added
	}
	out[part{-1, false, 1}] = biases
	return out
}
