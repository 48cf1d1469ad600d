package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"moebot/bot/discord"
)

// report gathers what /stats shows.
func (s *service) report(ctx context.Context) discord.Report {
	c, e := s.chat.Stats(), s.mind.stats()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
	var r discord.Report
	add := func(name, format string, args ...any) {
		r.Fields = append(r.Fields, discord.Field{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	add("Messages", "%d questions, %d answers\n%d failed, %d refused, %d twice\n%d stopped, %d given again", c.Questions, c.Answers, c.Failed, c.Refused, c.Duplicates, c.Stopped, c.Redone)
	if sum, err := s.store.Counters(ctx); err != nil {
		add("All time", "my memory is away")
	} else {
		add("Today / all time", "%d / %d questions\n%d / %d answers\n%d / %d tokens out", sum.Today["messages"], sum.Total["messages"],
			sum.Today["answers"], sum.Total["answers"], sum.Today["tokens_out"], sum.Total["tokens_out"])
	}
	add("Tokens", "%d in (%d from the cache)\n%d out", c.PromptTokens, c.ReusedTokens, c.DecodedTokens)
	add("Speed", "%.0f tokens/s", c.Speed)
	add("First token", "p50 %s\np95 %s\np99 %s", ms(c.FirstToken.P50), ms(c.FirstToken.P95), ms(c.FirstToken.P99))
	add("Whole answer", "p50 %s\np95 %s\np99 %s", ms(c.Whole.P50), ms(c.Whole.P95), ms(c.Whole.P99))
	add("Queue", "%d active channels, %d waiting\nengine: %d busy, %d waiting", c.Active, c.Waiting, e.Busy, e.Queued)
	add("Prefix cache", "%d hits of %d requests", e.CacheHits, e.Requests)
	if latency, err := s.store.Ping(ctx); err != nil {
		add("Store", "%s: away", s.store.Kind())
	} else {
		add("Store", "%s, %s", s.store.Kind(), ms(latency))
	}
	gateway := "no heartbeat yet"
	if l := s.bots.latency(); l > 0 {
		gateway = ms(l)
	}
	add("Gateway", "%s, %d reconnects", gateway, s.bots.sum((*discord.Bot).Reconnects))
	add("Memory", "%.0f MiB heap, %.0f MiB from the system\n%d goroutines", float64(mem.HeapAlloc)/(1<<20), float64(mem.Sys)/(1<<20), runtime.NumGoroutine())
	if m := s.mistake.Load(); m != nil {
		add("Configuration", "the file has a mistake; what it said before holds\n%.900s", *m)
	}
	add("Up", "%s, version %s\n%s", time.Since(s.since).Round(time.Second), programVersion(), runtime.Version())
	add("Model", "%s", s.mind.describe())
	r.Load = e.ExpertLoad
	return r
}

// statusLines is what /status tells anybody, beside what the bot knows itself.
func (s *service) statusLines(context.Context) []string {
	return []string{"**The model** is " + s.mind.describe() + ".",
		fmt.Sprintf("**Awake** for %s, version %s.", time.Since(s.since).Round(time.Second), programVersion())}
}
