package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"moebot/moe/model"
	"moebot/moe/tensor"
)

// burn computes on every core until the input ends, ctx does or the time is over.
func burn(ctx context.Context, in io.Reader, longest time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	go func() { // ends with the process at the latest
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(func() {
			for x := 1.0; !stop.Load(); {
				for range 1 << 16 {
					x = x*1.0000001 + 1e-9
				}
			}
		})
	}
	<-ctx.Done()
	stop.Store(true)
	wg.Wait()
}

// benchBusy compares answering when all is quiet, with one thread, and beside a process
// that keeps every core busy; it is this program, started here, and ends with the
// measurement, or by itself after a minute.
func benchBusy(ctx context.Context, out io.Writer, path string, m *model.Model, threads, runs int, kv tensor.Type, asJSON bool) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	measure := func(name string, threads int) (benchRow, error) {
		b := newBench(m, threads)
		defer b.pool.Close()
		b.kv = kv
		row, err := b.measure(ctx, benchTest{name, 1, 128, 1}, runs)
		row.Threads = threads
		return row, err
	}
	quiet, err := measure("tg128", threads)
	if err != nil {
		return err
	}
	one, err := measure("tg128, one thread", 1)
	if err != nil {
		return err
	}
	other := exec.CommandContext(ctx, program, "bench", "-burn", "60s")
	leash, err := other.StdinPipe() // it ends when this closes, however this program ends
	if err != nil {
		return err
	}
	if err := other.Start(); err != nil {
		return err
	}
	time.Sleep(100 * time.Millisecond) // it is up by then
	busy, err := measure("tg128, every core busy", threads)
	alone, err1 := measure("tg128, every core busy, one thread", 1)
	leash.Close()
	if err := errors.Join(err, err1, other.Wait()); err != nil {
		return err
	}
	t := newTable(out, asJSON, func(r benchRow) string {
		return fmt.Sprintf("%-36s %12.1f %12.1f %12.1f\n", r.Test, r.Median, r.Min, r.Max)
	})
	t.print("%s\n\n%-36s %12s %12s %12s   tokens per second, %d runs\n", label(path), "test", "median", "min", "max", runs)
	for _, r := range []benchRow{quiet, one, busy, alone} {
		t.add(r)
	}
	t.print("\nbusy at %.2f of the quiet rate\n", busy.Median/quiet.Median)
	return t.end()
}
