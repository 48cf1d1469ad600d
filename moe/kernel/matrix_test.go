package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"moebot/moe/tensor"
)

// matrixTypes are all types that products are computed with.
var matrixTypes = func() (out []tensor.Type) {
	for t := range tensor.Type(64) {
		if t.Supported() {
			out = append(out, t)
		}
	}
	return out
}()

// halves are the places of half-precision scales in a block of each type.
var halves = map[tensor.Type][]int{tensor.Q4_1: {0, 2}, tensor.Q5_1: {0, 2}, tensor.Q2_K: {80, 82}, tensor.Q3_K: {108}, tensor.Q4_K: {0, 2},
	tensor.Q5_K: {0, 2}, tensor.Q6_K: {208}}

// randomMatrix has arbitrary bits as weights, only the exponents are kept moderate.
func randomMatrix(r *rand.Rand, t tensor.Type, rows, cols int) Matrix {
	data := make([]byte, t.Bytes(rows*cols)+1)[1:] // at an odd address
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	put16 := binary.LittleEndian.PutUint16
	half := func() uint16 { return uint16(r.Uint32()&0x83ff | (10+r.Uint32()%6)<<10) }
	switch t {
	case tensor.F32:
		for i := 0; i < len(data); i += 4 {
			binary.LittleEndian.PutUint32(data[i:], math.Float32bits(float32(r.NormFloat64())))
		}
	case tensor.F16:
		for i := 0; i < len(data); i += 2 {
			put16(data[i:], half())
		}
		if len(data) > 20 {
			put16(data[6:], 0x0123) // subnormal
		}
	case tensor.BF16:
		for i := 0; i < len(data); i += 2 {
			put16(data[i:], uint16(math.Float32bits(float32(r.NormFloat64()))>>16))
		}
	case tensor.MXFP4:
		for i := 0; i < len(data); i += t.BlockBytes() {
			data[i] = byte(120 + r.IntN(10))
		}
	default:
		places := halves[t]
		if places == nil {
			places = []int{0}
		}
		for i := 0; i < len(data); i += t.BlockBytes() {
			for _, at := range places {
				put16(data[i+at:], half())
			}
		}
	}
	return Matrix{t, rows, cols, data}
}

// checkMatMul compares with the sum of dequantised products in float64.
func checkMatMul(t *testing.T, w Matrix, r0, r1, tokens, padX, padY int, r *rand.Rand) {
	t.Helper()
	ldx, ldy := w.Cols+padX, w.Rows+padY
	x, y := guarded(random(r, extent(tokens, w.Cols, ldx))), guarded(random(r, extent(tokens, w.Rows, ldy)))
	before := append([]float32(nil), y.x...)
	MatMulRows(y.x, ldy, w, r0, r1, x.x, ldx, tokens)
	x.check(t)
	y.check(t)
	row := make([]float32, w.Cols)
	for j := range before {
		token, i := j/ldy, j%ldy
		if i < r0 || i >= r1 {
			if y.x[j] != before[j] {
				t.Fatalf("wrote element %d of token %d outside rows %d to %d", i, token, r0, r1)
			}
			continue
		}
		tensor.Dequantize(row, w.Type, w.Data[i*w.Type.Bytes(w.Cols):][:w.Type.Bytes(w.Cols)])
		var want, size float64
		for l, v := range row {
			z := float64(v) * float64(x.x[token*ldx+l])
			want += z
			size += math.Abs(z)
		}
		near(t, fmt.Sprintf("%v %d×%d, %d tokens: y[%d,%d]", w.Type, w.Rows, w.Cols, tokens, token, i), y.x[j], want, float64(w.Cols+3)*eps32/2*size)
	}
}

func TestMatMulRows(t *testing.T) {
	both(t, func(t *testing.T) {
		for _, typ := range matrixTypes {
			t.Run(typ.String(), func(t *testing.T) {
				r := rand.New(rand.NewPCG(7, uint64(typ)))
				for cols := 0; cols <= max(300, 3*typ.BlockLen()); cols += typ.BlockLen() {
					w := randomMatrix(r, typ, 1+r.IntN(9), cols)
					r0 := r.IntN(w.Rows)
					checkMatMul(t, w, r0, r0+r.IntN(w.Rows-r0+1), 1, 0, 0, r)
				}
				for _, tokens := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 24, 40, 151} {
					for _, cols := range []int{32, 96, 384, 1024} {
						cols = (cols + typ.BlockLen() - 1) / typ.BlockLen() * typ.BlockLen()
						w := randomMatrix(r, typ, 33+r.IntN(9), cols)
						r0 := r.IntN(20)
						checkMatMul(t, w, r0, r0+r.IntN(w.Rows-r0+1), tokens, r.IntN(3), r.IntN(3), r)
					}
				}
				if typ.BlockLen() == 1 {
					checkMatMul(t, randomMatrix(r, typ, 20, 45), 1, 19, 30, 1, 1, r)
				}
			})
		}
	})
}

// An element must not depend on the rows and the tokens it was computed with.
func TestMatMulRowsAnyRange(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 8))
		for _, typ := range matrixTypes {
			for _, tokens := range []int{1, 2, 3, 6, 20, 90} {
				cols := 352 + r.IntN(2)*640
				cols = (cols + typ.BlockLen() - 1) / typ.BlockLen() * typ.BlockLen()
				w := randomMatrix(r, typ, 37, cols)
				x := random(r, tokens*w.Cols)
				whole, parts := make([]float32, tokens*w.Rows), make([]float32, tokens*w.Rows)
				MatMulRows(whole, w.Rows, w, 0, w.Rows, x, w.Cols, tokens)
				for r0 := 0; r0 < w.Rows; {
					r1 := min(w.Rows, r0+1+r.IntN(9))
					for t0 := 0; t0 < tokens; {
						t1 := min(tokens, t0+1+r.IntN(9))
						MatMulRows(parts[t0*w.Rows:], w.Rows, w, r0, r1, x[t0*w.Cols:], w.Cols, t1-t0)
						t0 = t1
					}
					r0 = r1
				}
				for i := range whole {
					if whole[i] != parts[i] {
						t.Fatalf("%v, %d tokens: element %d is %v, in parts %v", typ, tokens, i, whole[i], parts[i])
					}
				}
			}
		}
	})
}

func TestMatMulRowsNaNAndInf(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 9))
		for _, typ := range matrixTypes {
			for _, tokens := range []int{1, 5, 30} {
				cols := max(64, typ.BlockLen())
				w := randomMatrix(r, typ, 8, cols)
				x := random(r, tokens*cols)
				x[cols*(tokens-1)+3] = float32(math.NaN())
				y := make([]float32, tokens*8)
				MatMulRows(y, 8, w, 0, 8, x, cols, tokens)
				for i, v := range y {
					if isNaN := v != v; isNaN != (i/8 == tokens-1) {
						t.Fatalf("%v, %d tokens: y[%d,%d] = %v", typ, tokens, i/8, i%8, v)
					}
				}
			}
		}
	})
}

func TestMatMulRowsChecksArguments(t *testing.T) {
	w := randomMatrix(rand.New(rand.NewPCG(1, 1)), tensor.Q8_0, 4, 64)
	x := make([]float32, 64)
	for name, f := range map[string]func(){
		"rows":    func() { MatMulRows(x, 4, w, 0, 5, x, 64, 1) },
		"x":       func() { MatMulRows(x, 4, w, 0, 4, x[:63], 64, 1) },
		"y":       func() { MatMulRows(x[:3], 4, w, 0, 4, x, 64, 1) },
		"data":    func() { MatMulRows(x, 4, Matrix{w.Type, 4, 64, w.Data[1:]}, 0, 4, x, 64, 1) },
		"columns": func() { MatMulRows(x, 4, Matrix{w.Type, 4, 33, w.Data}, 0, 4, x, 64, 1) },
		"type":    func() { MatMulRows(x, 4, Matrix{99, 4, 64, w.Data}, 0, 4, x, 64, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("wrong %s accepted", name)
				}
			}()
			f()
		}()
	}
}

// Each width of registers and the twin, on matrices that the caches do not hold (one
// token) or that are used again (many).
func BenchmarkMatMulRows(b *testing.B) {
	have, have512 := useAVX2, useAVX512
	defer func() { useAVX2, useAVX512 = have, have512 }()
	if have512 {
		b.Run("avx512", matMulRows)
	}
	if useAVX512 = false; have {
		b.Run("avx2", matMulRows)
	}
	useAVX2 = false
	b.Run("go", matMulRows)
}

func matMulRows(b *testing.B) {
	const cols = 768
	for _, typ := range matrixTypes {
		for _, tokens := range []int{1, 2, 8, 64, 256} {
			rows := 1024
			if tokens <= 2 {
				rows = 1 << 16
			}
			b.Run(fmt.Sprintf("%v/%d", typ, tokens), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 2))
				w := randomMatrix(r, typ, 256, cols)
				for w.Rows < rows {
					w.Rows, w.Data = 2*w.Rows, append(w.Data, w.Data...)
				}
				x, y := random(r, tokens*cols), make([]float32, tokens*rows)
				for b.Loop() {
					MatMulRows(y, rows, w, 0, rows, x, cols, tokens)
				}
				s := b.Elapsed().Seconds() / float64(b.N)
				b.ReportMetric(float64(typ.Bytes(rows*cols))/s/1e9, "GB/s")
				b.ReportMetric(2*float64(rows)*cols*float64(tokens)/s/1e9, "GFLOP/s")
			})
		}
	}
}
