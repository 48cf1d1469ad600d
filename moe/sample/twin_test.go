package sample

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// twinFilters is the chain of filters, slow and literal: probabilities, sorted anew for
// each. It returns the probability of each token that stays.
func twinFilters(logits []float32, p Params) map[int32]float64 {
	type token struct {
		id        int32
		z, p, far float64
	}
	var kept []token
	for i, v := range logits {
		kept = append(kept, token{id: int32(i), z: float64(v)})
	}
	softmax := func(temperature float64) {
		top, sum := math.Inf(-1), 0.0
		for _, t := range kept {
			top = max(top, t.z)
		}
		for i := range kept {
			kept[i].p = math.Exp((kept[i].z - top) / temperature)
			sum += kept[i].p
		}
		for i := range kept {
			kept[i].p /= sum
		}
	}
	likeliestFirst := func() {
		slices.SortFunc(kept, func(a, b token) int { return cmp.Or(cmp.Compare(b.z, a.z), cmp.Compare(a.id, b.id)) })
	}
	reach := func(enough float64) {
		sum := 0.0
		for i, t := range kept {
			if sum += t.p; sum >= enough {
				kept = kept[:i+1]
				return
			}
		}
	}
	likeliestFirst()
	if p.TopK > 0 {
		kept = kept[:min(p.TopK, len(kept))]
	}
	if p.TypicalP < 1 {
		softmax(1)
		entropy := 0.0
		for _, t := range kept {
			if t.p > 0 {
				entropy -= t.p * math.Log(t.p)
			}
		}
		for i := range kept {
			kept[i].far = math.Abs(-math.Log(kept[i].p) - entropy)
		}
		slices.SortFunc(kept, func(a, b token) int { return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.id, b.id)) })
		reach(p.TypicalP)
		likeliestFirst()
	}
	if p.TopP < 1 {
		softmax(1)
		reach(p.TopP)
	}
	if p.MinP > 0 {
		softmax(1)
		kept = slices.DeleteFunc(kept, func(t token) bool { return t.p < p.MinP*kept[0].p })
	}
	softmax(p.Temperature)
	out := map[int32]float64{}
	for _, t := range kept {
		out[t.id] = t.p
	}
	return out
}

// What may be drawn, and with what chance, is what the twin says.
func TestFiltersEqualTheTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	pick := func(off float64, v float64) float64 {
		if rng.IntN(2) == 0 {
			return off
		}
		return v
	}
	for range 3000 {
		z := make([]float32, 1+rng.IntN(400))
		spread := 0.2 + 4*rng.Float64()
		for i := range z {
			z[i] = float32(min(spread, 4) * min(3, rng.NormFloat64())) // within reach of the likeliest
		}
		p := Params{Temperature: 0.05 + rng.Float64()*1.9, TopK: int(pick(0, float64(1+rng.IntN(60)))), TypicalP: pick(1, 0.05+0.9*rng.Float64()),
			TopP: pick(1, 0.01+0.98*rng.Float64()), MinP: pick(0, rng.Float64()*0.5), RepeatPenalty: 1, Seed: rng.Uint64()}
		want := twinFilters(z, p)
		s := New(p, nil)
		got := s.draw(z, float64(slices.Max(z)))
		if _, ok := want[got]; !ok {
			t.Fatalf("%+v: drawn %d, which the twin does not keep", p, got)
		}
		sum := 0.0
		for _, c := range s.kept {
			sum += c.w
		}
		if len(s.kept) != len(want) {
			if p.MinP == 0 || len(s.kept) < len(want)-1 || len(s.kept) > len(want)+1 { // min-p's border may round either way
				t.Fatalf("%+v: %d tokens stay of %d, the twin keeps %d", p, len(s.kept), len(z), len(want))
			}
			continue
		}
		for _, c := range s.kept {
			if w, ok := want[c.id]; !ok || math.Abs(c.w/sum-w) > 1e-9 {
				t.Fatalf("%+v: token %d has a chance of %v, the twin says %v (%v)", p, c.id, c.w/sum, w, ok)
			}
		}
	}
}

// twinPenalties is what is taken off by repetition, frequency and presence penalties and
// by DRY, counted anew from the whole history.
func twinPenalties(logits []float64, p Params, prompt, reply []int32, breakers []bool) {
	last := reply[max(0, len(reply)-p.RepeatLast):]
	for id := range logits {
		n := 0
		for _, t := range last {
			if int(t) == id {
				n++
			}
		}
		if n == 0 {
			continue
		}
		if logits[id] > 0 {
			logits[id] /= p.RepeatPenalty
		} else {
			logits[id] *= p.RepeatPenalty
		}
		logits[id] -= float64(n)*p.FrequencyPenalty + p.PresencePenalty
	}
	all := append(slices.Clone(prompt), reply...)
	if p.Dry.Last > 0 {
		all = all[max(0, len(all)-p.Dry.Last):]
	}
	if p.Dry.Multiplier == 0 || len(all) == 0 {
		return
	}
	for id := range logits { // were it said now, how long a repetition would it end?
		longest := 0
		for j := range all { // it stood at j before
			if int(all[j]) != id {
				continue
			}
			n := 0
			for n < j && all[j-1-n] == all[len(all)-1-n] && !breakers[all[j-1-n]] {
				n++
			}
			longest = max(longest, n)
		}
		if longest >= p.Dry.Allowed && !breakers[id] {
			logits[id] -= p.Dry.Multiplier * math.Pow(p.Dry.Base, float64(longest-p.Dry.Allowed))
		}
	}
}

func TestPenaltiesEqualTheTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for round := range 300 {
		vocab := 2 + rng.IntN(12)
		random := func(n int) (out []int32) {
			for range n {
				out = append(out, int32(rng.IntN(vocab)))
			}
			return out
		}
		breakers := make([]bool, vocab)
		for i := range breakers {
			breakers[i] = rng.IntN(6) == 0
		}
		p := Params{Temperature: 1, TopP: 1, RepeatPenalty: 1 + rng.Float64(), FrequencyPenalty: rng.Float64()*4 - 2, PresencePenalty: rng.Float64()*4 - 2, RepeatLast: rng.IntN(30),
			Dry: Dry{Multiplier: rng.Float64() * 2, Base: 1 + rng.Float64(), Allowed: 1 + rng.IntN(4), Last: rng.IntN(2) * rng.IntN(60)}, Seed: uint64(round)}
		if round%7 == 0 {
			p.RepeatPenalty, p.FrequencyPenalty, p.PresencePenalty = 1, 0, 0
		}
		prompt := random(rng.IntN(40))
		var reply []int32
		s := New(p, nil)
		s.Read(prompt, breakers)
		for range 60 {
			z, want := make([]float32, vocab), make([]float64, vocab)
			for i := range z {
				z[i] = float32(3 * rng.NormFloat64())
				want[i] = float64(z[i])
			}
			twinPenalties(want, p, prompt, reply, breakers)
			id := s.Sample(z)
			for i := range z {
				if math.Abs(float64(z[i])-want[i]) > 1e-5*(10+math.Abs(want[i])) {
					t.Fatalf("%+v: behind %v and %v token %d has logit %v, the twin says %v", p, prompt, reply, i, z[i], want[i])
				}
			}
			reply = append(reply, id)
		}
	}
}

func TestDryOfALongRepetitionStaysFinite(t *testing.T) {
	p := all
	p.Temperature, p.Dry = 0, Dry{Multiplier: 1, Base: 4, Allowed: 1}
	s := New(p, nil)
	s.Read(make([]int32, 3000), nil)
	z := []float32{5, 1}
	if got := s.Sample(z); got != 1 || math.IsNaN(float64(z[0])) {
		t.Errorf("drawn %d of %v", got, z)
	}
}

// A draw takes no memory, whatever is switched on.
func TestDrawingTakesNoMemory(t *testing.T) {
	p := Params{Temperature: 0.8, TopK: 200, TypicalP: 0.95, TopP: 0.9, MinP: 0.02, RepeatPenalty: 1.1, FrequencyPenalty: 0.1, PresencePenalty: 0.1, RepeatLast: 64, Dry: DefaultDry()}
	s := New(p, []int32{3})
	s.Read(make([]int32, 100), make([]bool, 500))
	v := make(plain, 500)
	copy(v, plain{"@", "everyone", "here"})
	s.Never(NewBan(v, []string{"@everyone", "@here"}), "", -1)
	rng := rand.New(rand.NewPCG(1, 2))
	z, fresh := make([]float32, 500), make([]float32, 500)
	for i := range fresh {
		fresh[i] = float32(2 * rng.NormFloat64())
	}
	draw := func() { copy(z, fresh); s.Sample(z) }
	for range 200 {
		draw()
	}
	if n := testing.AllocsPerRun(500, draw); n != 0 {
		t.Errorf("%v allocations a draw", n)
	}
}

func BenchmarkSampling(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{4096, 32000, 128000} {
		fresh, z := make([]float32, n), make([]float32, n)
		for i := range fresh {
			fresh[i] = float32(3 * rng.NormFloat64())
		}
		prompt := make([]int32, 2000)
		for i := range prompt {
			prompt[i] = int32(rng.IntN(200))
		}
		for _, tc := range []struct {
			name string
			set  func(*Params)
		}{
			{"greedy", func(p *Params) { p.Temperature = 0 }},
			{"temperature", func(p *Params) {}},
			{"top-k", func(p *Params) { p.TopK = 40 }},
			{"top-p", func(p *Params) { p.TopP = 0.9 }},
			{"min-p", func(p *Params) { p.MinP = 0.05 }},
			{"typical", func(p *Params) { p.TypicalP = 0.9 }},
			{"typical of top-k", func(p *Params) { p.TopK, p.TypicalP = 40, 0.9 }},
			{"penalties", func(p *Params) {
				p.Temperature, p.RepeatPenalty, p.FrequencyPenalty, p.RepeatLast = 0, 1.1, 0.1, 64
			}},
			{"DRY", func(p *Params) { p.Temperature, p.Dry = 0, DefaultDry() }},
		} {
			b.Run(fmt.Sprintf("%s/%d", tc.name, n), func(b *testing.B) {
				p := Params{Temperature: 1, TypicalP: 1, TopP: 1, RepeatPenalty: 1}
				tc.set(&p)
				s := New(p, nil)
				s.Read(prompt, nil)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if i++; i == 500 { // a reply is not endless
						s, i = New(p, nil), 0
						s.Read(prompt, nil)
					}
					copy(z, fresh)
					s.Sample(z)
				}
			})
		}
	}
}
