package kernel

import "fmt"

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
	if m < 0 || n < 0 || k < 0 {
		panic(fmt.Sprintf("kernel: Gemm: negative size %d×%d×%d", m, n, k))
	}
	if m == 0 || n == 0 {
		return
	}
	checkMatrix("Gemm: C", m, n, len(c), ldc)
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
	}
	const rows = 16
	p.Run((m+rows-1)/rows, func(i int) {
		for r := i * rows; r < min(m, (i+1)*rows); r++ {
			row := c[r*ldc : r*ldc+n]
			if beta == 0 {
				clear(row)
			} else {
				for j := range row {
					row[j] *= beta
				}
			}
			if alpha == 0 {
				continue
			}
			for l := 0; l < k && !transB; l++ {
				v := r*lda + l
				if transA {
					v = l*lda + r
				}
				Axpy(alpha*a[v], b[l*ldb:l*ldb+n], row)
			}
			if transB && !transA {
				for j := range row {
					row[j] += alpha * Dot(a[r*lda:r*lda+k], b[j*ldb:j*ldb+k])
				}
			}
			if transB && transA {
				for j := range row {
					var s float32
					for l := range k {
						s += a[l*lda+r] * b[j*ldb+l]
					}
					row[j] += alpha * s
				}
			}
		}
	})
}

// checkMatrix panics unless a slice of have elements holds rows×cols elements with
// rows ld apart.
func checkMatrix(what string, rows, cols, have, ld int) {
	if ld < cols || have < (rows-1)*ld+cols {
		panic(fmt.Sprintf("kernel: %s is %d×%d with rows %d apart, its slice has %d", what, rows, cols, ld, have))
	}
}
