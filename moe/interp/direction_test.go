package interp

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"moebot/moe/kernel"
	"moebot/moe/model"
	"moebot/moe/model/steer"
)

// Two clouds that differ along one line, in noise that is wide in other ways, must give
// that line, as long as their means are apart.
func TestTwoClassesFindsThePlantedLine(t *testing.T) {
	const d, n, apart = 12, 2000, 2.0
	rng := rand.New(rand.NewPCG(5, 0))
	line := make([]float64, d)
	line[2], line[7] = 0.6, -0.8
	var rows [][]float64
	var class, all []int
	for i := range n {
		row := make([]float64, d)
		for k := range row {
			row[k] = rng.NormFloat64() * 0.7
		}
		row[4] *= 30 // says nothing of the class
		for k, v := range line {
			row[k] += apart * v * float64(i%2)
		}
		rows, class, all = append(rows, row), append(class, i%2), append(all, i)
	}
	got, err := twoClasses(rows, class, all)
	if err != nil {
		t.Fatal(err)
	}
	length, along := 0.0, 0.0
	for k, v := range got {
		length += float64(v) * float64(v)
		along += float64(v) * line[k]
	}
	length = math.Sqrt(length)
	if cos := along / length; cos < 0.98 || math.Abs(length-apart) > 0.2 {
		t.Errorf("direction %.2f: cosine %.3f with the planted line, length %.2f, want 1 and %v", got, cos, length, apart)
	}
	if _, err := twoClasses([][]float64{{1, 2}, {1, 2}}, []int{0, 1}, []int{0, 1}); err == nil {
		t.Error("two equal states have a direction")
	}
}

// Ablated, the stream has nothing left along the direction; at factor 3 three times
// as much; the first position is left alone.
func TestScalingAlongADirection(t *testing.T) {
	l := plantedLab(t)
	ids := l.Encode("acdkhgn", false)
	direction := make([]float32, pDim)
	direction[atOut+3], direction[atKind], direction[1] = 2, 1, -1
	unit := slices.Clone(direction)
	kernel.Scale(float32(1/math.Sqrt(6)), unit)
	along := func(hook model.Hook) (out []float32) {
		l.pass(ids, true, func(at model.Point, layer int, rows []float32, width int) {
			if hook != nil {
				hook(at, layer, rows, width)
			}
			for i := 0; at == model.AtLayer && layer == 0 && i < len(ids); i++ {
				out = append(out, kernel.Dot(rows[i*width:(i+1)*width], unit))
			}
		})
		return out
	}
	before := along(nil)
	for _, factor := range []float64{0, 3} {
		hook, err := l.Hook([]steer.Edit{{Kind: steer.ScaleAlong, Amount: factor, Direction: direction}})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range along(hook) {
			want := float32(factor) * before[i]
			if i == 0 {
				want = before[0]
			}
			if math.Abs(float64(v-want)) > 1e-4*(1+math.Abs(float64(want))) {
				t.Errorf("factor %v, position %d: %v along the direction, want %v", factor, i, v, want)
			}
		}
	}
	if _, err := l.Hook([]steer.Edit{{Kind: steer.ScaleAlong, Direction: make([]float32, pDim)}}); err == nil || !strings.Contains(err.Error(), "without length") {
		t.Errorf("a direction of zeros: %v", err)
	}
}

func TestNamedDirections(t *testing.T) {
	l := plantedLab(t)
	if names := l.DirectionNames(); !slices.Contains(names, "question") || !slices.Contains(names, "probe-question") || slices.Contains(names, "probe-topic") {
		t.Errorf("names %v", names)
	}
	if _, err := l.Direction(t.Context(), "smell", 0); err == nil || !strings.Contains(err.Error(), `unknown direction "smell", want one of question`) {
		t.Errorf("an unknown name: %v", err)
	}
	var r *RangeError
	if _, err := l.Direction(t.Context(), "question", 2); !errors.As(err, &r) || r.What != "layer" || r.Hi != 1 {
		t.Errorf("layer 2: %v", err)
	}
}
