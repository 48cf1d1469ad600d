package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"moebot/bot/chat"
	"moebot/bot/discord"
	"moebot/session"
	"moebot/session/redisstore"
)

const (
	// everywhere is the place that all servers and direct messages are in.
	everywhere = "all"
	// activityEvery is how often what happened is stored.
	activityEvery = 10 * time.Second
	// activityKept is how many hours wait for a store that is away, and activityPlaces
	// how many servers are known since the start; the rest is counted everywhere alone.
	activityKept, activityPlaces = 24, 4096
)

// activity counts what happens, by hour and server, for /stats. It is a chat.Observer.
// A call of it touches memory only; keep stores the sums.
type activity struct {
	next   chat.Observer // is told as well
	server func(channel string) string

	mu    sync.Mutex
	since map[string]*session.Activity          // by place, since the start
	open  map[int64]map[string]session.Activity // by hour, counted from 1970, and place: in no batch yet

	flushing chan struct{} // holds one while somebody does, to whom the rest belongs
	batch    session.Batch // the last
	sending  []*sums       // what may be stored or not, and is sent again as it is; of a place in an hour one
}

// sums are what is stored at once.
type sums struct {
	batch  session.Batch
	hour   int64
	places map[string]session.Activity
}

var _ chat.Observer = (*activity)(nil)

func newActivity(next chat.Observer, server func(channel string) string) *activity {
	return &activity{next: next, server: server, since: map[string]*session.Activity{}, open: map[int64]map[string]session.Activity{},
		flushing: make(chan struct{}, 1), batch: session.Batch{Writer: rand.Text()}}
}

// note has something added everywhere and in a channel's server.
func (a *activity) note(channel string, add func(*session.Activity)) {
	places := []string{everywhere}
	if s := a.server(channel); s != "" {
		places = append(places, s)
	}
	hour := time.Now().Unix() / 3600
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, place := range places {
		if a.since[place] == nil && len(a.since) < activityPlaces {
			a.since[place] = &session.Activity{}
		}
		if sum := a.since[place]; sum != nil {
			add(sum)
		}
		if a.open[hour] == nil {
			a.open[hour] = map[string]session.Activity{}
		}
		sum := a.open[hour][place]
		add(&sum)
		a.open[hour][place] = sum
	}
}

// Asked is chat.Observer.
func (a *activity) Asked(k session.Key, person string) {
	a.next.Asked(k, person)
	a.note(k.Channel, func(s *session.Activity) {
		s.Add(discord.CountMessages, 1)
		s.Saw(person)
	})
}

// Answered is chat.Observer.
func (a *activity) Answered(k session.Key, u chat.Usage, stop string, again bool, took time.Duration) {
	a.next.Answered(k, u, stop, again, took)
	a.note(k.Channel, func(s *session.Activity) {
		s.Add(discord.CountAnswers, 1)
		if again {
			s.Add(discord.CountAgain, 1)
		}
		s.Add(discord.CountTokensIn, int64(u.PromptTokens))
		s.Add(discord.CountTokensReused, int64(u.ReusedTokens))
		s.Add(discord.CountTokensOut, int64(u.DecodedTokens))
		s.Add(discord.CountDecodeTime, u.DecodeTime.Microseconds())
		s.Observe(discord.TimeFirst, u.TimeToFirstToken)
		s.Observe(discord.TimeWhole, took)
	})
}

// Failed is chat.Observer.
func (a *activity) Failed(kind string) {
	a.next.Failed(kind)
	a.note("", func(s *session.Activity) { s.Add(discord.CountError+kind, 1) })
}

// keep stores what happened every so often until ctx ends, and a last time then.
func (a *activity) keep(ctx context.Context, store *redisstore.Store, log *slog.Logger) {
	t := time.NewTicker(activityEvery)
	defer t.Stop()
	away := false
	for last := false; !last; {
		select {
		case <-t.C:
		case <-ctx.Done():
			last = true
		}
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		err := a.flush(within, store)
		cancel()
		if err != nil && !away {
			log.Warn("figures of activity could not be stored; trying again", "err", err)
		}
		away = err != nil
	}
}

// flush stores what is not stored yet; what fails waits for the next time.
func (a *activity) flush(ctx context.Context, store *redisstore.Store) error {
	select {
	case a.flushing <- struct{}{}:
		defer func() { <-a.flushing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	a.send(ctx, store) // what is left of before, so that more can go; it is tried once more
	a.seal()
	return a.send(ctx, store)
}

// send stores batches, and keeps what fails.
func (a *activity) send(ctx context.Context, store *redisstore.Store) (failed error) {
	a.sending = slices.DeleteFunc(a.sending, func(s *sums) bool {
		left, err := store.AddActivity(ctx, time.Unix(s.hour*3600, 0), s.batch, s.places)
		if err != nil {
			s.places, failed = left, err
		}
		return err == nil
	})
	return failed
}

// seal makes batches of what is open, but of places that are still in one of that hour; the
// oldest hours are given up where too many wait.
func (a *activity) seal() {
	a.mu.Lock()
	defer a.mu.Unlock()
	hours := map[int64]bool{}
	for hour, places := range a.open {
		hours[hour] = true
		now := map[string]session.Activity{}
		for place, sum := range places {
			if !slices.ContainsFunc(a.sending, func(s *sums) bool { _, under := s.places[place]; return under && s.hour == hour }) {
				now[place] = sum
				delete(places, place)
			}
		}
		if len(places) == 0 {
			delete(a.open, hour)
		}
		if len(now) > 0 {
			a.batch.N++
			a.sending = append(a.sending, &sums{a.batch, hour, now})
		}
	}
	for _, s := range a.sending {
		hours[s.hour] = true
	}
	for len(hours) > activityKept {
		oldest := slices.Min(slices.Collect(maps.Keys(hours)))
		delete(hours, oldest)
		delete(a.open, oldest)
		a.sending = slices.DeleteFunc(a.sending, func(s *sums) bool { return s.hour == oldest })
	}
}

// sum is what happened in a place since the start.
func (a *activity) sum(place string) (out session.Activity) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.since[place]; s != nil {
		out.Merge(*s)
	}
	return out
}

// activityOf is what /stats draws of a server, or, if that is empty, of all.
func (s *service) activityOf(ctx context.Context, server string, span discord.Span) (discord.Activity, error) {
	place := server
	if place == "" {
		place = everywhere
	}
	if err := s.activity.flush(ctx, s.store); err != nil {
		return discord.Activity{}, err
	}
	now, hours := time.Now(), 24
	if span == discord.SpanWeek {
		hours = 7 * 24
	}
	list, err := s.store.Activity(ctx, place, now, hours)
	if err != nil {
		return discord.Activity{}, err
	}
	out := discord.Activity{Hours: list, Last: now}
	if span == discord.SpanStart {
		out.Sum = s.activity.sum(place)
		return out, nil
	}
	if span == discord.SpanToday { // of 24 hours, those since midnight
		list = list[len(list)-1-now.UTC().Hour():]
	}
	for _, h := range list {
		out.Sum.Merge(h)
	}
	return out, nil
}
