package backprop

import (
	"errors"
	"fmt"
	"strings"
)

// Deepen returns the weights of a network of shape to that computes what w, of shape
// from, does, to the bit: to may only have more layers, at most twice as many. A layer that is
// added is a copy of the one before it whose two outputs into the residual stream are zero,
// so that it changes nothing before it is trained, and learns at once when it is
// (block expansion: Wu et al. 2024, LLaMA Pro, arXiv 2401.02415). The added layers are spread evenly.
func Deepen(from, to Config, w []float32) ([]float32, error) {
	same := from
	same.Layers = to.Layers
	if same != to {
		return nil, fmt.Errorf("a network of shape %+v cannot be deepened to %+v: more than the layers differ", from, to)
	}
	if to.Layers < from.Layers || to.Layers > 2*from.Layers {
		return nil, fmt.Errorf("%d layers cannot be deepened to %d, only to %d at most and not to fewer", from.Layers, to.Layers, 2*from.Layers)
	}
	old := newLayout(from)
	if len(w) != old.size {
		return nil, errors.New("the weights to deepen are not of their network's shape")
	}
	offset := make(map[string]int, len(old.params))
	for _, p := range old.params {
		offset[p.Name] = p.Offset
	}
	l := newLayout(to)
	deep := make([]float32, l.size)
	for _, p := range l.params {
		name, added := deepened(p.Name, from.Layers, to.Layers)
		if added && isResidual(p.Name) {
			continue
		}
		at := offset[name]
		copy(deep[p.Offset:p.Offset+p.Len], w[at:at+p.Len])
	}
	return deep, nil
}

// deepened is the parameter of the shallow network that one of the deep network comes
// from, and whether its layer is an added one.
func deepened(name string, shallow, deep int) (string, bool) {
	var layer int
	if n, _ := fmt.Sscanf(name, "blk.%d.", &layer); n != 1 {
		return name, false
	}
	rest := strings.TrimPrefix(name, fmt.Sprintf("blk.%d.", layer))
	origin := layer * shallow / deep
	return fmt.Sprintf("blk.%d.%s", origin, rest), layer > 0 && (layer-1)*shallow/deep == origin
}
