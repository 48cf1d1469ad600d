package main

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"moebot/bot/chat"
	"moebot/bot/discord"
	"moebot/bot/jobs"
	"moebot/moe/engine"
	"moebot/session"
)

// figures are what /metrics serves: names and units as Prometheus wants them
// (prometheus.io/docs/practices/naming), all beginning with moebot_. It is a
// chat.Observer.
type figures struct {
	registry *prometheus.Registry
	answers  *prometheus.CounterVec
	errors   *prometheus.CounterVec
	first    prometheus.Histogram
	whole    prometheus.Histogram
	speed    prometheus.Histogram
}

var _ chat.Observer = (*figures)(nil)

// seconds are the borders of the histograms of times: 5 ms to two minutes.
func seconds() []float64 {
	return []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}
}

// open prepares the figures of a service, whose parts may be missing until it runs.
func (f *figures) open(s *service) {
	f.registry = prometheus.NewRegistry()
	name := func(n, help string) prometheus.Opts { return prometheus.Opts{Namespace: "moebot", Name: n, Help: help} }
	f.answers = prometheus.NewCounterVec(prometheus.CounterOpts(name("answers_total", "Answers shown, by why they ended.")), []string{"stop"})
	f.errors = prometheus.NewCounterVec(prometheus.CounterOpts(name("errors_total", "Questions that went wrong, by what.")), []string{"kind"})
	histogram := func(n, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "moebot", Name: n, Help: help, Buckets: buckets})
	}
	f.first = histogram("time_to_first_token_seconds", "From the request to the model to the first token of its answer.", seconds())
	f.whole = histogram("answer_duration_seconds", "From a question's turn in the queue to its answer being shown whole.", seconds())
	f.speed = histogram("tokens_per_second", "Speed of one answer after its first token.", []float64{5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120})
	for _, kind := range []string{"store", "show", "timeout", "busy", "generate", "panic"} {
		f.errors.WithLabelValues(kind) // there from the beginning, as 0
	}
	for _, stop := range []string{"end", "length", "stopped"} {
		f.answers.WithLabelValues(stop)
	}
	f.registry.MustRegister(f.answers, f.errors, f.first, f.whole, f.speed, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &live{s: s})
}

// handler serves the figures.
func (f *figures) handler() http.Handler {
	return promhttp.HandlerFor(f.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Asked is chat.Observer.
func (f *figures) Asked(session.Key, string) {}

// Answered is chat.Observer.
func (f *figures) Answered(_ session.Key, u chat.Usage, stop string, _ bool, took time.Duration) {
	f.answers.WithLabelValues(stop).Inc()
	f.first.Observe(u.TimeToFirstToken.Seconds())
	f.whole.Observe(took.Seconds())
	if v := u.Speed(); v > 0 {
		f.speed.Observe(v)
	}
}

// Failed is chat.Observer.
func (f *figures) Failed(kind string) { f.errors.WithLabelValues(kind).Inc() }

// live are figures that the parts count themselves, read when they are asked for.
type live struct{ s *service }

// Describe sends nothing: the set is not checked beforehand.
func (l *live) Describe(chan<- *prometheus.Desc) {}

// put gives one figure; labels are names and values in turn.
type put func(kind prometheus.ValueType, name, help string, v float64, labels ...string)

const sum, now = prometheus.CounterValue, prometheus.GaugeValue

// Collect is prometheus.Collector. Each role has the figures of its parts.
func (l *live) Collect(out chan<- prometheus.Metric) {
	var p put = func(kind prometheus.ValueType, name, help string, v float64, labels ...string) {
		var names, values []string
		for i := 0; i+1 < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, labels[i+1])
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("moebot_"+name, help, names, nil), kind, v, values...)
	}
	if l.s.chat != nil {
		p.chat(l.s.chat.Stats())
	}
	if l.s.mind.engine != nil {
		p.engine(l.s.mind.stats())
	}
	if l.s.worker == nil {
		p.discord(&l.s.bots)
	}
	if l.s.workers != nil {
		p.gateway(l.s.workers.Stats())
	}
	if l.s.worker != nil {
		p.worker(l.s.worker.Stats())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	latency, err := l.s.store.Ping(ctx)
	p(now, "store_up", "Whether the session store answers.", one(err == nil))
	if err == nil {
		p(now, "store_latency_seconds", "Time for the session store to answer.", latency.Seconds())
	}
	p(now, "start_time_seconds", "When the service started, Unix time.", float64(l.s.since.UnixMilli())/1000)
	p(now, "build_info", "The version and the model, in labels.", 1, "version", programVersion(), "model", l.s.mind.name())
}

// one is 1 for true, as Prometheus wants it.
func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (p put) chat(c chat.Stats) {
	p(sum, "questions_total", "Questions taken.", float64(c.Questions))
	p(sum, "refused_total", "Questions refused: the queue was full, the person too fast, or the words blocked.", float64(c.Refused))
	p(sum, "duplicates_total", "Messages that came twice, or that another instance took.", float64(c.Duplicates))
	p(sum, "stopped_total", "Answers stopped by people.", float64(c.Stopped))
	p(sum, "regenerated_total", "Answers given again, or gone on with.", float64(c.Redone))
	p(now, "queue_active_channels", "Channels in which a question is being answered.", float64(c.Active))
	p(now, "queue_waiting_questions", "Questions that wait behind another of their channel.", float64(c.Waiting))
}

func (p put) engine(e engine.Stats) {
	const tokens = "Tokens: of prompts read, of prompts found in the cache, and of answers."
	p(sum, "tokens_total", tokens, float64(e.PromptTokens-e.ReusedTokens), "kind", "prompt")
	p(sum, "tokens_total", tokens, float64(e.ReusedTokens), "kind", "reused")
	p(sum, "tokens_total", tokens, float64(e.DecodedTokens), "kind", "generated")
	p(now, "engine_busy_slots", "Answers being made by the model.", float64(e.Busy))
	p(now, "engine_queued_requests", "Answers that wait for the model.", float64(e.Queued))
	p(sum, "engine_requests_total", "Answers begun by the model.", float64(e.Requests))
	p(sum, "prefix_cache_hits_total", "Answers whose prompt was partly in the cache.", float64(e.CacheHits))
	p(now, "prefix_cache_bytes", "Memory of conversations' keys and values.", float64(e.CacheBytes))
	p(now, "prefix_cache_conversations", "Conversations in that memory.", float64(e.Conversations))
	const load = "Tokens that an expert of a layer took part in."
	for layer, experts := range e.ExpertLoad {
		for expert, n := range experts {
			p(sum, "expert_tokens_total", load, float64(n), "layer", strconv.Itoa(layer), "expert", strconv.Itoa(expert))
		}
	}
}

func (p put) discord(b *bots) {
	up, _ := b.ready()
	p(now, "discord_connected", "Whether the gateway's connections are up.", one(up))
	p(now, "discord_shards", "Connections to the gateway, one for each gateway shard of this process.", float64(len(b.all())))
	p(sum, "discord_reconnects_total", "Connections to the gateway after the first.", float64(b.sum((*discord.Bot).Reconnects)))
	p(sum, "discord_rate_limited_total", "Requests that had to wait for Discord's rate limit.", float64(b.sum((*discord.Bot).RateLimits)))
	p(now, "discord_heartbeat_seconds", "Time for the gateway to answer the last frame sent.", b.latency().Seconds())
}

const queueLength = "Answers that wait for the workers or are being made by them, of all gateways: what to scale workers by."

func (p put) gateway(c jobs.ClientStats) {
	p(now, "jobs_queue_length", queueLength, float64(c.Length))
	p(now, "jobs_workers", "Workers that live.", float64(c.Workers))
	p(now, "jobs_slots", "Answers that they make at a time.", float64(c.Slots))
	p(now, "jobs_waiting", "Answers of this gateway that wait for their server's turn.", float64(c.Waiting))
	p(now, "jobs_queued", "Answers of this gateway that wait for a worker.", float64(c.Queued))
	p(now, "jobs_running", "Answers under way.", float64(c.Running))
	p(sum, "jobs_resumed_total", "Answers of this gateway that another worker went on with.", float64(c.Again))
	p(sum, "jobs_lost_total", "Answers asked for again since Redis had lost the request.", float64(c.Lost))
}

func (p put) worker(w jobs.WorkerStats) {
	p(now, "jobs_queue_length", queueLength, float64(w.Length))
	p(now, "jobs_running", "Answers under way.", float64(w.Running))
	p(now, "jobs_slots", "Answers that may be under way at a time.", float64(w.Slots))
	p(sum, "jobs_done_total", "Answers made.", float64(w.Done))
	p(sum, "jobs_claimed_total", "Answers taken over from workers that died.", float64(w.Claimed))
	p(sum, "jobs_stolen_total", "Answers taken that waited for another worker.", float64(w.Stolen))
	p(sum, "jobs_handed_over_total", "Answers left to other workers at a stop.", float64(w.Moved))
	p(sum, "jobs_dead_total", "Answers given up since workers died of them.", float64(w.Dead))
}
