package kernel

import "sync"

// The blocking follows Goto and van de Geijn (2008, "Anatomy of high-performance
// matrix multiplication"): a panel of B stays in the first cache while the tiles of
// a block of A pass by, and that block stays in the second. Sizes in elements.
const (
	blockK = 320  // of the sum; 320·16 floats of B are 20 KiB, 320·32 (AVX-512) 40
	blockN = 1024 // columns of B
)

// packRun is how many numbers of the sum are copied for all panels before the next are, so
// that rows are read in their order; a multiple of 32.
const packRun = 32

// packFrom is the number of rows of C from which copying B, so that its panels are
// contiguous, costs less than reading it with large strides.
const packFrom = 24

// gemm is one product, with the arguments of Gemm.
type gemm struct {
	half           bool // see GemmBF16
	unit           bool // half, by the matrix unit
	transA, transB bool
	m, n, k        int
	lda, ldb, ldc  int
	alpha, beta    float32
	a, b, c        []float32
	tile           tile
}

// gemmJob is a product cut into down×across blocks of C, each computed alone.
type gemmJob struct {
	gemm
	down, across int // blocks
	rows, cols   int // of one block
	run          func(i int)
}

// gemmScratch is what one goroutine needs for a block, or for copies of the operands.
type gemmScratch struct {
	a, b []float32
	row  []float32        // widened weights; rows of pairs
	c    []float32        // products that must be scaled
	edge [12 * 32]float32 // a tile that is not whole
}

// These two keep memory between calls, nothing else.
var (
	gemmJobs = sync.Pool{New: func() any {
		g := new(gemmJob)
		g.run = g.block
		return g
	}}
	gemmScratches = sync.Pool{New: func() any { return new(gemmScratch) }}
)

// split chooses the blocks for a number of workers: a few for each worker so that
// a slow one does not hold up the rest. Each cut between rows means packing B once
// more, each between columns packing A, or reading it where it is not transposed; the
// cheaper is made, unless the blocks get too small. Beside the matrix unit packing is what
// takes the time, so each worker gets one block if that comes out even.
func (g *gemmJob) split(workers int) {
	g.unit = g.half && useAMX
	g.tile = gemmTileSize(g.unit)
	g.down, g.across = 1, 1
	g.rows, g.cols = g.m, g.n
	blocks := 4 * workers
	if g.unit && workers&(workers-1) == 0 {
		blocks = workers
	}
	for workers > 1 && g.down*g.across < blocks && g.rows*g.cols*g.k >= 1<<18 {
		downCost, acrossCost := g.down*g.n, g.across*g.m
		if !g.transA {
			acrossCost /= 4
		}
		tall, wide := g.rows >= 96, g.cols >= 4*g.tile.cols
		switch {
		case tall && (downCost <= acrossCost || !wide):
			g.down *= 2
		case wide:
			g.across *= 2
		default:
			workers = 0
		}
		g.rows = roundUp((g.m+g.down-1)/g.down, g.tile.rows)
		g.cols = roundUp((g.n+g.across-1)/g.across, g.tile.cols)
	}
	g.down = (g.m + g.rows - 1) / g.rows
	g.across = (g.n + g.cols - 1) / g.cols
}

// block computes the i-th block of C.
func (g *gemmJob) block(i int) {
	s := gemmScratches.Get().(*gemmScratch)
	i0, j0 := i/g.across*g.rows, i%g.across*g.cols
	g.gemm.block(s, i0, min(g.m, i0+g.rows), j0, min(g.n, j0+g.cols))
	gemmScratches.Put(s)
}

// block computes rows [i0,i1) and columns [j0,j1) of C.
func (g *gemm) block(s *gemmScratch, i0, i1, j0, j1 int) {
	if g.k == 0 || g.alpha == 0 {
		g.scale(i0, i1, j0, j1)
		return
	}
	if g.few(s, i0, i1, j0, j1) {
		return
	}
	most, multiple := blockK, 8
	if g.half {
		most, multiple = 2*blockK, 32 // numbers that are rounded at a time
	}
	parts := (g.k + most - 1) / most
	depth := roundUp((g.k+parts-1)/parts, multiple)
	beta := g.beta
	for l := 0; l < g.k; l += depth {
		kb := min(depth, g.k-l)
		for j := j0; j < j1; j += blockN {
			nb := min(blockN, j1-j)
			pb := g.panelsB(s, l, kb, j, nb, i1-i0)
			for i := i0; i < i1; i += g.tile.block {
				mb := min(g.tile.block, i1-i)
				g.tiles(s, i, mb, j, nb, g.panelsA(s, l, kb, i, mb), pb, beta)
			}
		}
		beta = 1
	}
}

// panels are the parts of one operand that the tiles meet, each k elements deep (pairs
// of them if gemm.half). Of A the rows of the q-th tile start at at[q·next], rows apart
// from row to row and deep along the sum; of B the columns, deep apart along the sum.
type panels struct {
	at         []float32
	k          int
	next       int
	rows, deep int
}

// panelsB makes rows [l,l+kb) and columns [j,j+nb) of op(B) readable by tiles. A last
// panel of fewer columns is always a padded copy at the end of s.b, which is then b's
// only user for it: see tiles.
func (g *gemm) panelsB(s *gemmScratch, l, kb, j, nb, rows int) panels {
	k, width := g.depth(kb), g.tile.cols
	full := nb / width
	direct := !g.half && !g.transB && rows < packFrom
	s.b = grow(s.b, (full+1)*k*width)
	first := 0
	if direct {
		first = full
	}
	if g.transB {
		for q := first; q*width < nb; q++ {
			g.packRows(s, s.b[q*k*width:(q+1)*k*width], g.b[(j+q*width)*g.ldb+l:], g.ldb, kb, min(width, nb-q*width), width)
		}
	} else {
		for at := 0; at < kb; at += packRun {
			n := min(packRun, kb-at)
			from := g.depth(at)
			to := from + g.depth(n)
			for q := first; q*width < nb; q++ {
				g.packCols(s.b[(q*k+from)*width:(q*k+to)*width], g.b[(l+at)*g.ldb+j+q*width:], g.ldb, n, min(width, nb-q*width), width)
			}
		}
	}
	if direct {
		return panels{at: g.b[l*g.ldb+j:], k: k, deep: g.ldb, next: width}
	}
	return panels{at: s.b, k: k, deep: width, next: k * width}
}

// panelsA makes rows [i,i+mb) and columns [l,l+kb) of op(A) readable by tiles. Rows of
// a matrix that is not transposed are read where they are, or as they come from rounding.
func (g *gemm) panelsA(s *gemmScratch, l, kb, i, mb int) panels {
	k, height := g.depth(kb), g.tile.rows
	if !g.transA && !g.half {
		return panels{at: g.a[i*g.lda+l:], k: k, rows: g.lda, deep: 1, next: height * g.lda}
	}
	s.a = grow(s.a, roundUp(mb, height)*k)
	if !g.transA {
		pairRows(s.a, g.a[i*g.lda+l:], g.lda, mb, kb, k)
		return panels{at: s.a, k: k, rows: k, deep: 1, next: height * k}
	}
	if g.unit { // whose rows are contiguous
		s.row = grow(s.row, packRun*height)
		for at := 0; at < kb; at += packRun {
			n := min(packRun, kb-at)
			from := g.depth(at)
			for q := 0; q*height < mb; q++ {
				row := s.row[:g.depth(n)*height]
				g.packCols(row, g.a[(l+at)*g.lda+i+q*height:], g.lda, n, min(height, mb-q*height), height)
				unitRows(s.a[q*k*height+from:], k, row, height)
			}
		}
		return panels{at: s.a, k: k, rows: k, deep: 1, next: height * k}
	}
	for q := 0; q*height < mb; q++ {
		w := min(height, mb-q*height)
		g.packCols(s.a[q*k*height:(q+1)*k*height], g.a[l*g.lda+i+q*height:], g.lda, kb, w, height)
	}
	return panels{at: s.a, k: k, rows: 1, deep: height, next: k * height}
}

// depth is how many elements of a panel k numbers of the sum are.
func (g *gemm) depth(k int) int {
	switch {
	case g.unit:
		return roundUp((k+1)/2, amxDepth)
	case g.half:
		return (k + 1) / 2
	}
	return k
}

func (g *gemm) packCols(dst, src []float32, ld, k, cols, width int) {
	if g.half {
		pairCols(dst, src, ld, k, cols, width)
		clear(dst[(k+1)/2*width:])
		return
	}
	packCols(dst, src, ld, k, cols, width)
}

func (g *gemm) packRows(s *gemmScratch, dst, src []float32, ld, k, rows, width int) {
	if !g.half {
		packRows(dst, src, ld, k, rows, width)
		return
	}
	pairs := g.depth(k)
	s.row = grow(s.row, rows*pairs)
	pairRows(s.row, src, ld, rows, k, pairs)
	packRows(dst, s.row, pairs, pairs, rows, width)
}

// tiles adds the product of the packed parts to rows [i,i+mb), columns [j,j+nb).
func (g *gemm) tiles(s *gemmScratch, i, mb, j, nb int, a, b panels, beta float32) {
	width := g.tile.cols
	if g.unit {
		g.unitTiles(s, i, mb, j, nb, a, b, beta)
		return
	}
	for q := 0; q*width < nb; q++ {
		w := min(width, nb-q*width)
		pb, pld := b.at[q*b.next:], b.deep
		if w < width {
			pb, pld = s.b[q*b.k*width:], width
		}
		for r := 0; r < mb; r += g.tile.rows {
			h := min(g.tile.rows, mb-r)
			pa := a.at[r/g.tile.rows*a.next:]
			c := g.c[(i+r)*g.ldc+j+q*width:]
			if w == width {
				gemmTile(g.half, h, width, a.k, pa, a.rows, a.deep, pb, pld, c, g.ldc, g.alpha, beta)
				continue
			}
			gemmTile(g.half, h, width, a.k, pa, a.rows, a.deep, pb, pld, s.edge[:], width, g.alpha, 0)
			for x := range h {
				merge(c[x*g.ldc:][:w], s.edge[x*width:], 1, beta)
			}
		}
	}
}

// unitTiles is tiles by the matrix unit, which neither scales what it adds nor what is in C.
// The rows of a are contiguous, also from tile to tile. It takes 256 columns at a time, some
// 30 µs at most, for no goroutine can be stopped meanwhile.
func (g *gemm) unitTiles(s *gemmScratch, i, mb, j, nb int, a, b panels, beta float32) {
	const cols = 256
	for ; nb > cols; j, nb = j+cols, nb-cols {
		g.unitTiles(s, i, mb, j, cols, a, b, beta)
		b.at = b.at[cols/g.tile.cols*b.next:]
	}
	c := g.c[i*g.ldc+j:]
	if beta == 0 || beta == 1 && g.alpha == 1 {
		amxProduct(mb, nb, a.k, a.at, a.rows, b.at, b.deep, b.next, c, g.ldc, beta == 1)
		if g.alpha != 1 {
			for x := range mb {
				scale(g.alpha, c[x*g.ldc:][:nb])
			}
		}
		return
	}
	s.c = grow(s.c, mb*nb)
	amxProduct(mb, nb, a.k, a.at, a.rows, b.at, b.deep, b.next, s.c, nb, false)
	for x := range mb {
		row := c[x*g.ldc:][:nb]
		if beta != 1 {
			scale(beta, row)
		}
		axpy(g.alpha, s.c[x*nb:][:nb], row)
	}
}

// merge writes dst[i] = alpha·src[i] + beta·dst[i]; dst is not read if beta is 0.
func merge(dst, src []float32, alpha, beta float32) {
	for i, v := range src[:len(dst)] {
		if beta == 0 {
			dst[i] = alpha * v
		} else {
			dst[i] = alpha*v + beta*dst[i]
		}
	}
}

// scale is the product without a product: C = beta·C.
func (g *gemm) scale(i0, i1, j0, j1 int) {
	for i := i0; i < i1; i++ {
		row := g.c[i*g.ldc+j0 : i*g.ldc+j1]
		if g.beta == 0 {
			clear(row)
			continue
		}
		for j := range row {
			row[j] *= g.beta
		}
	}
}

// grow returns s with at least n elements, of any content.
func grow(s []float32, n int) []float32 {
	if len(s) < n {
		return make([]float32, n)
	}
	return s
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }
