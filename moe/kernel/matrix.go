package kernel

import (
	"fmt"

	"moebot/moe/tensor"
)

// Matrix is a weight matrix of Rows×Cols, row-major, in one of the types that
// package tensor supports. Each row is a whole number of blocks. The Matrix only
// refers to Data, which is never written, may be longer than needed and may start
// at any address, so it can be a part of a mapped file.
type Matrix struct {
	Type       tensor.Type
	Rows, Cols int
	Data       []byte
}

// MatMulRows multiplies rows [r0,r1) of w with tokens vectors of activations:
//
//	y[t·ldy+r] = Σ w[r,l]·x[t·ldx+l], l in [0,w.Cols), r in [r0,r1), t in [0,tokens)
//
// Nothing else in y is written. Weights are widened to float32 and products summed
// in float32, so the result is that of dequantised weights within rounding: with K
// columns, an error of about K·2^-24 of the sum of the products' magnitudes at most.
// An element comes out the same, bit for bit, whatever r0, r1 and tokens are.
//
// It runs on the caller; give ranges of rows to the workers of a Pool. It panics if
// the arguments do not fit each other or the type is not supported.
func MatMulRows(y []float32, ldy int, w Matrix, r0, r1 int, x []float32, ldx int, tokens int) {
	if r0 < 0 || r1 < r0 || r1 > w.Rows || w.Cols < 0 || tokens < 0 {
		panic(fmt.Sprintf("kernel: MatMulRows: rows %d to %d of %d, %d tokens", r0, r1, w.Rows, tokens))
	}
	if r0 == r1 || tokens == 0 {
		return
	}
	if !w.Type.Supported() || w.Cols%w.Type.BlockLen() != 0 || len(w.Data) < w.Type.Bytes(w.Rows*w.Cols) {
		panic(fmt.Sprintf("kernel: MatMulRows: %d bytes for %d×%d of %v", len(w.Data), w.Rows, w.Cols, w.Type))
	}
	checkMatrix("MatMulRows: x", tokens, w.Cols, len(x), ldx)
	checkMatrix("MatMulRows: y", tokens, r1, len(y), ldy)
	if w.Cols == 0 {
		for t := range tokens {
			clear(y[t*ldy+r0 : t*ldy+r1])
		}
		return
	}
	s := gemmScratches.Get().(*gemmScratch)
	dotRows(s, y, ldy, w.view(), r0, r1, x, ldx, tokens)
	gemmScratches.Put(s)
}

// view is a Matrix with what the inner loops ask for worked out.
type view struct {
	typ        tensor.Type
	cols       int
	stride     int // bytes from row to row
	blockLen   int // elements
	blockBytes int
	data       []byte
}

func (w *Matrix) view() view {
	v := view{typ: w.Type, cols: w.Cols, blockLen: w.Type.BlockLen(), blockBytes: w.Type.BlockBytes(), data: w.Data}
	v.stride = v.bytes(w.Cols)
	return v
}

// bytes is the size of n elements of a row, a whole number of blocks.
func (v *view) bytes(n int) int { return n / v.blockLen * v.blockBytes }

// part is columns [l,l+n) of row r; both are multiples of the block length.
func (v *view) part(r, l, n int) []byte {
	lo := r*v.stride + v.bytes(l)
	return v.data[lo : lo+v.bytes(n)]
}

// dotRowsGo is MatMulRows row by row.
func dotRowsGo(s *gemmScratch, y []float32, ldy int, w view, r0, r1 int, x []float32, ldx, tokens int) {
	s.row = grow(s.row, w.cols)
	row := s.row[:w.cols]
	for r := r0; r < r1; r++ {
		tensor.Dequantize(row, w.typ, w.part(r, 0, w.cols))
		for t := range tokens {
			y[t*ldy+r] = dotGo(row, x[t*ldx:t*ldx+w.cols])
		}
	}
}
