package kernel

// A panel holds the rows of B (or the columns of A) that one tile meets, side by
// side in the order in which it meets them: k groups of width elements.

// packColsGo fills a panel from k rows which lie ld apart and hold the group
// side by side: dst[l·width+j] = src[l·ld+j] for j < cols, 0 for the rest.
func packColsGo(dst, src []float32, ld, k, cols, width int) {
	for l := range k {
		d := dst[l*width : (l+1)*width]
		copy(d, src[l*ld:l*ld+cols])
		clear(d[cols:])
	}
}

// packRowsGo fills a panel from rows which lie ld apart and run along k:
// dst[l·width+j] = src[j·ld+l] for j < rows, 0 for the rest.
func packRowsGo(dst, src []float32, ld, k, rows, width int) {
	if rows < width {
		clear(dst[:k*width])
	}
	for j := range rows {
		for l, v := range src[j*ld:][:k] {
			dst[l*width+j] = v
		}
	}
}
