package kernel

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPoolRunsEachBlockOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		p := NewPool(workers)
		for _, n := range []int{0, 1, 2, 3, 64} {
			for round := range 300 {
				counts := make([]int32, n)
				if round%50 == 7 {
					time.Sleep(time.Millisecond) // lets the helpers park
				}
				p.Run(n, func(i int) { counts[i]++ })
				for i, c := range counts {
					if c != 1 {
						t.Fatalf("workers %d, n %d: block %d ran %d times", workers, n, i, c)
					}
				}
			}
		}
		p.Close()
		p.Close()
	}
}

func TestPoolNil(t *testing.T) {
	var p *Pool
	sum := 0
	p.Run(5, func(i int) { sum += i })
	if sum != 10 || p.Workers() != 1 {
		t.Errorf("sum %d, workers %d", sum, p.Workers())
	}
	p.Close()
}

func TestPoolNestedAndConcurrent(t *testing.T) {
	p := NewPool(4)
	defer p.Close()
	var total atomic.Int64
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 100 {
				p.Run(6, func(int) { p.Run(5, func(int) { total.Add(1) }) })
			}
		})
	}
	callers.Wait()
	if got := total.Load(); got != 4*100*6*5 {
		t.Errorf("ran %d blocks", got)
	}
}

func TestPoolPanicReachesCaller(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	for i := range 20 {
		func() {
			defer func() {
				if e := recover(); e != "broken" {
					t.Errorf("round %d: recovered %v", i, e)
				}
			}()
			p.Run(20, func(j int) {
				if j == i {
					panic("broken")
				}
			})
		}()
	}
	n := 0
	p.Run(1, func(int) { n++ })
	if n != 1 {
		t.Error("the pool is unusable after a panic")
	}
}

func BenchmarkPoolRun(b *testing.B) {
	p := NewPool(2)
	defer p.Close()
	f := func(int) {}
	b.ReportAllocs()
	for b.Loop() {
		p.Run(2, f)
	}
}
