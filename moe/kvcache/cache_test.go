package kvcache

import "testing"

func TestGrowthKeepsWhatWasWritten(t *testing.T) {
	c := New(2, 3, 200)
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
	c := New(1, 1, 10)
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
