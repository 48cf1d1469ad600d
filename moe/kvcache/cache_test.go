package kvcache

import "testing"

func TestGrowthKeepsWhatWasWritten(t *testing.T) {
	c := New(2, 3, 3, 200)
	for i := range 200 {
		p := c.Append(int32(i))
		if p != i {
			t.Fatalf("position %d, want %d", p, i)
		}
		for l := range 2 {
			for j := range 3 {
				c.Keys(l)[p*3+j] = float32(i*10 + l)
				c.Values(l)[p*3+j] = float32(-i*10 - l)
			}
		}
	}
	for i := range 200 {
		for l := range 2 {
			if k, v := c.Keys(l)[i*3+2], c.Values(l)[i*3]; k != float32(i*10+l) || v != float32(-i*10-l) {
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
	c := New(1, 1, 1, 10)
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
				c.Keys(l)[p*c.keyWidth+j] = float32(id) + float32(l)/10
				c.Values(l)[p*c.keyWidth+j] = -float32(id) - float32(j)/10
			}
		}
	}
}

func TestCopyPrefixSharesNothing(t *testing.T) {
	a, b := New(2, 2, 2, 300), New(2, 2, 2, 300)
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
			if k, v := b.Keys(l)[i*2], b.Values(l)[i*2+1]; k != float32(id)+float32(l)/10 || v != -float32(id)-0.1 {
				t.Errorf("token %d layer %d: %v, %v", i, l, k, v)
			}
		}
	}
}

func TestReserve(t *testing.T) {
	c := New(1, 4, 4, 300)
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
