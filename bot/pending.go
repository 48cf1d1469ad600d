package main

import (
	"context"
	"sync"
	"time"

	"moebot/session"
)

// askPending asks what was left unanswered, each channel's in order. Where the store
// cannot be read at once it goes on by itself, so as not to hold up the living.
func (s *service) askPending(ctx context.Context) {
	short, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if list, err := s.store.Pending(short); err == nil {
		s.askAll(ctx, list)
		return
	}
	s.connecting.Go(func() {
		if list, err := s.pending(ctx); err == nil {
			s.askAll(ctx, list)
		}
	})
}

// askAll returns when all questions of this process's gateway shards have a place in
// their queues, or among what was missed.
func (s *service) askAll(ctx context.Context, pending []session.Pending) {
	byChannel := map[session.Key][]session.Pending{} // in each the oldest first
	for _, p := range pending {
		byChannel[p.Key] = append(byChannel[p.Key], p)
	}
	var all sync.WaitGroup
	free := make(chan struct{}, 8) // to ask Discord whose channels they are
	for _, list := range byChannel {
		all.Go(func() {
			free <- struct{}{}
			bot := s.bots.serving(ctx, list[0].Key.Channel)
			<-free
			if bot == nil {
				return
			}
			for _, p := range list {
				bot.TakeUp(ctx, p)
			}
		})
	}
	all.Wait()
}

// pending reads the unanswered questions of before, as soon as the store can be read.
func (s *service) pending(ctx context.Context) ([]session.Pending, error) {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		p, err := s.store.Pending(ctx)
		if err == nil {
			if len(p) > 0 {
				s.log.Info("questions of before have no answer yet", "count", len(p))
			}
			return p, nil
		}
		s.log.Warn("unanswered questions of before cannot be read; trying again", "in", wait, "err", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// takeOver answers, until ctx ends, questions that were left by processes that have
// died: they stay pending until nobody is in charge of them any more. Those that were not
// pending a turn ago are not looked at, which no clock has to say.
func (s *service) takeOver(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	before := map[string]bool{} // pending a turn ago
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		list, err := s.store.Pending(short)
		cancel()
		if err != nil {
			continue // the store is away, of which others speak
		}
		old, now := list[:0], map[string]bool{}
		for _, p := range list {
			name := p.Key.Channel + " " + p.Turn.ID
			if _, here := s.chat.UnderWay(p.Key, p.Turn.ID); !here && before[name] {
				old = append(old, p)
			}
			now[name] = true
		}
		before = now
		s.askAll(ctx, old)
	}
}
