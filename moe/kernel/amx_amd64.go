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

// amxTiles computes n tiles of C, one below the other, as the registers are configured:
//
//	C = A·B, or C + A·B
//
// A has k·16 pairs in bfloat16 a row, B k·16 rows of them; lda, ldb and ldc are the
// distances between rows, in pairs or numbers. If n > 1, each tile must have 32 rows.
//
//go:noescape
func amxTiles(cfg *tileConfig, flags, n, k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int)

// amxProduct is C = A·B, or C + A·B with add, for one panel of B, at most 32 wide.
func amxProduct(rows, cols, pairs int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	// The last element of each operand must be there, whatever the caller did.
	_ = a[(rows-1)*lda+pairs-1]
	_ = b[(pairs-1)*ldb+cols-1]
	_ = c[(rows-1)*ldc+cols-1]
	whole := rows / amxTile.rows
	if whole > 0 {
		amxTilesOf(amxTile.rows, cols, whole, pairs, a, lda, b, ldb, c, ldc, add)
	}
	if rest := rows % amxTile.rows; rest > 0 {
		at := whole * amxTile.rows
		amxTilesOf(rest, cols, 1, pairs, a[at*lda:], lda, b, ldb, c[at*ldc:], ldc, add)
	}
}

// amxTilesOf is amxTiles for n tiles of so many rows and columns.
func amxTilesOf(rows, cols, n, pairs int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
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
	// Registers that are not used have a size all the same: C is in 0 to 3, A in 4 and 5, B in 6 and 7.
	high, low := uint8(min(rows, 16)), uint8(max(rows-16, 1))
	left, right := uint16(4*min(cols, 16)), uint16(4*max(cols-16, 1))
	cfg := tileConfig{
		palette: 1,
		rows:    [16]uint8{high, high, low, low, high, low, amxDepth, amxDepth},
		bytes:   [16]uint16{left, right, left, right, 4 * amxDepth, 4 * amxDepth, left, right},
	}
	amxTiles(&cfg, flags, n, pairs/amxDepth, &a[0], lda, &b[0], ldb, &c[0], ldc)
}
