//go:build !purego

package kernel

// useAMX says that products in bfloat16 may use the processor's matrix unit (AMX), on
// numbers that AVX-512 BF16 has rounded. Only tests change it.
var useAMX = useBF16 && haveAMX()

// amxTile is the part of C that the matrix unit's eight registers hold beside the operands:
// two by two of 16×16.
var amxTile = tile{rows: 32, cols: 32, block: 160}

// tileConfig is what LDTILECFG reads (Intel SDM, volume 1, 18.3): the rows of each of the
// registers, and the bytes of one.
type tileConfig struct {
	palette uint8
	_       [15]uint8
	bytes   [16]uint16
	rows    [16]uint8
}

// How amxTiles goes.
const (
	amxTall = 1 << iota // C has more than 16 rows
	amxWide             // C has more than 16 columns
	amxAdd              // to what is in C
)

// amxTiles computes down by across tiles of C, as the registers are configured:
//
//	C = A·B, or C + A·B
//
// A has k·16 pairs in bfloat16 a row, B k·16 rows of them, and those of the tiles beside
// are next further; lda, ldb and ldc are the distances between rows, in pairs or numbers.
// If down > 1, each tile must have 32 rows, if across > 1, 32 columns.
//
//go:noescape
func amxTiles(cfg *tileConfig, flags, down, across, k int, a *float32, lda int, b *float32, ldb, next int, c *float32, ldc int)

// amxProduct is C = A·B, or C + A·B with add. Of the panels of B, each as wide as a tile, the
// next begins next elements further.
func amxProduct(rows, cols, pairs int, a []float32, lda int, b []float32, ldb, next int, c []float32, ldc int, add bool) {
	height, width := amxTile.rows, amxTile.cols
	down, across := rows/height, cols/width
	low, right := rows-down*height, cols-across*width
	part := func(i, j, rows, cols, down, across int) {
		if rows == 0 || cols == 0 || down == 0 || across == 0 {
			return
		}
		a, b, c := a[i*lda:], b[j/width*next:], c[i*ldc+j:]
		// The last element of each operand must be there, whatever the caller did.
		_ = a[((down-1)*height+rows-1)*lda+pairs-1]
		_ = b[(across-1)*next+(pairs-1)*ldb+cols-1]
		_ = c[((down-1)*height+rows-1)*ldc+(across-1)*width+cols-1]
		flags := 0
		if rows > 16 {
			flags |= amxTall
		}
		if cols > 16 {
			flags |= amxWide
		}
		if add {
			flags |= amxAdd
		}
		cfg := configured(rows, cols)
		amxTiles(&cfg, flags, down, across, pairs/amxDepth, &a[0], lda, &b[0], ldb, next, &c[0], ldc)
	}
	part(0, 0, height, width, down, across)
	part(0, across*width, height, right, down, 1)
	part(down*height, 0, low, width, 1, across)
	part(down*height, across*width, low, right, 1, 1)
}

// unitRows transposes rows of height pairs, a multiple of 8; there are a multiple of 16 of
// them. Rows of dst lie ldd pairs apart.
func unitRows(dst []float32, ldd int, src []float32, height int) {
	for x := 0; x*height < len(src); x += 16 {
		_, _ = src[(x+16)*height-1], dst[(height-1)*ldd+x+15]
		packRows16AVX2(&dst[x], &src[x*height], height, height, ldd)
	}
}

// configured are the registers for tiles of so many rows and columns: C is in 0 to 3, A in
// 4 and 5, B in 6 and 7. Those that are not used have a size all the same.
func configured(rows, cols int) tileConfig {
	high, low := uint8(min(rows, 16)), uint8(max(rows-16, 1))
	left, right := uint16(4*min(cols, 16)), uint16(4*max(cols-16, 1))
	return tileConfig{
		palette: 1,
		rows:    [16]uint8{high, high, low, low, high, low, amxDepth, amxDepth},
		bytes:   [16]uint16{left, right, left, right, 4 * amxDepth, 4 * amxDepth, left, right},
	}
}
