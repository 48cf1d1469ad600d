package chat

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Stats are figures since the process started.
type Stats struct {
	Questions, Answers, Failed, Refused, Duplicates int64
	Stopped, Redone                                 int64 // by people
	PromptTokens, ReusedTokens, DecodedTokens       int64
	Active, Waiting                                 int // channels being answered, questions behind them
	FirstToken, Whole                               Quantiles
	Speed                                           float64 // tokens per second of one answer, median
}

// Quantiles of the last answers.
type Quantiles struct{ P50, P95, P99 time.Duration }

// window is the number of answers that quantiles are taken over.
const window = 1024

type stats struct {
	questions, failed, refused, duplicates, stopped, redone atomic.Int64

	mu                      sync.Mutex
	answers                 int64
	prompt, reused, decoded int64
	first, whole, speed     []float64 // seconds, seconds, tokens per second; a ring of the last window
}

func (s *stats) answered(u Usage, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add := func(ring *[]float64, v float64) {
		if len(*ring) < window {
			*ring = append(*ring, v)
		} else {
			(*ring)[s.answers%window] = v
		}
	}
	add(&s.first, u.TimeToFirstToken.Seconds())
	add(&s.whole, took.Seconds())
	add(&s.speed, u.Speed())
	s.answers++
	s.prompt += int64(u.PromptTokens)
	s.reused += int64(u.ReusedTokens)
	s.decoded += int64(u.DecodedTokens)
}

// Stats returns the figures.
func (s *Service) Stats() Stats {
	active, waiting := s.turns.depth()
	st := &s.stats
	st.mu.Lock()
	defer st.mu.Unlock()
	return Stats{Questions: st.questions.Load(), Answers: st.answers, Failed: st.failed.Load(), Refused: st.refused.Load(), Duplicates: st.duplicates.Load(), Stopped: st.stopped.Load(), Redone: st.redone.Load(),
		PromptTokens: st.prompt, ReusedTokens: st.reused, DecodedTokens: st.decoded, Active: active, Waiting: waiting,
		FirstToken: quantiles(st.first), Whole: quantiles(st.whole), Speed: quantile(st.speed, 0.5)}
}

func quantiles(x []float64) Quantiles {
	sec := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
	return Quantiles{sec(quantile(x, 0.5)), sec(quantile(x, 0.95)), sec(quantile(x, 0.99))}
}

// quantile is the nearest-rank quantile of x, 0 of nothing.
func quantile(x []float64, p float64) float64 {
	if len(x) == 0 {
		return 0
	}
	s := slices.Clone(x)
	slices.Sort(s)
	return s[min(len(s)-1, int(p*float64(len(s))))]
}
