package model

import (
	"maps"
	"testing"

	"moebot/moe/gguf"
	"moebot/moe/kernel"
)

// disk is a file that is said to be on a slow disk.
type disk struct {
	*gguf.File
	faults int64
	needed map[*byte]int // bytes needed from here on
}

func (d *disk) Faults() int64    { return d.faults }
func (d *disk) Need(data []byte) { d.needed[&data[0]] += len(data) }

// While the program waits for a disk, the experts that a pass uses are announced,
// once and no others; when it has not waited for long, none is.
func TestExpertsAreAnnounced(t *testing.T) {
	sh := shapes["wide heads"].shape
	sh.layers = 3
	g, err := gguf.Parse(sh.file(shapes["wide heads"].typ, 3).bytes(t))
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{File: g, needed: map[*byte]int{}}
	m, err := Load(d)
	if err != nil {
		t.Fatal(err)
	}
	s, cache := m.NewScratch(nil, 3), newCache(m, 9)
	pass := func() {
		clear(d.needed)
		cache.Truncate(0)
		m.Forward(s, randomBatch(m, cache, 3))
	}
	used := func() map[*byte]int {
		want := map[*byte]int{}
		for li := range m.layers {
			for i := range 3 {
				for _, e := range s.Experts(li, i) {
					m.layers[li].experts[e].matrices(func(w kernel.Matrix) { want[&w.Data[0]] = len(w.Data) })
				}
			}
		}
		return want
	}
	if pass(); len(d.needed) != 0 {
		t.Errorf("%d matrices are announced although nothing waits", len(d.needed))
	}
	d.faults++
	for i := range announced {
		if pass(); !maps.Equal(d.needed, used()) {
			t.Fatalf("in pass %d after a wait, %d matrices are announced, %d used", i, len(d.needed), len(used()))
		}
	}
	if pass(); len(d.needed) != 0 {
		t.Errorf("%d matrices are announced long after the last wait", len(d.needed))
	}
	s.NoAdvice = true
	d.faults++
	if pass(); len(d.needed) != 0 {
		t.Errorf("%d matrices are announced against the caller's will", len(d.needed))
	}
	s.NoAdvice = false
	cache.Truncate(0)
	m.Forward(s, randomBatch(m, cache, 3))
	m.Forward(s, randomBatch(m, cache, 3))
	batch := randomBatch(m, cache, 1)
	if n := testing.AllocsPerRun(10, func() { cache.Truncate(6); m.Forward(s, batch) }); n != 0 && !raceDetector {
		t.Errorf("a token with announcements allocates %v times", n)
	}
	if len(d.needed) == 0 {
		t.Error("nothing was announced")
	}
}
