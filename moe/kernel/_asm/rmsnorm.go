package main

func rmsnormFile(c *asm) {
	c.declare("scaleMulAVX2", "func(dst, x, weight *float32, a float32, n int)",
		"scaleMulAVX2 writes dst[i] = x[i]·a·weight[i], i in [0,n).")
	a := c.broadcast("a")
	p := c.args("dst", "x", "weight", "n")
	c.each(p[3], func(v *vectors) {
		x := v.load(p[1])
		c.VMULPS(a, x, x)
		c.VMULPS(v.load(p[2]), x, x)
		v.store(x, p[0])
	})
	c.end()
}
