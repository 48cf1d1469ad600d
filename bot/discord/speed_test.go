//go:build unix

package discord

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
	"moebot/session"
	"moebot/session/embedded"
	"moebot/session/redisstore"
	"moebot/session/sessiontest"
)

// at500 is a bot that answers in no time, in channels of a Discord without rate limits.
type at500 struct {
	d        *discordtest.Server
	chat     *chat.Service
	bot      *Bot
	channels []string
	index    map[string]int // of a channel
	asker    string

	mu      sync.Mutex
	asked   []time.Time // by channel: when its last question was sent
	ready   []time.Duration
	said    []time.Duration
	answers atomic.Int64
}

// Generate answers at once.
func (a *at500) Generate(_ context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	now, i := time.Now(), a.index[p.Key.Channel]
	a.mu.Lock()
	a.ready = append(a.ready, now.Sub(a.asked[i]))
	a.mu.Unlock()
	const text = "An answer of some words, as they are."
	err := emit(text)
	return chat.Answer{Text: text, Stop: "end", Usage: chat.Usage{PromptTokens: 20, DecodedTokens: 10}}, err
}

// RoundTrip notes when the first request for an answer is sent.
func (a *at500) RoundTrip(r *http.Request) (*http.Response, error) {
	now := time.Now()
	if rest, ok := strings.CutSuffix(r.URL.Path, "/messages"); ok && r.Method == http.MethodPost {
		if i, ok := a.index[rest[strings.LastIndex(rest, "/")+1:]]; ok {
			a.mu.Lock()
			a.said = append(a.said, now.Sub(a.asked[i]))
			a.mu.Unlock()
			defer a.answers.Add(1)
		}
	}
	return a.d.Transport().RoundTrip(r)
}

// Limits are those of a person, which nobody meets.
func (a *at500) Limits(_, person string, _ session.Settings) []session.Limit {
	return []session.Limit{{Name: "person/" + person, Size: 1000, Every: time.Millisecond}}
}

// Mask masks nothing.
func (a *at500) Mask(text string) (string, bool) { return text, false }

// newAt500 makes channels in servers of 500.
func newAt500(tb testing.TB, store *redisstore.Store, channels int) *at500 {
	tb.Helper()
	a := &at500{d: discordtest.New(discordtest.Options{Limits: discordtest.Limits{Off: true}, History: 2, Replay: 100}), index: map[string]int{}}
	if err := a.d.Start(""); err != nil {
		tb.Fatal(err)
	}
	owner := a.d.AddUser("owner")
	a.asker = owner.ID
	guild := discordtest.Guild{}
	for i := range channels {
		if i%500 == 0 {
			guild = a.d.AddGuild(fmt.Sprint("guild", i), owner.ID)
			a.d.AddMember(guild.ID, a.d.Bot().ID)
		}
		id := a.d.AddChannel(guild.ID, fmt.Sprint("channel-", i)).ID
		a.index[id] = i
		a.channels = append(a.channels, id)
	}
	a.asked = make([]time.Time, channels)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	a.chat = chat.New(store, a, chat.Options{QueueLen: 8, Timeout: time.Minute, Rules: a, Log: log})
	var err error
	if a.bot, err = New(a.chat, store, Options{Token: a.d.Token(), Transport: a, MessageContent: true, Log: log}); err != nil {
		tb.Fatal(err)
	}
	if err := a.bot.Open(context.Background()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		a.bot.Hush()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		a.chat.Close(ctx)
		a.bot.Close()
		store.Close()
		a.d.Close()
	})
	return a
}

// ask asks in channel i.
func (a *at500) ask(tb testing.TB, i int) {
	a.mu.Lock()
	a.asked[i] = time.Now()
	a.mu.Unlock()
	if _, err := a.d.Send(a.channels[i], a.asker, "<@"+a.d.Bot().ID+"> How are you today, and what do you know of the sea?"); err != nil {
		tb.Fatal(err)
	}
}

// finish waits for n answers.
func (a *at500) finish(tb testing.TB, n int64) {
	tb.Helper()
	for end := time.Now().Add(time.Minute); a.answers.Load() < n || a.chat.Stats().Active > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("%d of %d answers", a.answers.Load(), n)
		}
	}
}

// used is the processor time of this process.
func used() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMessage sends 500 questions a second, spread over 500 channels, to a bot
// whose model takes no time. It prints how long it takes from a message's sending, in
// ms, until the prompt is ready and until the first request of the answer is sent, half
// of the time and 99 times out of 100; the most messages that were under way at a time
// in the first and in the second half; and the processor time a message takes, of the
// bot, the Discord and, where it is embedded, the store together.
//
//	go test ./bot/discord -run none -bench Message -benchtime 10s
func BenchmarkMessage(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the program does
	for _, kind := range []string{"redis", "embedded"} {
		b.Run(kind, func(b *testing.B) {
			a := newAt500(b, storeOf(b, kind), 500)
			for i := range a.channels { // what is done once
				a.ask(b, i)
				time.Sleep(2 * time.Millisecond)
			}
			a.finish(b, 500)
			a.mu.Lock()
			a.ready, a.said = nil, nil
			a.mu.Unlock()
			var open []int64
			n, before, start := int64(0), used(), time.Now()
			for b.Loop() {
				if wait := time.Until(start.Add(time.Duration(n) * 2 * time.Millisecond)); wait > 0 {
					time.Sleep(wait)
				}
				a.ask(b, int(n)%500)
				n++
				open = append(open, 500+n-a.answers.Load())
			}
			took := time.Since(start)
			a.finish(b, 500+n)
			cpu := used() - before
			a.mu.Lock()
			defer a.mu.Unlock()
			for _, m := range []struct {
				name string
				of   []time.Duration
			}{{"prompt", a.ready}, {"sent", a.said}} {
				slices.Sort(m.of)
				at := func(p float64) float64 { return float64(m.of[int(p*float64(len(m.of)-1))]) / float64(time.Millisecond) }
				b.ReportMetric(at(0.5), m.name+"-p50-ms")
				b.ReportMetric(at(0.99), m.name+"-p99-ms")
			}
			b.ReportMetric(float64(cpu)/float64(n)/float64(time.Microsecond), "cpu-µs/message")
			b.ReportMetric(float64(n)/took.Seconds(), "messages/s")
			b.ReportMetric(float64(slices.Max(open[:max(1, len(open)/2)])), "open-first-half")
			b.ReportMetric(float64(slices.Max(open[len(open)/2:])), "open-second-half")
			b.ReportMetric(0, "ns/op") // the pace says nothing
		})
	}
}

// storeOf opens a store of a kind.
func storeOf(tb testing.TB, kind string) *redisstore.Store {
	tb.Helper()
	log := slog.New(slog.DiscardHandler)
	switch kind {
	case "redis":
		s, err := redisstore.Open(tb.Context(), redisstore.Options{URL: sessiontest.StartRedis(tb).URL(), Log: log})
		if err != nil {
			tb.Fatal(err)
		}
		return s
	case "embedded":
		e, err := embedded.Open(tb.Context(), embedded.Options{Dir: tb.TempDir(), Log: log})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { e.Close() })
		s, err := redisstore.New(e.Client(), redisstore.Options{Kind: "embedded", Log: log})
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
	m := miniredis.RunT(tb)
	s, err := redisstore.Open(tb.Context(), redisstore.Options{URL: "redis://" + m.Addr(), Log: log})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// heap is what is in use.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// talk has each channel talk once, and returns what that added to the heap, in MiB,
// the Discord in this process included.
func (a *at500) talk(tb testing.TB) float64 {
	before := heap()
	for i := range a.channels {
		a.ask(tb, i)
		for int64(i)-a.answers.Load() > 64 {
			time.Sleep(time.Millisecond)
		}
	}
	a.finish(tb, int64(len(a.channels)))
	a.ready, a.said = nil, nil
	return heap() - before
}

// 10,000 channels may take 64 MiB, what the Discord in the process keeps of them
// included; a tenth of them takes a tenth.
func TestMemoryOfChannels(t *testing.T) {
	before := heap()
	a := newAt500(t, storeOf(t, "redis"), 1000)
	known := heap() - before
	grown := a.talk(t)
	t.Logf("1000 channels: %.1f MiB for knowing them, %.1f MiB for what was said", known, grown)
	if all := known + grown; all > 6.4+2 { // 2 for what does not depend on how many there are
		t.Errorf("1000 channels take %.1f MiB, want 6.4", all)
	}
}

// BenchmarkChannels prints what 10,000 channels that talked take of the heap, in MiB,
// with Redis outside of the process and the Discord inside.
//
//	go test ./bot/discord -run none -bench Channels -benchtime 1x
func BenchmarkChannels(b *testing.B) {
	for range b.N {
		before := heap()
		a := newAt500(b, storeOf(b, "redis"), 10000)
		known := heap() - before
		b.ReportMetric(known, "known-MiB")
		b.ReportMetric(known+a.talk(b), "MiB")
	}
}

func (*at500) InNeed(text string) string { return "" }
