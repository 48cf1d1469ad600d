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
	limit  int // jobs of a lane, the running one included
	closed bool
	wg     sync.WaitGroup
}

type lane struct {
	jobs []func()      // the first is running
	room chan struct{} // closed when a job ends; nil when nobody waits for that
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
func (q *queue) add(name string, job func(before int)) (before int, err error) {
	before, _, err = q.try(name, q.limit, job)
	return before, err
}

// idle reports whether a lane has no jobs.
func (q *queue) idle(name string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lanes[name] == nil
}

// addOver appends a job to a lane that may hold that many more than others do.
func (q *queue) addOver(name string, more int, job func()) error {
	_, _, err := q.try(name, q.limit+more, func(int) { job() })
	return err
}

// push appends a job to a lane whatever its length: one that must not be lost.
func (q *queue) push(name string, job func()) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[name]
	switch {
	case q.closed:
		return ErrClosed
	case l == nil:
		q.start(name, job)
	default:
		l.jobs = append(l.jobs, job)
	}
	return nil
}

// start makes a lane with its first job; mu is held.
func (q *queue) start(name string, job func()) {
	q.lanes[name] = &lane{jobs: []func(){job}}
	q.wg.Go(func() { q.run(name) })
}

// wait is add as soon as there is room.
func (q *queue) wait(ctx context.Context, name string, job func(before int)) (before int, err error) {
	for {
		before, room, err := q.try(name, q.limit, job)
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
func (q *queue) try(name string, limit int, job func(before int)) (before int, room <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[name]
	switch {
	case q.closed:
		return 0, nil, ErrClosed
	case l == nil:
		q.start(name, func() { job(0) })
		return 0, nil, nil
	case len(l.jobs) < limit:
		before = len(l.jobs)
		l.jobs = append(l.jobs, func() { job(before) })
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
		job := l.jobs[0]
		q.mu.Unlock()
		job()
		q.mu.Lock()
		l.jobs[0] = nil
		l.jobs = l.jobs[1:]
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
