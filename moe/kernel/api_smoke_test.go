package kernel

import "testing"

func TestPoolSmoke(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	for range 2000 {
		var a [37]int32
		p.Run(37, func(i int) { a[i]++ })
		for i := range a {
			if a[i] != 1 {
				t.Fatal(i, a[i])
			}
		}
	}
}
