package tensor

import "encoding/binary"

// Types with blocks of 256 elements, cut into smaller ones with scales of a few bits
// each (the K types). Layouts are those of ggml's block structures.

// Q2_K: 16 bytes, each a scale (low half) and a minimum (high half) of 16 elements, 64
// bytes of 2 bits, d and dmin (halves): d·scale·q - dmin·minimum.
func readQ2K(dst []float32, b []byte) {
	scales, qs, d, dmin := b[:16], b[16:80], half(b[80:]), half(b[82:])
	for i := range dst {
		s := scales[i/16]
		q := qs[i/128*32+i%32] >> (i % 128 / 32 * 2) & 3
		dst[i] = d*float32(s&15)*float32(q) - dmin*float32(s>>4)
	}
}

// Q3_K: 32 bytes of third bits, 64 bytes of 2 bits, 16 scales of 6 bits in 12 bytes, d
// (half): d·(scale - 32)·(q - 4).
func readQ3K(dst []float32, b []byte) {
	high, qs, packed, d := b[:32], b[32:96], b[96:108], half(b[108:])
	var scales [16]float32
	for i := range scales {
		low := packed[i%8] & 15
		if i >= 8 {
			low = packed[i%8] >> 4
		}
		scales[i] = d * float32(int(low|packed[8+i%4]>>(i/4*2)&3<<4)-32)
	}
	for i := range dst {
		q := qs[i/128*32+i%32]>>(i%128/32*2)&3 | high[i%32]>>(i/32)&1<<2
		dst[i] = scales[i/16] * float32(int(q)-4)
	}
}

// scaleMin is the scale and the minimum, of 6 bits each, of part j of the 8 of a
// Q4_K or Q5_K block. The first four lie in the low 6 bits of p[0:4] and p[4:8]; the
// others have their low 4 bits in p[8:12] and their high 2 above the first ones.
func scaleMin(p []byte, j int) (scale, minimum byte) {
	if j < 4 {
		return p[j] & 63, p[j+4] & 63
	}
	return p[j+4]&15 | p[j-4]>>6<<4, p[j+4]>>4 | p[j]>>6<<4
}

// putScaleMin is scaleMin's inverse; the parts must be put in order into zeroed p.
func putScaleMin(p []byte, j int, scale, minimum byte) {
	if j < 4 {
		p[j], p[j+4] = scale, minimum
		return
	}
	p[j+4] = scale&15 | minimum&15<<4
	p[j-4] |= scale >> 4 << 6
	p[j] |= minimum >> 4 << 6
}

// Q4_K: d and dmin (halves), 8 scales and minima in 12 bytes, 128 bytes of 4 bits: low
// halves of 32 bytes are one part, high halves the next; d·scale·q - dmin·minimum.
func readQ4K(dst []float32, b []byte) {
	d, dmin, packed, qs := half(b), half(b[2:]), b[4:16], b[16:144]
	for j := range 8 {
		s, m := scaleMin(packed, j)
		ds, dm := d*float32(s), dmin*float32(m)
		for l, q := range qs[j/2*32 : j/2*32+32] {
			dst[j*32+l] = ds*float32(q>>(j%2*4)&15) - dm
		}
	}
}

// Q5_K: as Q4_K with 32 bytes of fifth bits, bit j for part j, before the 4-bit part.
func readQ5K(dst []float32, b []byte) {
	d, dmin, packed, high, qs := half(b), half(b[2:]), b[4:16], b[16:48], b[48:176]
	for j := range 8 {
		s, m := scaleMin(packed, j)
		ds, dm := d*float32(s), dmin*float32(m)
		for l, q := range qs[j/2*32 : j/2*32+32] {
			dst[j*32+l] = ds*float32(q>>(j%2*4)&15|high[l]>>j&1<<4) - dm
		}
	}
}

// Q6_K: 128 bytes of 4 bits, 64 bytes of 2 bits, 16 signed scales, d (half):
// d·scale·(q - 32).
func readQ6K(dst []float32, b []byte) {
	low, high, scales, d := b[:128], b[128:192], b[192:208], half(b[208:])
	for i := range dst {
		h, r := i/128, i%128 // halves of the block
		q := low[h*64+r%64]>>(r/64*4)&15 | high[h*32+r%32]>>(r/32*2)&3<<4
		dst[i] = d * float32(int8(scales[i/16])) * float32(int(q)-32)
	}
}

// IQ4_XS: d (half), the high 2 bits of 8 scales in 2 bytes, their low 4 in 4 bytes, 128
// bytes of indexes, 16 for each part of 32: d·(scale - 32)·nonlinear[q].
func readIQ4XS(dst []float32, b []byte) {
	d, high, low, qs := half(b), binary.LittleEndian.Uint16(b[2:]), b[4:8], b[8:136]
	for j := range 8 {
		s := low[j/2]>>(j%2*4)&15 | byte(high>>(2*j)&3)<<4
		ds := d * float32(int(s)-32)
		for l, q := range qs[j*16 : j*16+16] {
			dst[j*32+l] = ds * nonlinear[q&15]
			dst[j*32+l+16] = ds * nonlinear[q>>4]
		}
	}
}
