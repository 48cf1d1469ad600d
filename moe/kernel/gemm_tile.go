package kernel

// tile is the size of the part of C that is computed at once, as the registers allow, and
// the rows of a block that meets one panel of B, a multiple of the tile's.
type tile struct{ rows, cols, block int }

// The tile of most machines, and the largest of vectors.
var (
	smallTile = tile{rows: 6, cols: 16, block: 144}
	largeTile = tile{rows: 12, cols: 32, block: 144}
)

// amxDepth is how many pairs of numbers the matrix unit multiplies at a time.
const amxDepth = 16

// gemmTileGo computes a tile of C of rows×cols, cols a multiple of 8:
//
//	c[i·ldc+j] = alpha · Σ a[i·rs+l·cs]·b[l·ldb+j] + beta·c[i·ldc+j], l in [0,k), k > 0
//
// With beta 0 c is not read.
func gemmTileGo(rows, cols, k int, a []float32, rs, cs int, b []float32, ldb int, c []float32, ldc int, alpha, beta float32) {
	for i := range rows {
		for j := 0; j < cols; j += 8 {
			var s0, s1, s2, s3, s4, s5, s6, s7 float32
			pa, pb := i*rs, j
			for range k {
				v := a[pa]
				r := b[pb:][:8:8]
				s0 += v * r[0]
				s1 += v * r[1]
				s2 += v * r[2]
				s3 += v * r[3]
				s4 += v * r[4]
				s5 += v * r[5]
				s6 += v * r[6]
				s7 += v * r[7]
				pa += cs
				pb += ldb
			}
			out := c[i*ldc+j:][:8]
			for x, s := range [8]float32{s0, s1, s2, s3, s4, s5, s6, s7} {
				if beta == 0 {
					out[x] = alpha * s
				} else {
					out[x] = alpha*s + beta*out[x]
				}
			}
		}
	}
}
