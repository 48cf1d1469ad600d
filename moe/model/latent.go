package model

import "moebot/moe/kernel"

// latentAttention is attention with keys and values that are never made: the
// matrices that would make them turn queries to where the cached vectors are, and
// what is found there to outputs. See Latent.
func (m *Model) latentAttention(s *Scratch, li int) {
	c, l, n := &m.Config, &m.layers[li], len(s.batch)
	a, d := l.latent, c.Dim
	head := c.Latent.Content + c.RopeDims
	s.add(s.k, c.HeadDim, a.down, s.norm, d, n)
	if a.queryDown.Rows == 0 {
		s.add(s.raw, c.Heads*head, l.q.Matrix, s.norm, d, n)
		s.run()
	} else {
		w := a.queryDown.Rows
		s.add(s.narrow, w, a.queryDown, s.norm, d, n)
		s.run()
		s.rows(opQueryNorm, li)
		s.add(s.raw, c.Heads*head, l.q.Matrix, s.narrow, w, n)
		s.run()
	}
	s.rows(opLatent, li)
	for h, w := range a.keys {
		s.add(s.q[h*c.HeadDim:], c.Heads*c.HeadDim, w, s.raw[h*head:], c.Heads*head, n)
	}
	s.run()
	s.heads(li)
	out := c.Heads * c.Latent.Value
	for h, w := range a.values {
		s.add(s.v[h*c.Latent.Value:], out, w, s.o[h*c.ValueDim:], c.Heads*c.ValueDim, n)
	}
	s.run()
	s.see(AtHeads, li, s.v, out)
	s.add(s.proj, d, l.o.Matrix, s.v, out, n)
}

// compress finishes token i's latent vector and puts it in the cache, with the
// elements that carry the position behind it, and puts those of the queries in place.
func (m *Model) compress(s *Scratch, li, i int) {
	c, a := &m.Config, m.layers[li].latent
	rank, head := c.Latent.Rank, c.Latent.Content+c.RopeDims
	cos, sin := s.angles(i)
	k := s.k[i*c.HeadDim : (i+1)*c.HeadDim]
	kernel.RMSNorm(k[:rank], k[:rank], a.norm, float32(c.NormEps))
	c.turn(k[rank:], c.RopeDims, cos, sin)
	t := s.batch[i].Cache.Type()
	kernel.Narrow(t, s.batch[i].Cache.Keys(li)[t.Bytes(s.pos[i]*c.HeadDim):], k)
	for h := i * c.Heads; h < (i+1)*c.Heads; h++ {
		pos := s.q[h*c.HeadDim+rank : (h+1)*c.HeadDim]
		copy(pos, s.raw[h*head+c.Latent.Content:(h+1)*head])
		c.turn(pos, c.RopeDims, cos, sin)
	}
}
