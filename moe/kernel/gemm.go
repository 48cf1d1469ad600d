package kernel

import (
	"fmt"
)

// GemmFunc is what Gemm and GemmBF16 are.
type GemmFunc func(p *Pool, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int)

// Gemm multiplies matrices: C = alpha·op(A)·op(B) + beta·C, where op(A) is m×k and
// op(B) is k×n, and op transposes if transA or transB is set: A is then stored as
// k×m, B as n×k. lda, ldb and ldc are the distances between the starts of stored
// rows, at least the length of a row. C is m×n and must not overlap A or B; A and B
// may be the same. If beta is 0, C is only written, whatever it held; if alpha or k
// is 0, A and B are not read.
//
// The work is shared out over p, which may be nil or in use: then the caller does
// it all. It panics if a matrix does not fit its slice.
func Gemm(p *Pool, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	multiply(p, false, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

func multiply(p *Pool, half, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if m < 0 || n < 0 || k < 0 {
		panic(fmt.Sprintf("kernel: Gemm: negative size %d×%d×%d", m, n, k))
	}
	if m == 0 || n == 0 {
		return
	}
	checkMatrix("Gemm: C", m, n, len(c), ldc)
	var s *gemmScratch
	if k > 0 && alpha != 0 {
		ra, ca := m, k
		if transA {
			ra, ca = k, m
		}
		rb, cb := k, n
		if transB {
			rb, cb = n, k
		}
		checkMatrix("Gemm: A", ra, ca, len(a), lda)
		checkMatrix("Gemm: B", rb, cb, len(b), ldb)
		if half && !useBF16 {
			s = gemmScratches.Get().(*gemmScratch)
			a, b, half = rounded(&s.a, ra, ca, a, lda), rounded(&s.b, rb, cb, b, ldb), false
		}
	}
	g := gemmJobs.Get().(*gemmJob)
	g.gemm = gemm{half: half, transA: transA, transB: transB, m: m, n: n, k: k, lda: lda, ldb: ldb, ldc: ldc, alpha: alpha, beta: beta, a: a, b: b, c: c}
	g.split(p.Workers())
	p.Run(g.down*g.across, g.run)
	g.gemm = gemm{} // keeps nobody's matrices alive
	gemmJobs.Put(g)
	if s != nil {
		gemmScratches.Put(s)
	}
}

// checkMatrix panics unless a slice of have elements holds rows×cols elements with
// rows ld apart.
func checkMatrix(what string, rows, cols, have, ld int) {
	if rows == 0 || cols == 0 {
		return
	}
	if ld < cols || have < (rows-1)*ld+cols {
		panic(fmt.Sprintf("kernel: %s is %d×%d with rows %d apart, its slice has %d", what, rows, cols, ld, have))
	}
}
