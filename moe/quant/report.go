package quant

import (
	"fmt"
	"io"
	"math"
	"regexp"
	"text/tabwriter"

	"moebot/moe/tensor"
)

// Entry is what became of one tensor. Error and Square are the sums of the squares of
// its rounding errors and of its weights, 0 where the type stayed.
type Entry struct {
	Name     string
	From, To tensor.Type
	Weights  int
	Bytes    int // after
	Error    float64
	Square   float64
}

// Report lists all tensors of a file.
type Report []Entry

// layer is the part of a name that tells layers and experts apart.
var layer = regexp.MustCompile(`\.\d+\.`)

// Write prints a line for each kind of tensor and pair of types: how many there are, bits
// per weight, and the root mean square of the error relative to that of the weights.
func (r Report) Write(w io.Writer) error {
	type key struct {
		kind     string
		from, to tensor.Type
	}
	sums := map[key]Entry{}
	counts := map[key]int{}
	var order []key
	var total Entry
	for _, e := range r {
		k := key{layer.ReplaceAllString(e.Name, ".*."), e.From, e.To}
		if counts[k] == 0 {
			order = append(order, k)
		}
		counts[k]++
		sums[k], total = sums[k].plus(e), total.plus(e)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "tensors\tcount\tfrom\tto\tbits/weight\trelative error")
	for _, k := range order {
		s := sums[k]
		fmt.Fprintf(t, "%s\t%d\t%v\t%v\t%.2f\t%s\n", k.kind, counts[k], k.from, k.to, s.bits(), s.relative())
	}
	fmt.Fprintf(t, "all\t%d\t\t\t%.2f\t%s\n", len(r), total.bits(), total.relative())
	return t.Flush()
}

func (e Entry) plus(o Entry) Entry {
	return Entry{Weights: e.Weights + o.Weights, Bytes: e.Bytes + o.Bytes, Error: e.Error + o.Error, Square: e.Square + o.Square}
}

func (e Entry) bits() float64 { return 8 * float64(e.Bytes) / float64(max(e.Weights, 1)) }

func (e Entry) relative() string {
	if e.Square == 0 {
		return "-"
	}
	return fmt.Sprintf("%.4f", math.Sqrt(e.Error/e.Square))
}
