package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"moebot/moe/tensor"
)

// cacheTypes are the types of Rows.
var cacheTypes = []tensor.Type{tensor.F32, tensor.F16, tensor.Q8_0}

// randomRows are n vectors of d elements, gap bytes apart, at an odd address, and what
// they stand for. Between them are bytes that are no numbers.
func randomRows(r *rand.Rand, t tensor.Type, n, d, gap int) (Rows, [][]float32) {
	size := t.Bytes(d)
	if size == 0 {
		gap = 0
	}
	rows := Rows{Type: t, Stride: size + gap}
	rows.Data = slices.Repeat([]byte{0xff}, 1+max(0, extent(n, size, rows.Stride)))[1:]
	var want [][]float32
	for i := range n {
		x := random(r, d)
		Narrow(t, rows.part(i, 0, d), x)
		tensor.Dequantize(x, t, rows.part(i, 0, d))
		want = append(want, x)
	}
	return rows, want
}

func TestScoresAndWeightedSum(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 11))
		for round := range 600 {
			typ := cacheTypes[round%3]
			d, n, heads := r.IntN(150), r.IntN(70), 1+r.IntN(9)
			if typ == tensor.Q8_0 {
				d = d / 32 * 32
			}
			if round < 3 {
				d, n, heads = 96, 9000, 7 // more than one call into the assembly
			}
			rows, k := randomRows(r, typ, n, d, r.IntN(3)*4)
			ldq, ldp := d+r.IntN(3), n+r.IntN(3)
			q, p := guarded(random(r, extent(heads, d, ldq))), guarded(random(r, extent(heads, n, ldp)))
			before := slices.Clone(p.x)
			Scores(p.x, ldp, q.x, ldq, heads, d, rows, n, 0.25)
			q.check(t)
			p.check(t)
			for h := range heads {
				for j := range n {
					want, size := 0.0, 0.0
					for l := range d {
						z := 0.25 * float64(q.x[h*ldq+l]) * float64(k[j][l])
						want += z
						size += math.Abs(z)
					}
					near(t, fmt.Sprintf("%v: score of head %d, key %d", typ, h, j), p.x[h*ldp+j], want, float64(d+3)*eps32/2*size)
				}
				for j := n; j < ldp && h*ldp+j < len(p.x); j++ {
					if p.x[h*ldp+j] != before[h*ldp+j] {
						t.Fatalf("%v: wrote between the rows", typ)
					}
				}
			}
			ldo := d + r.IntN(3)
			o := guarded(random(r, extent(heads, d, ldo)))
			before = slices.Clone(o.x)
			WeightedSum(o.x, ldo, heads, d, p.x, ldp, rows, n)
			o.check(t)
			p.check(t)
			for h := range heads {
				for l := range d {
					want, size := 0.0, 0.0
					for j := range n {
						z := float64(p.x[h*ldp+j]) * float64(k[j][l])
						want += z
						size += math.Abs(z)
					}
					near(t, fmt.Sprintf("%v: sum of head %d, column %d", typ, h, l), o.x[h*ldo+l], want, float64(n+3)*eps32/2*size)
				}
				for l := d; l < ldo && h*ldo+l < len(o.x); l++ {
					if o.x[h*ldo+l] != before[h*ldo+l] {
						t.Fatalf("%v: wrote between the rows", typ)
					}
				}
			}
		}
	})
}

// What a head sees does not depend on which others are computed with it, nor a score on
// how many there are: to the last bit.
func TestSeenAloneAndTogether(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(12, 12))
		for round := range 150 {
			typ := cacheTypes[round%3]
			d, n, heads := 32*(1+r.IntN(4)), 1+r.IntN(40), 2+r.IntN(7)
			if typ != tensor.Q8_0 {
				d -= 8 * r.IntN(3)
			}
			rows, _ := randomRows(r, typ, n, d, 0)
			q := random(r, heads*d)
			p, o := make([]float32, heads*n), make([]float32, heads*d)
			Scores(p, n, q, d, heads, d, rows, n, 0.5)
			WeightedSum(o, d, heads, d, p, n, rows, n)
			for h := range heads {
				m := 1 + r.IntN(n)
				one, sum := make([]float32, m), make([]float32, d)
				Scores(one, m, q[h*d:], d, 1, d, rows, m, 0.5)
				WeightedSum(sum, d, 1, d, p[h*n:], n, rows, n)
				if !slices.Equal(one, p[h*n:h*n+m]) || !slices.Equal(sum, o[h*d:(h+1)*d]) {
					t.Fatalf("%v: head %d of %d, %d elements: alone it sees something else", typ, h, heads, d)
				}
			}
		}
	})
}

func TestNarrow(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(13, 13))
		for n := range 301 {
			for _, typ := range cacheTypes {
				if n%typ.BlockLen() != 0 {
					continue
				}
				x := guarded(random(r, n))
				for i := range x.x {
					x.x[i] *= float32(math.Exp(20*r.Float64() - 12)) // subnormal and infinite halves, too
				}
				got, want := make([]byte, typ.Bytes(n)+3), make([]byte, typ.Bytes(n)+3)
				Narrow(typ, got, x.x)
				tensor.Quantize(want[:typ.Bytes(n)], typ, x.x)
				if x.check(t); !slices.Equal(got, want) {
					t.Fatalf("%d elements of %v differ from tensor.Quantize", n, typ)
				}
			}
		}
	})
}

// Attention of the heads of one KV head over a long context.
func BenchmarkSeen(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	const kv = 4 // KV heads in a row
	for _, d := range []int{32, 128} {
		for _, heads := range []int{1, 2, 4} {
			for _, typ := range cacheTypes {
				const n = 2048
				all, _ := randomRows(r, typ, n, kv*d, 0)
				q, p, o := random(r, heads*d), random(r, heads*n), make([]float32, heads*d)
				b.Run(fmt.Sprintf("scores/%d×%d/%v", heads, d, typ), func(b *testing.B) {
					b.SetBytes(int64(n * typ.Bytes(d)))
					for b.Loop() {
						Scores(p, n, q, d, heads, d, all, n, 1)
					}
				})
				b.Run(fmt.Sprintf("sum/%d×%d/%v", heads, d, typ), func(b *testing.B) {
					b.SetBytes(int64(n * typ.Bytes(d)))
					for b.Loop() {
						WeightedSum(o, d, heads, d, p, n, all, n)
					}
				})
			}
		}
	}
}
