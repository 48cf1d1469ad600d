package discord

import (
	"context"
	"math/rand/v2"
	"time"

	"moebot/bot/discordtest"
)

// disturb makes one thing of the gateway go wrong.
func (s *soak) disturb(i int) {
	f := s.w.d.Faults()
	name := [...]string{"cut", "op 7", "cut without resume", "close 4000", "op 9", "slow gateway, refused identify"}[i%6]
	s.faults[name]++
	switch i % 6 {
	case 0:
		f.Cut()
	case 1:
		f.Reconnect()
	case 2:
		f.RefuseResume(1)
		f.Cut()
	case 3:
		f.CloseGateway(4000)
	case 4:
		f.InvalidSession(false)
	case 5:
		f.SlowGateway(30 * time.Millisecond)
		f.RefuseIdentify(4000, 1)
		f.RefuseResume(1)
		f.Cut()
		f.SlowGateway(0)
	}
}

// disturbMore is disturb for hours: it has new sessions with the gateway only as often
// as Discord allows them, and pauses Redis, each minute for longer than it is waited for.
func (s *soak) disturbMore(i int) {
	f := s.w.d.Faults()
	burst := func(name string, fault discordtest.RESTFault) (string, func()) {
		return name, func() { f.REST(fault) }
	}
	s.repeat(5)
	name, do := "", func() {}
	switch i % 120 {
	case 24, 104:
		name, do = "gateway slow by 400 ms", func() { f.SlowGateway(400 * time.Millisecond) }
	case 27, 107:
		name, do = "gateway as fast as ever", func() { f.SlowGateway(0) }
	case 17:
		name, do = "cut without resume", func() { f.RefuseResume(1); f.Cut() }
	case 37, 97:
		name, do = "Redis paused for 7 s", func() { s.pauseRedis(7 * time.Second) }
	case 57:
		name, do = "op 9, session gone", func() { f.InvalidSession(false) }
	case 84:
		name, do = "op 9, resumable", func() { f.InvalidSession(true) }
	default:
		switch i % 10 {
		case 0:
			name, do = "cut", func() { f.Cut() }
		case 1:
			name, do = "op 7", func() { f.Reconnect() }
		case 2:
			name, do = burst("20 × 429", discordtest.RESTFault{Count: 20, Status: 429, RetryAfter: 300 * time.Millisecond})
		case 3:
			name, do = burst("20 × 503", discordtest.RESTFault{Count: 20, Status: 503})
		case 4:
			name, do = burst("10 × answer lost", discordtest.RESTFault{Count: 10, LoseAnswer: true})
		case 5:
			name, do = burst("30 × slow by 700 ms", discordtest.RESTFault{Count: 30, Delay: 700 * time.Millisecond})
		case 6:
			name, do = "Redis paused for 1 s", func() { s.pauseRedis(time.Second) }
		case 7:
			name, do = "close 4000", func() { f.CloseGateway(4000) }
		case 8:
			name, do = burst("10 × hung up", discordtest.RESTFault{Count: 10, HangUp: true})
		case 9:
			name, do = burst("3 × 429 of all routes", discordtest.RESTFault{Count: 3, Status: 429, RetryAfter: 200 * time.Millisecond, Global: true})
		}
	}
	s.faults[name]++
	do()
}

// repeat delivers questions again that were asked before, some of them long ago.
func (s *soak) repeat(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		if len(s.past) == 0 {
			return
		}
		p := s.past[rand.IntN(len(s.past))]
		if s.w.d.Faults().Repeat(p.channel, p.thread) {
			s.faults["question delivered again"]++
		}
	}
}

func (s *soak) pauseRedis(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.redis.ClientPause(ctx, d).Err(); err != nil {
		s.w.t.Error(err)
	}
}
