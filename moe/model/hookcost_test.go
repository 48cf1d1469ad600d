//go:build linux

package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moebot/moe/defaultmodel"
	"moebot/moe/gguf"
)

// decodeChild has this test program measure one thing and end: see measureDecode.
const decodeChild = "MOEBOT_MEASURE_DECODE"

func TestMain(m *testing.M) {
	if os.Getenv(decodeChild) != "" {
		fmt.Println(measureDecode())
		return
	}
	os.Exit(m.Run())
}

// measureDecode is the time of the processor, in nanoseconds, that a token takes the
// embedded model at a context of 128, on one thread without a hook: the lowest of
// blocks of 8 tokens over half a second of it, which is the least disturbed.
func measureDecode() float64 {
	runtime.LockOSThread()
	f, err := gguf.Parse(defaultmodel.GGUF())
	if err != nil {
		panic(err)
	}
	m, err := Load(f)
	if err != nil {
		panic(err)
	}
	const context, block = 128, 8
	s, cache := m.NewScratch(nil, context), newCache(m, context+block)
	prompt := randomBatch(m, cache, context)
	m.Forward(s, prompt)
	one := randomBatch(m, cache, 1)
	one[0].Logits = true
	low, all := math.Inf(1), 0.0
	for all < 5e8 {
		cache.Truncate(context)
		began := threadTime()
		for range block {
			m.Forward(s, one)
		}
		d := float64(threadTime() - began)
		low, all = min(low, d/block), all+d
	}
	return low
}

// threadTime is the time of the processor that this thread has had.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

// BenchmarkHooksOff compares the decode of this build, nobody looking, with that of one
// whose pass has no hooks (tag nohooks): pairs of short runs in either order, by turns.
// It reports the median of the pairs' differences in percent of the time without hooks,
// and the 95 % interval of that median (bootstrap). Run it with -benchtime 40x for 40
// pairs, a second each.
func BenchmarkHooksOff(b *testing.B) {
	with, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	without := filepath.Join(b.TempDir(), "nohooks.test")
	if out, err := exec.Command("go", "test", "-c", "-tags", "nohooks", "-o", without, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	measure := func(program string) float64 {
		c := exec.Command(program)
		c.Env = append(os.Environ(), decodeChild+"=1")
		out, err := c.Output()
		if err != nil {
			b.Fatal(err)
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	var more, on, off []float64
	for i := range b.N {
		var x, y float64
		if i%2 == 0 {
			x, y = measure(with), measure(without)
		} else {
			y, x = measure(without), measure(with)
		}
		more, on, off = append(more, 100*(x-y)/y), append(on, x), append(off, y)
	}
	rng := rand.New(rand.NewPCG(1, 0))
	var medians []float64
	for range 2000 {
		drawn := make([]float64, len(more))
		for i := range drawn {
			drawn[i] = more[rng.IntN(len(more))]
		}
		medians = append(medians, median(drawn))
	}
	slices.Sort(medians)
	b.ReportMetric(median(more), "%more")
	b.ReportMetric(medians[len(medians)/40], "%low")
	b.ReportMetric(medians[len(medians)-1-len(medians)/40], "%high")
	b.ReportMetric(median(off), "ns/token")
	b.ReportMetric(100*(slices.Min(on)/slices.Min(off)-1), "%more-lowest") // of the least disturbed runs of all
	b.ReportMetric(0, "ns/op")
}

func median(x []float64) float64 {
	x = slices.Clone(x)
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
