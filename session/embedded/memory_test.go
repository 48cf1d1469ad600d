package embedded_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"moebot/session/embedded"
	"moebot/session/redisstore"
	"moebot/session/sessiontest"
)

// BenchmarkMemory measures what sessions of 60 turns of 100 bytes take in the process and
// on the disk, and how long it takes to open a store that has them:
//
//	go test ./session/embedded -run '^$' -bench Memory -benchtime 100000x
func BenchmarkMemory(b *testing.B) {
	o := embedded.Options{Dir: b.TempDir()}
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	s, closeStore := open(b, o, redisstore.Options{})
	sessiontest.Fill(b, s, b.N)
	b.ReportMetric((heap()-before)/float64(b.N), "B-heap/session")
	closeStore()
	start := time.Now()
	open(b, o, redisstore.Options{})
	b.ReportMetric(time.Since(start).Seconds(), "s-open")
	files, err := filepath.Glob(filepath.Join(o.Dir, "*"))
	if err != nil {
		b.Fatal(err)
	}
	size := int64(0)
	for _, f := range files {
		if st, err := os.Stat(f); err == nil {
			size += st.Size()
		}
	}
	b.ReportMetric(float64(size)/float64(b.N), "B-disk/session")
}
