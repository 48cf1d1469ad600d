package chat

import (
	"context"
	"errors"
	"sync"
)

// ErrFull is returned when as many questions wait in a channel as may.
var ErrFull = errors.New("chat: too many questions are waiting in this channel")

// ErrClosed is returned when the service takes no more questions.
var ErrClosed = errors.New("chat: closing")

// queue runs jobs in lanes: those of one lane one after another in the order they
// were added, lanes beside each other. A lane exists while it has jobs.
type queue struct {
	mu     sync.Mutex
	lanes  map[string]*lane
	limit  int  // jobs of a lane, the running one included
	apart  bool // jobs added by wait take no room from others
	closed bool
	wg     sync.WaitGroup
}

type lane struct {
	jobs    []job         // the first is running
	patient int           // of the jobs, those added by wait
	room    chan struct{} // closed when a job ends; nil when nobody waits for that
}

type job struct {
	run     func()
	patient bool
}

func (l *lane) append(j job) {
	l.jobs = append(l.jobs, j)
	if j.patient {
		l.patient++
	}
}

// leave wakes those who wait for room.
func (l *lane) leave() {
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
}

func newQueue(limit int) *queue { return &queue{lanes: map[string]*lane{}, limit: limit} }

// add appends a job to a lane and returns how many come before it, which the job is told,
// too. It never blocks.
func (q *queue) add(name string, f func(before int)) (before int, err error) {
	before, _, err = q.try(name, q.limit, false, f)
	return before, err
}

// idle reports whether a lane has no jobs.
func (q *queue) idle(name string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lanes[name] == nil
}

// addOver appends a job to a lane that may hold that many more than others do.
func (q *queue) addOver(name string, more int, f func()) error {
	_, _, err := q.try(name, q.limit+more, false, func(int) { f() })
	return err
}

// push appends a job to a lane whatever its length: one that must not be lost.
func (q *queue) push(name string, f func()) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[name]
	switch {
	case q.closed:
		return ErrClosed
	case l == nil:
		q.start(name, job{run: f})
	default:
		l.append(job{run: f})
	}
	return nil
}

// start makes a lane with its first job; mu is held.
func (q *queue) start(name string, j job) {
	l := &lane{}
	l.append(j)
	q.lanes[name] = l
	q.wg.Go(func() { q.run(name) })
}

// wait is add as soon as there is room.
func (q *queue) wait(ctx context.Context, name string, f func(before int)) (before int, err error) {
	for {
		before, room, err := q.try(name, q.limit, true, f)
		if !errors.Is(err, ErrFull) {
			return before, err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// try appends a job, or returns what is closed when there may be room.
func (q *queue) try(name string, limit int, patient bool, f func(before int)) (before int, room <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[name]
	if q.closed {
		return 0, nil, ErrClosed
	}
	if l == nil {
		q.start(name, job{func() { f(0) }, patient})
		return 0, nil, nil
	}
	length := len(l.jobs)
	if !patient && q.apart {
		length -= l.patient
	}
	if length < limit {
		before = len(l.jobs)
		l.append(job{func() { f(before) }, patient})
		return before, nil, nil
	}
	if l.room == nil {
		l.room = make(chan struct{})
	}
	return 0, l.room, ErrFull
}

func (q *queue) run(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for l := q.lanes[name]; ; {
		j := l.jobs[0]
		q.mu.Unlock()
		j.run()
		q.mu.Lock()
		l.jobs[0] = job{}
		l.jobs = l.jobs[1:]
		if j.patient {
			l.patient--
		}
		l.leave()
		if len(l.jobs) == 0 {
			delete(q.lanes, name)
			return
		}
	}
}

// depth is the number of lanes with jobs, and of jobs that wait behind another.
func (q *queue) depth() (active, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.lanes {
		active++
		waiting += len(l.jobs) - 1
	}
	return active, waiting
}

// close refuses further jobs, and those of who waits for room.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, l := range q.lanes {
		l.leave()
	}
}

// done returns when all jobs have ended; close must have been called.
func (q *queue) done() { q.wg.Wait() }
