package quant

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"moebot/moe/tensor"
)

// Entry is what became of one tensor. Error and Square are the sums of the squares of
// its rounding errors and of its weights, 0 where the type stayed.
type Entry struct {
	Name     string
	From, To tensor.Type
	Asked    tensor.Type // by the plan; To is another where that does not fit or would be larger
	Weights  int
	Before   int // bytes
	Bytes    int // after
	Error    float64
	Square   float64
}

// Report lists all tensors of a file.
type Report []Entry

// layer is the part of a name that tells layers and experts apart.
var layer = regexp.MustCompile(`\.\d+\.`)

// Write prints a line for each kind of tensor and pair of types: how many there are, bits
// per weight, and the root mean square of the error relative to that of the weights; then
// the sizes, and how many have another type than was asked for.
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
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d bytes of tensors → %d\n%s", total.Before, total.Bytes, r.others())
	return err
}

// others says how many tensors have another type than was asked for, and why.
func (r Report) others() string {
	type pair struct{ asked, to tensor.Type }
	fell, kept := map[pair]int{}, map[pair]int{}
	for _, e := range r {
		switch {
		case e.To == e.Asked:
		case e.To == e.From:
			kept[pair{e.Asked, e.To}]++
		default:
			fell[pair{e.Asked, e.To}]++
		}
	}
	var b strings.Builder
	write := func(counts map[pair]int, form string) {
		for _, k := range slices.SortedFunc(maps.Keys(counts), func(x, y pair) int {
			return cmp.Or(cmp.Compare(x.asked, y.asked), cmp.Compare(x.to, y.to))
		}) {
			fmt.Fprintf(&b, form, counts[k], k.to, k.asked)
		}
	}
	write(fell, "%d tensors are %v, since their rows are no whole blocks of %v\n")
	write(kept, "%d tensors stay %v, since %v does not fit their rows or would not make them smaller\n")
	return b.String()
}

func (e Entry) plus(o Entry) Entry {
	return Entry{Weights: e.Weights + o.Weights, Before: e.Before + o.Before, Bytes: e.Bytes + o.Bytes, Error: e.Error + o.Error, Square: e.Square + o.Square}
}

func (e Entry) bits() float64 { return 8 * float64(e.Bytes) / float64(max(e.Weights, 1)) }

func (e Entry) relative() string {
	if e.Square == 0 {
		return "-"
	}
	return fmt.Sprintf("%.4f", math.Sqrt(e.Error/e.Square))
}
