package main

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"moebot/moe/kernel"
	"moebot/moe/model"
	"moebot/moe/tensor"
)

// loadTime measures the way from a file to the first token: mapping it, its
// vocabulary, the network, and a prompt of 16 tokens.
func loadTime(path string, threads, runs int) (benchRow, error) {
	row := benchRow{Test: "load", Unit: "ms to the first token"}
	var times []float64
	for i := range runs + 1 {
		runtime.GC()
		start := time.Now()
		m, f, err := openModel(path)
		if err != nil {
			return row, err
		}
		if _, err := tokenizerOf(path, f); err != nil {
			f.Close()
			return row, err
		}
		pool := kernel.NewPool(threads)
		s, cache := m.NewScratch(pool, 64), m.Config.NewCache(tensor.F32, 64)
		var batch []model.Input
		for j := range 16 {
			batch = append(batch, model.Input{ID: int32(j % m.Config.Vocab), Cache: cache, Logits: j == 15})
		}
		m.Forward(s, batch)
		if i > 0 { // the first has the file read from the disk
			times = append(times, time.Since(start).Seconds()*1e3)
		}
		pool.Close()
		f.Close()
	}
	row.Median, row.Min, row.Max = spread(times)
	return row, nil
}

// residentPeak is the most memory that the process has had, bytes: its own and what
// of mapped files was in use. It is 0 where the system does not say (outside Linux).
func residentPeak() int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if kib, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(kib, "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}
