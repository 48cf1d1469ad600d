package main

func adamwFile(c *asm) {
	c.declare("adamWAVX2", "func(w, grad, m, v *float32, n int, gs, a1, a2, keep, step, root, eps float32)",
		"adamWAVX2 is one update of n weights, h = gs·grad[i]:",
		"m[i] += a1·(h - m[i]), v[i] += a2·(h² - v[i]),",
		"w[i] = keep·w[i] - step·m[i] / (sqrt(v[i])·root + eps).")
	p := c.args("w", "grad", "m", "v", "n")
	gs, a1, a2 := c.broadcast("gs"), c.broadcast("a1"), c.broadcast("a2")
	keep, step, root, eps := c.broadcast("keep"), c.broadcast("step"), c.broadcast("root"), c.broadcast("eps")
	c.each(p[4], func(v *vectors) {
		h := v.load(p[1])
		c.VMULPS(gs, h, h)
		m := v.load(p[2])
		d := c.YMM()
		c.VSUBPS(m, h, d)
		c.VFMADD231PS(d, a1, m)
		v.store(m, p[2])
		s := v.load(p[3])
		c.VFMSUB213PS(s, h, h)
		c.VFMADD231PS(h, a2, s)
		v.store(s, p[3])
		c.VSQRTPS(s, s)
		c.VFMADD213PS(eps, root, s)
		c.VMULPS(step, m, m)
		c.VDIVPS(s, m, m)
		w := v.load(p[0])
		c.VFMSUB213PS(m, keep, w)
		v.store(w, p[0])
	})
	c.end()
}
