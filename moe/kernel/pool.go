package kernel

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// spinTime is how long a goroutine of the pool looks for work, or for the end of
// the others' work, before it sleeps. Waking a sleeper takes several microseconds;
// the matrix products of one decoded token follow each other more closely than this.
const spinTime = 30 * time.Microsecond

// Pool is a fixed set of goroutines that share the blocks of one Run among them.
// A nil *Pool is valid: it runs everything on the caller.
type Pool struct {
	busy    sync.Mutex // held by the Run that has the workers
	helpers []*helper
	exited  sync.WaitGroup

	// The job. f and n are written only while no helper is inside a job.
	f      func(i int)
	n      int64
	next   atomic.Int64  // first block nobody has taken
	serial atomic.Uint64 // number of the job, so that a helper joins it once
	open   atomic.Bool   // helpers may join
	inside atomic.Int64  // helpers between joining and leaving
	closed atomic.Bool

	waiting atomic.Bool   // the caller sleeps until inside is zero
	done    chan struct{} // wakes it
	failure atomic.Pointer[any]
}

// helper is one goroutine of the pool beside the caller of Run.
type helper struct {
	parked atomic.Bool
	wake   chan struct{}
}

// NewPool returns a pool that uses workers goroutines, the caller of Run among
// them; workers ≤ 0 means one for each processor Go may use. Close ends them.
func NewPool(workers int) *Pool {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	p := &Pool{done: make(chan struct{}, 1)}
	for range workers - 1 {
		h := &helper{wake: make(chan struct{}, 1)}
		p.helpers = append(p.helpers, h)
		p.exited.Go(func() { p.help(h) })
	}
	return p
}

// Workers is the number of goroutines a Run may use, at least 1.
func (p *Pool) Workers() int {
	if p == nil {
		return 1
	}
	return len(p.helpers) + 1
}

// Run calls f(i) once for each i in [0, n) and returns when all calls have
// returned. Calls run at the same time and in any order; free workers take the next
// i, so blocks may differ in cost. If the pool is already in a Run, be it another
// goroutine's or one f itself is part of, the calls are made by the caller alone.
// A panic of f is raised again in the caller after the others have stopped.
func (p *Pool) Run(n int, f func(i int)) {
	if p == nil || n <= 1 || len(p.helpers) == 0 || !p.busy.TryLock() {
		for i := range n {
			f(i)
		}
		return
	}
	defer p.busy.Unlock()
	if p.closed.Load() {
		panic("kernel: Run on a closed Pool")
	}
	p.f, p.n = f, int64(n)
	p.next.Store(0)
	p.open.Store(true)
	p.serial.Add(1)
	wanted := n - 1
	for _, h := range p.helpers {
		if wanted == 0 {
			break
		}
		if h.parked.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
		wanted--
	}
	p.work()
	p.open.Store(false)
	p.wait()
	p.f = nil
	if e := p.failure.Swap(nil); e != nil {
		panic(*e)
	}
}

// work takes blocks until none is left. A panic ends the job and is kept for Run.
func (p *Pool) work() {
	defer func() {
		if e := recover(); e != nil {
			p.next.Store(p.n)
			failure := e // only this is on the heap, and only now
			p.failure.CompareAndSwap(nil, &failure)
		}
	}()
	for {
		i := p.next.Add(1) - 1
		if i >= p.n {
			return
		}
		p.f(int(i))
	}
}

// wait returns when no helper is inside the job.
func (p *Pool) wait() {
	if spin(func() bool { return p.inside.Load() == 0 }) {
		return
	}
	p.waiting.Store(true)
	if p.inside.Load() == 0 && p.waiting.CompareAndSwap(true, false) {
		return
	}
	<-p.done
}

// help is the life of one helper.
func (p *Pool) help(h *helper) {
	var last uint64
	for !p.closed.Load() {
		if !spin(func() bool { return p.serial.Load() != last }) {
			h.parked.Store(true)
			if p.serial.Load() == last || !h.parked.CompareAndSwap(true, false) {
				<-h.wake
			}
		}
		last = p.serial.Load()
		// Joining before looking at open: a caller that closed the job earlier
		// is not delayed, one that closes it later sees this helper inside.
		p.inside.Add(1)
		if p.open.Load() {
			p.work()
		}
		if p.inside.Add(-1) == 0 && p.waiting.CompareAndSwap(true, false) {
			p.done <- struct{}{}
		}
	}
}

// spin reports whether ready became true within spinTime.
func spin(ready func() bool) bool {
	if ready() {
		return true
	}
	for start := time.Now(); time.Since(start) < spinTime; {
		for range 16 {
			pause()
			if ready() {
				return true
			}
		}
	}
	return false
}

// Close ends the pool's goroutines and waits for them. It must not be called
// during a Run; calling it twice is allowed.
func (p *Pool) Close() {
	if p == nil || !p.closed.CompareAndSwap(false, true) {
		return
	}
	p.busy.Lock()
	defer p.busy.Unlock()
	p.serial.Add(1)
	for _, h := range p.helpers {
		if h.parked.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
	}
	p.exited.Wait()
}

// sameLen panics unless all lengths are n.
func sameLen(what string, n int, lengths ...int) {
	for _, l := range lengths {
		if l != n {
			panic(fmt.Sprintf("kernel: %s: lengths %d and %d differ", what, n, l))
		}
	}
}
