package chat

import (
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
	lanes  map[string][]func()
	limit  int // jobs of a lane, the running one included
	closed bool
	wg     sync.WaitGroup
}

func newQueue(limit int) *queue { return &queue{lanes: map[string][]func(){}, limit: limit} }

// add appends a job to a lane. It never blocks.
func (q *queue) add(lane string, job func()) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	jobs := q.lanes[lane]
	switch {
	case q.closed:
		return ErrClosed
	case len(jobs) >= q.limit:
		return ErrFull
	}
	q.lanes[lane] = append(jobs, job)
	if len(jobs) == 0 {
		q.wg.Go(func() { q.run(lane) })
	}
	return nil
}

func (q *queue) run(lane string) {
	for {
		q.mu.Lock()
		job := q.lanes[lane][0]
		q.mu.Unlock()
		job()
		q.mu.Lock()
		rest := q.lanes[lane][1:]
		if len(rest) == 0 {
			delete(q.lanes, lane)
			q.mu.Unlock()
			return
		}
		q.lanes[lane] = rest
		q.mu.Unlock()
	}
}

// depth is the number of lanes with jobs, and of jobs that wait behind another.
func (q *queue) depth() (active, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, jobs := range q.lanes {
		active++
		waiting += len(jobs) - 1
	}
	return active, waiting
}

// close refuses further jobs.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
}

// wait returns when all jobs are done; close must have been called.
func (q *queue) wait() { q.wg.Wait() }
