package tensor

import "math"

// The K types' quantisers. For each part of a block several scales near the one that
// just holds the largest element are tried; the elements rounded with one give,
// by weighted least squares, the scale (and minimum) that suits them best; the
// candidate with the smallest weighted squared error stays. Then the parts' scales
// are themselves rounded to a few bits of the block's, and the elements rounded anew
// with what is left of them.

// weigh is how much an element's error counts: larger weights matter more, as in
// products with activations they move the result more when they err alike.
func weigh(w, x []float32) {
	sum := float32(0)
	for _, v := range x {
		sum += v * v
	}
	rms := float32(math.Sqrt(float64(sum / float32(len(x)))))
	for i, v := range x {
		w[i] = rms + float32(math.Abs(float64(v)))
	}
}

func round(v float32) int { return int(math.RoundToEven(float64(v))) }

// fitAbove finds scale and minimum ≥ 0 such that scale·q - minimum, q from 0 to top, is
// close to x.
func fitAbove(x []float32, top int) (scale, minimum float32) {
	lo, hi := spread(x)
	lo = min(lo, 0)
	if !(hi > lo) {
		return 0, -lo
	}
	var weights, q [32]float32
	w := weights[:len(x)]
	weigh(w, x)
	best := float32(math.Inf(1))
	for step := -10; step <= 20; step++ {
		inv := (float32(top) + 0.1*float32(step)) / (hi - lo)
		var sw, sq, sqq, sx, sqx float32
		for i, v := range x {
			k := float32(min(top, max(0, round(inv*(v-lo)))))
			q[i] = k
			sw += w[i]
			sq += w[i] * k
			sqq += w[i] * k * k
			sx += w[i] * v
			sqx += w[i] * k * v
		}
		if sqq == 0 {
			continue
		}
		a, c := sqx/sqq, float32(0)
		if det := sw*sqq - sq*sq; det > 0 && sqq*sx < sq*sqx { // a minimum can only be taken off
			a, c = (sw*sqx-sq*sx)/det, (sqq*sx-sq*sqx)/det
		}
		e := float32(0)
		for i, v := range x {
			d := a*q[i] + c - v
			e += w[i] * d * d
		}
		if e < best && a > 0 {
			best, scale, minimum = e, a, -c
		}
	}
	return scale, minimum
}

// fitAround finds the scale such that scale·q, q from -top to top-1, is close to x.
func fitAround(x []float32, top int) (scale float32) {
	var largest, signed float32
	for _, v := range x {
		if a := float32(math.Abs(float64(v))); a > largest {
			largest, signed = a, v
		}
	}
	if !(largest > 0) {
		return 0
	}
	var weights [32]float32
	w := weights[:len(x)]
	weigh(w, x)
	best := float32(math.Inf(-1))
	for step := -9; step <= 9; step++ {
		inv := -(float32(top) + 0.1*float32(step)) / signed
		var sqx, sqq float32
		for i, v := range x {
			k := float32(min(top-1, max(-top, round(inv*v))))
			sqx += w[i] * k * v
			sqq += w[i] * k * k
		}
		if sqq > 0 && sqx*sqx/sqq > best { // the error is Σwx² less this
			best, scale = sqx*sqx/sqq, sqx/sqq
		}
	}
	return scale
}

// parts fits the 8 parts of a Q4_K or Q5_K block, writes d, dmin and the packed scales
// to b and calls put with each element's rounded value.
func parts(b []byte, x []float32, top int, put func(i int, q byte)) {
	var scales, minima [8]float32
	var s, m float32
	for j := range scales {
		scales[j], minima[j] = fitAbove(x[32*j:32*j+32], top)
		s, m = max(s, scales[j]), max(m, minima[j])
	}
	putHalf(b, s/63)
	putHalf(b[2:], m/63)
	d, dmin := half(b), half(b[2:]) // as they will be read
	clear(b[4:16])
	for j := range scales {
		ks := min(63, max(0, round(scales[j]*inverse(d))))
		km := min(63, max(0, round(minima[j]*inverse(dmin))))
		putScaleMin(b[4:16], j, byte(ks), byte(km))
		inv, off := inverse(d*float32(ks)), dmin*float32(km)
		for i := 32 * j; i < 32*j+32; i++ {
			put(i, byte(min(top, max(0, round((x[i]+off)*inv)))))
		}
	}
}

func writeQ4K(b []byte, x []float32) {
	qs := b[16:144]
	clear(qs)
	parts(b, x, 15, func(i int, q byte) { qs[i/64*32+i%32] |= q << (i / 32 % 2 * 4) })
}

func writeQ5K(b []byte, x []float32) {
	high, qs := b[16:48], b[48:176]
	clear(b[16:176])
	parts(b, x, 31, func(i int, q byte) {
		qs[i/64*32+i%32] |= q & 15 << (i / 32 % 2 * 4)
		high[i%32] |= q >> 4 << (i / 32)
	})
}

func writeQ6K(b []byte, x []float32) {
	low, high, packed := b[:128], b[128:192], b[192:208]
	clear(b)
	var scales [16]float32
	var largest, signed float32
	for j := range scales {
		scales[j] = fitAround(x[16*j:16*j+16], 32)
		if a := float32(math.Abs(float64(scales[j]))); a > largest {
			largest, signed = a, scales[j]
		}
	}
	putHalf(b[208:], signed/-128)
	d := half(b[208:])
	for i, v := range x {
		s := min(127, max(-128, round(scales[i/16]*inverse(d))))
		packed[i/16] = byte(int8(s))
		q := byte(min(31, max(-32, round(v*inverse(d*float32(s))))) + 32)
		h, r := i/128, i%128
		low[h*64+r%64] |= q & 15 << (r / 64 * 4)
		high[h*32+r%32] |= q >> 4 << (r / 32 * 2)
	}
}
