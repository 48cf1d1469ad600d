package chat

import "sync/atomic"

// Stats are figures since the process started.
type Stats struct {
	Questions, Answers, Failed, Refused, Duplicates int64 // Answers are with those of Redone
	Stopped, Redone                                 int64 // by people
	Active, Waiting                                 int   // channels being answered, questions behind them
}

type stats struct {
	questions, answers, failed, refused, duplicates, stopped, redone atomic.Int64
}

// Stats returns the figures.
func (s *Service) Stats() Stats {
	active, waiting := s.turns.depth()
	st := &s.stats
	return Stats{Questions: st.questions.Load(), Answers: st.answers.Load(), Failed: st.failed.Load(), Refused: st.refused.Load(), Duplicates: st.duplicates.Load(),
		Stopped: st.stopped.Load(), Redone: st.redone.Load(), Active: active, Waiting: waiting}
}
