package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"moebot/moe/tensor"
)

// both runs a test with and without the assembly.
func both(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	have, have512, haveBF16, haveAMX := useAVX2, useAVX512, useBF16, useAMX
	t.Cleanup(func() { useAVX2, useAVX512, useBF16, useAMX = have, have512, haveBF16, haveAMX })
	useAVX2, useAVX512, useBF16, useAMX = false, false, false, false
	t.Run("go", f)
	if useAVX2 = have; have {
		t.Run("avx2", f)
	}
	if useAVX512 = have512; have512 {
		t.Run("avx512", f)
	}
	if useBF16 = haveBF16; haveBF16 {
		t.Run("bf16", f)
	}
	if useAMX = haveAMX; haveAMX {
		t.Run("amx", f)
	}
}

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

type gemmCase struct {
	half             bool // GemmBF16
	transA, transB   bool
	m, n, k          int
	alpha, beta      float32
	padA, padB, padC int
	workers          int
}

func (g gemmCase) check(t *testing.T, r *rand.Rand) {
	t.Helper()
	ra, ca, rb, cb := g.m, g.k, g.k, g.n
	if g.transA {
		ra, ca = ca, ra
	}
	if g.transB {
		rb, cb = cb, rb
	}
	lda, ldb, ldc := ca+g.padA, cb+g.padB, g.n+g.padC
	a, b, c := guarded(random(r, extent(ra, ca, lda))), guarded(random(r, extent(rb, cb, ldb))), guarded(random(r, extent(g.m, g.n, ldc)))
	before := append([]float32(nil), c.x...)
	if g.beta == 0 {
		for i := range g.m {
			for j := range g.n {
				c.x[i*ldc+j] = float32(math.NaN())
			}
		}
	}
	var p *Pool
	if g.workers > 0 {
		p = NewPool(g.workers)
		defer p.Close()
	}
	want := append([]float32(nil), before...)
	multiply, seen := GemmFunc(Gemm), func(v float32) float64 { return float64(v) }
	if g.half {
		multiply, seen = GemmBF16, func(v float32) float64 { return float64(math.Float32frombits(roundBF16(v) << 16)) }
	}
	if g.k > 0 { // gonum asks for a slice even where no element is read
		gonum.Implementation{}.Sgemm(trans(g.transA), trans(g.transB), g.m, g.n, g.k, g.alpha, a.x, max(lda, 1), b.x, max(ldb, 1), g.beta, want, max(ldc, 1))
	}
	multiply(p, g.transA, g.transB, g.m, g.n, g.k, g.alpha, a.x, lda, b.x, ldb, g.beta, c.x, ldc)
	a.check(t)
	b.check(t)
	c.check(t)
	for i := range g.m {
		for j := range ldc {
			if i*ldc+j >= len(c.x) {
				break
			}
			got, old := c.x[i*ldc+j], before[i*ldc+j]
			if j >= g.n {
				if got != old {
					t.Fatalf("%+v: wrote between rows at %d, %d", g, i, j)
				}
				continue
			}
			exact, size := float64(g.beta)*float64(old), math.Abs(float64(g.beta)*float64(old))
			for l := range g.k {
				x, y := a.x[min(len(a.x)-1, i*lda+l)], b.x[min(len(b.x)-1, l*ldb+j)]
				if g.transA {
					x = a.x[l*lda+i]
				}
				if g.transB {
					y = b.x[j*ldb+l]
				}
				z := float64(g.alpha) * seen(x) * seen(y)
				exact += z
				size += math.Abs(z)
			}
			// Each of the k+2 roundings is at most eps/2 of the sum of magnitudes.
			tol := float64(g.k+3) * eps32 * size
			if d := math.Abs(float64(got) - exact); !(d <= tol) {
				t.Fatalf("%+v: C[%d,%d] = %v, want %v ± %v", g, i, j, got, exact, tol)
			}
			if d := math.Abs(float64(got) - float64(want[i*ldc+j])); g.k > 0 && !g.half && !(d <= 2*tol) {
				t.Fatalf("%+v: C[%d,%d] = %v, gonum has %v", g, i, j, got, want[i*ldc+j])
			}
		}
	}
}

func TestRoundBF16(t *testing.T) {
	for _, tc := range []struct {
		in   float32
		want uint32
	}{
		{0, 0}, {1, 0x3f80}, {-2, 0xc000}, {math.Float32frombits(0x3f808000), 0x3f80}, {math.Float32frombits(0x3f808001), 0x3f81},
		{math.Float32frombits(0x3f818000), 0x3f82}, {math.MaxFloat32, 0x7f80}, {float32(math.Inf(-1)), 0xff80}, {math.Float32frombits(0x7f800001), 0x7fc0},
	} {
		if got := roundBF16(tc.in); got != tc.want {
			t.Errorf("%v: %#x, want %#x", tc.in, got, tc.want)
		}
	}
}

// eps32 is the distance between 1 and the next float32.
const eps32 = 1.0 / (1 << 23)

func extent(rows, cols, ld int) int {
	if rows == 0 || cols == 0 {
		return 0
	}
	return (rows-1)*ld + cols
}

func trans(t bool) blas.Transpose {
	if t {
		return blas.Trans
	}
	return blas.NoTrans
}

// guard is a slice between values nobody may change.
type guard struct{ all, x []float32 }

const guardLen = 24

func guarded(x []float32) guard {
	all := make([]float32, len(x)+2*guardLen+1)
	for i := range all {
		all[i] = 12345
	}
	copy(all[guardLen+1:], x) // an odd offset
	return guard{all, all[guardLen+1:][:len(x):len(x)]}
}

func (g guard) check(t *testing.T) {
	t.Helper()
	for i, v := range g.all {
		if (i <= guardLen || i > guardLen+len(g.x)) && v != 12345 {
			t.Fatalf("wrote outside, at %d of %d", i-guardLen-1, len(g.x))
		}
	}
}

func TestGemm(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, g := range []gemmCase{
			{m: 1, n: 1, k: 1, alpha: 1},
			{m: 5, n: 3, k: 0, alpha: 1, beta: 0.5},
			{m: 5, n: 3, k: 4, alpha: 0, beta: 0},
			{m: 0, n: 3, k: 4, alpha: 1},
			{m: 13, n: 35, k: 700, alpha: -1, beta: 1, padC: 3},
			{m: 7, n: 1100, k: 9, alpha: 1, beta: 1},
			{m: 400, n: 70, k: 33, alpha: 1, beta: 0, workers: 3},
			{m: 70, n: 300, k: 650, alpha: 0.3, beta: 0, padA: 1, padC: 2},
			{m: 66, n: 1060, k: 40, alpha: 1, beta: -0.7, padB: 1, workers: 2},
		} {
			for s := range 8 {
				g.transA, g.transB, g.half = s&1 > 0, s&2 > 0, s&4 > 0
				g.check(t, r)
			}
		}
		for range 800 {
			g := gemmCase{half: r.IntN(2) > 0, transA: r.IntN(2) > 0, transB: r.IntN(2) > 0, m: r.IntN(70)*r.IntN(2) + r.IntN(10), n: r.IntN(70), k: r.IntN(90),
				alpha: []float32{1, 0.3, -2}[r.IntN(3)], beta: []float32{0, 1, -0.7}[r.IntN(3)],
				padA: r.IntN(4), padB: r.IntN(4), padC: r.IntN(4), workers: r.IntN(4)}
			g.check(t, r)
		}
	})
}

// Workers of a pool may multiply on their own, and products may share a pool.
func TestGemmConcurrently(t *testing.T) {
	p := NewPool(4)
	defer p.Close()
	const m, n, k = 61, 45, 77
	r := rand.New(rand.NewPCG(5, 5))
	a, b := random(r, m*k), random(r, k*n)
	want := make([]float32, m*n)
	Gemm(nil, false, false, m, n, k, 1, a, k, b, n, 0, want, n)
	for _, inner := range []*Pool{nil, p} {
		got := make([][]float32, 24)
		p.Run(len(got), func(i int) {
			got[i] = make([]float32, m*n)
			Gemm(inner, false, false, m, n, k, 1, a, k, b, n, 0, got[i], n)
		})
		for i := range got {
			if !slices.Equal(got[i], want) {
				t.Fatalf("product %d differs", i)
			}
		}
	}
}

func TestGemmSameForAnyNumberOfWorkers(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(6, 6))
		for _, s := range [][3]int{{1, 700, 100}, {5, 333, 50}, {200, 190, 701}, {900, 16, 33}} {
			m, n, k := s[0], s[1], s[2]
			a, b, c := random(r, m*k), random(r, k*n), random(r, m*n)
			for mode := range 4 {
				lda, ldb := k, n
				if mode&1 > 0 {
					lda = m
				}
				if mode&2 > 0 {
					ldb = k
				}
				for i, multiply := range []GemmFunc{Gemm, GemmBF16} {
					var first []float32
					for _, workers := range []int{1, 2, 3, 8} {
						p := NewPool(workers)
						got := slices.Clone(c)
						multiply(p, mode&1 > 0, mode&2 > 0, m, n, k, 0.7, a, lda, b, ldb, 0.3, got, n)
						p.Close()
						if first == nil {
							first = got
						} else if !slices.Equal(got, first) {
							t.Fatalf("%d×%d×%d, mode %d, function %d: %d workers differ from one", m, n, k, mode, i, workers)
						}
					}
				}
			}
		}
	})
}

func TestNothingAllocates(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	p := NewPool(2)
	defer p.Close()
	const n = 96
	a, b, c := random(r, n*n), random(r, n*n), random(r, n*n)
	w := randomMatrix(r, tensor.Q8_0, n, n)
	rows, _ := randomRows(r, tensor.F16, n, n, 0)
	for name, f := range map[string]func(){
		"Gemm":          func() { Gemm(p, false, true, n, n, n, 1, a, n, b, n, 0, c, n) },
		"GemmBF16":      func() { GemmBF16(p, false, true, n, n, n, 1, a, n, b, n, 0, c, n) },
		"GemmBF16 edge": func() { GemmBF16(nil, true, false, n-1, n-1, n, 1, a, n, b, n, 1, c, n) },
		"few rows":      func() { Gemm(p, false, true, 4, n, n, 1, a, n, b, n, 0, c, n) },
		"one token":     func() { MatMulRows(c, n, w, 0, n, a, n, 1) },
		"many tokens":   func() { MatMulRows(c, n, w, 0, n, a, n, n) },
		"Softmax":       func() { Softmax(a) },
		"SiLUMul":       func() { SiLUMul(c, a, b) },
		"Scores":        func() { Scores(c, n, a, n, 3, n, rows, n, 1) },
		"few Scores":    func() { Scores(c, n, a, n, 3, n, rows, 3, 1) },
		"WeightedSum":   func() { WeightedSum(c, n, 3, n, a, n, rows, n) },
		"Pool and Axpy": func() { p.Run(4, func(i int) { Axpy(1, a[:n], c[i*n:(i+1)*n]) }) },
	} {
		f()
		limit := 0.5 // the garbage collector may empty the kept buffers once
		if name == "Pool and Axpy" {
			limit = 1 // the closure
		}
		if got := testing.AllocsPerRun(50, f); got > limit && !raceEnabled {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

func BenchmarkGemm(b *testing.B) {
	shape := func(workers int, ta, tb bool, m, n, k int) { shapeIn(b, workers, ta, tb, m, n, k) }
	for _, w := range []int{1, 2} {
		shape(w, false, false, 512, 512, 512)
		shape(w, false, true, 512, 512, 512)
		shape(w, true, false, 512, 512, 512)
		shape(w, false, true, 2048, 192, 192)
		shape(w, false, true, 2048, 512, 192)
		shape(w, false, false, 2048, 192, 512)
		shape(w, true, false, 512, 192, 2048)
		shape(w, false, true, 2048, 4096, 192)
		shape(w, true, false, 4096, 192, 2048)
	}
	for _, m := range []int{1, 2, 4, 8, 16, 32, 64, 100, 256, 600} {
		shape(1, false, true, m, 256, 192)
		shape(1, false, false, m, 192, 256)
	}
	have := useAVX2
	useAVX2 = false
	b.Run("twin", func(b *testing.B) { shapeIn(b, 1, false, false, 256, 256, 256) })
	useAVX2 = have
	shape(1, true, false, 256, 192, 100)
	shape(1, true, false, 256, 192, 600)
	b.Run("bf16", func(b *testing.B) {
		for _, w := range []int{1, 2} {
			shapeOf(b, GemmBF16, w, false, false, 512, 512, 512)
			shapeOf(b, GemmBF16, w, false, true, 2048, 192, 192)
			shapeOf(b, GemmBF16, w, true, false, 256, 192, 1024)
			shapeOf(b, GemmBF16, w, false, true, 2048, 4096, 192)
		}
		shapeOf(b, GemmBF16, 1, false, true, 1024, 256, 192)
		shapeOf(b, GemmBF16, 1, false, false, 1024, 192, 256)
	})
}

// shapeIn measures one product as a part of b.
func shapeIn(b *testing.B, workers int, ta, tb bool, m, n, k int) {
	shapeOf(b, Gemm, workers, ta, tb, m, n, k)
}

func shapeOf(b *testing.B, multiply GemmFunc, workers int, ta, tb bool, m, n, k int) {
	b.Run(fmt.Sprintf("%dx%dx%d/%v%v/w%d", m, n, k, ta, tb, workers), func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 2))
		x, y, z := random(r, m*k), random(r, n*k), random(r, m*n)
		lda, ldb := k, n
		if ta {
			lda = m
		}
		if tb {
			ldb = k
		}
		p := NewPool(workers)
		defer p.Close()
		b.ReportAllocs()
		for b.Loop() {
			multiply(p, ta, tb, m, n, k, 1, x, lda, y, ldb, 0, z, n)
		}
		b.ReportMetric(2*float64(m)*float64(n)*float64(k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	})
}
