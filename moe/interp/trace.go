package interp

import (
	"math"
	"slices"

	"moebot/moe/kernel"
	"moebot/moe/model"
	"moebot/moe/tensor"
)

// trace is what all parts of a model said in one pass over n tokens.
type trace struct {
	ids     []int32
	streams [][]float32         // [layers+1][n·D] behind the embedding and each layer
	heads   [][]float32         // [layer][n·H·hd]
	experts []map[int][]float32 // [layer] expert → [n·D] what it adds to the stream, gate weight included; zero where it is not chosen
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

// parts are all heads and experts; a dense FFN is one expert.
func (l *Lab) parts() (out []part) {
	c := l.Model.Config
	for n := range c.Layers {
		for h := range c.Heads {
			out = append(out, part{n, false, h})
		}
		for e := range max(c.Experts, 1) {
			out = append(out, part{n, true, e})
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
		case model.AtEmbedding, model.AtLayer:
			t.streams = append(t.streams, slices.Clone(rows))
		case model.AtHeads:
			t.heads[layer] = slices.Clone(rows)
		case model.AtExperts:
			t.experts[layer] = l.expertOutputs(layer, rows, width)
		}
	})
	t.logits = slices.Clone(l.logits(len(ids) - 1))
	return t
}

// expertOutputs are what each expert is about to add to the stream, at AtExperts.
func (l *Lab) expertOutputs(layer int, rows []float32, width int) map[int][]float32 {
	k := max(l.Model.Config.TopK, 1)
	n := len(rows) / width / k
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
			kernel.Axpy(gates[j], rows[slot*width:(slot+1)*width], x[i*width:(i+1)*width])
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
	return func(at model.Point, layer int, rows []float32, width int) {
		switch {
		case at == model.AtHeads:
			for _, h := range heads[layer] {
				for i := h * c.HeadDim; i < len(rows); i += width {
					copy(rows[i:i+c.HeadDim], from.heads[layer][i:i+c.HeadDim])
				}
			}
		case at == model.AtExperts && len(experts[layer]) > 0:
			now = l.expertOutputs(layer, rows, width)
		case at == model.AtLayer && len(experts[layer]) > 0:
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
// less that of b, the final norm's scale taken as it is; the embedding comes first,
// with part{-1, false, 0}. The sum is the difference of the logits.
func (l *Lab) attribute(t *trace, a, b int32) map[part]float64 {
	c := l.Model.Config
	d, last := c.Dim, len(t.ids)-1
	x := t.streams[c.Layers][last*d : (last+1)*d]
	direction, other := make([]float32, d), make([]float32, d)
	square := 0.0
	for _, v := range x {
		square += float64(v) * float64(v)
	}
	scale := 1 / math.Sqrt(square/float64(d)+c.NormEps)
	l.Model.OutputRow(direction, a)
	l.Model.OutputRow(other, b)
	for i, w := range l.Model.FinalNorm() {
		direction[i] = (direction[i] - other[i]) * w * float32(scale)
	}
	out := map[part]float64{{-1, false, 0}: float64(kernel.Dot(direction, t.streams[0][last*d:(last+1)*d]))}
	qd := c.Heads * c.HeadDim
	row, back := make([]float32, qd), make([]float32, qd)
	for n := range c.Layers {
		clear(back) // the direction seen from before the output projection
		o := l.Model.AttentionOutput(n)
		size := o.Type.Bytes(qd)
		for i := range d {
			tensor.Dequantize(row, o.Type, o.Data[i*size:(i+1)*size])
			kernel.Axpy(direction[i], row, back)
		}
		for h := range c.Heads {
			at := h * c.HeadDim
			out[part{n, false, h}] = float64(kernel.Dot(back[at:at+c.HeadDim], t.heads[n][last*qd+at:last*qd+at+c.HeadDim]))
		}
		for e := range max(c.Experts, 1) {
			out[part{n, true, e}] = 0
			if x, ok := t.experts[n][e]; ok {
				out[part{n, true, e}] = float64(kernel.Dot(direction, x[last*d:(last+1)*d]))
			}
		}
	}
	return out
}
