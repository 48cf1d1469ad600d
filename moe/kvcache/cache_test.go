package kvcache

import (
	"testing"

	"moebot/moe/tensor"
)

// get and set are element i of rows of float32.
func get(rows []byte, i int) float32 {
	var x [1]float32
	tensor.Dequantize(x[:], tensor.F32, rows[4*i:4*i+4])
	return x[0]
}

func set(rows []byte, i int, v float32) { tensor.Quantize(rows[4*i:4*i+4], tensor.F32, []float32{v}) }

func TestGrowthKeepsWhatWasWritten(t *testing.T) {
	c := New(tensor.F32, 2, 3, 3, 200)
	for i := range 200 {
		p := c.Append(int32(i))
		if p != i {
			t.Fatalf("position %d, want %d", p, i)
		}
		for l := range 2 {
			for j := range 3 {
				set(c.Keys(l), p*3+j, float32(i*10+l))
				set(c.Values(l), p*3+j, float32(-i*10-l))
			}
		}
	}
	for i := range 200 {
		for l := range 2 {
			if k, v := get(c.Keys(l), i*3+2), get(c.Values(l), i*3); k != float32(i*10+l) || v != float32(-i*10-l) {
				t.Fatalf("token %d layer %d: %v, %v", i, l, k, v)
			}
		}
	}
	if c.Bytes() != 8*2*3*200 {
		t.Errorf("%d bytes", c.Bytes())
	}
	defer func() {
		if recover() == nil {
			t.Error("a token beyond the limit is accepted")
		}
	}()
	c.Append(1)
}

func TestPrefix(t *testing.T) {
	c := New(tensor.F32, 1, 1, 1, 10)
	for _, id := range []int32{5, 6, 7} {
		c.Append(id)
	}
	for _, tc := range []struct {
		ids  []int32
		want int
	}{{nil, 0}, {[]int32{5}, 1}, {[]int32{5, 6, 7, 8}, 3}, {[]int32{5, 9, 7}, 1}, {[]int32{1}, 0}} {
		if got := c.Prefix(tc.ids); got != tc.want {
			t.Errorf("prefix of %v is %d, want %d", tc.ids, got, tc.want)
		}
	}
	c.Truncate(1)
	if got := c.Prefix([]int32{5, 6}); got != 1 {
		t.Errorf("after truncation the prefix is %d, want 1", got)
	}
}

func fill(c *Cache, ids ...int32) {
	for _, id := range ids {
		p := c.Append(id)
		for l := range c.layers {
			for j := range c.keyWidth {
				set(c.Keys(l), p*c.keyWidth+j, float32(id)+float32(l)/10)
				set(c.Values(l), p*c.keyWidth+j, -float32(id)-float32(j)/10)
			}
		}
	}
}

func TestCopyPrefixSharesNothing(t *testing.T) {
	a, b := New(tensor.F32, 2, 2, 2, 300), New(tensor.F32, 2, 2, 2, 300)
	fill(a, 1, 2, 3, 4)
	fill(b, 9, 9, 9, 9, 9, 9)
	b.CopyPrefix(a, 3)
	a.Truncate(0)
	fill(a, 7, 7, 7, 7)
	if len(b.Tokens) != 3 || b.Prefix([]int32{1, 2, 3, 4}) != 3 {
		t.Fatalf("the copy holds %v", b.Tokens)
	}
	for i, id := range b.Tokens {
		for l := range 2 {
			if k, v := get(b.Keys(l), i*2), get(b.Values(l), i*2+1); k != float32(id)+float32(l)/10 || v != -float32(id)-0.1 {
				t.Errorf("token %d layer %d: %v, %v", i, l, k, v)
			}
		}
	}
}

func TestReserve(t *testing.T) {
	c := New(tensor.F32, 1, 4, 4, 300)
	want := c.BytesFor(200)
	c.Reserve(200)
	if c.Bytes() != want || want < 200*8*4 || want > 300*8*4 {
		t.Errorf("%d bytes reserved, %d foretold", c.Bytes(), want)
	}
	if n := testing.AllocsPerRun(1, func() {
		c.Truncate(0)
		for i := range 200 {
			c.Append(int32(i))
		}
	}); n != 0 {
		t.Errorf("%v allocations for what was reserved", n)
	}
	if c.Reserve(1000); c.Bytes() != 300*8*4 {
		t.Errorf("%d bytes for more than the limit", c.Bytes())
	}
}

func TestTypesTakeTheirMemory(t *testing.T) {
	for typ, want := range map[tensor.Type]int{tensor.F32: 2 * 4 * 160, tensor.F16: 2 * 2 * 160, tensor.Q8_0: 2 * 34 * 160 / 32} {
		c := New(typ, 2, 96, 64, 1000)
		if c.Reserve(256); c.Bytes() != 256*want || c.Type() != typ {
			t.Errorf("%v: %d bytes for 256 tokens, want %d each", typ, c.Bytes(), want)
		}
		fill := []int32{1, 2, 3}
		for _, id := range fill {
			p := c.Append(id)
			for l := range 2 {
				for i := range typ.Bytes(96) {
					c.Keys(l)[p*typ.Bytes(96)+i] = byte(int(id)*31 + l*7 + i)
				}
			}
		}
		d := New(typ, 2, 96, 64, 1000)
		d.CopyPrefix(c, 2)
		for l := range 2 {
			if string(d.Keys(l)[:2*typ.Bytes(96)]) != string(c.Keys(l)[:2*typ.Bytes(96)]) {
				t.Errorf("%v: the copy differs", typ)
			}
		}
	}
}
