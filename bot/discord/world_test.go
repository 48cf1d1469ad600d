package discord

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
	"moebot/session"
	"moebot/session/redisstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parrot answers "re: " and the question, piece by piece; "long N" gets N words, "shrink N" as many the first time,
// "slow N" N pieces 50 ms apart,
// "think" is thought about first, "cut" is cut off and goes on with " and on". Every
// further answer to the same question says which it is.
type parrot struct {
	mu    *sync.Mutex
	times map[string]int // by question: answers so far
}

func newParrot() parrot { return parrot{&sync.Mutex{}, map[string]int{}} }

func (p0 parrot) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	q := p.Turns[len(p.Turns)-1]
	var text strings.Builder
	say := func(s string) {
		text.WriteString(s)
		if err := emit(s); err != nil {
			panic(err)
		}
	}
	if q.Text == "think" {
		time.Sleep(2 * typingDelay)
	}
	if p.Begin != "" {
		say(" and on")
		return chat.Answer{Text: text.String(), Stop: "end"}, nil
	}
	p0.mu.Lock()
	p0.times[p.QuestionID]++
	try := p0.times[p.QuestionID]
	p0.mu.Unlock()
	say("re: ")
	say(q.Text)
	if try > 1 && p.QuestionID != "" {
		say(fmt.Sprint(" #", try))
	}
	var n int
	_, shrink := fmt.Sscanf(q.Text, "shrink %d", &n)
	if _, err := fmt.Sscanf(q.Text, "long %d", &n); err == nil || shrink == nil && try == 1 {
		say(strings.Repeat(" blah", n))
	}
	if _, err := fmt.Sscanf(q.Text, "slow %d", &n); err == nil {
		for i := range n {
			select {
			case <-ctx.Done():
				return chat.Answer{Text: text.String()}, ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
			say(fmt.Sprintf(" %d", i))
		}
	}
	stop := "end"
	if q.Text == "cut" {
		stop = "length"
	}
	return chat.Answer{Text: text.String(), Stop: stop, Usage: chat.Usage{PromptTokens: 5, DecodedTokens: 2, TimeToFirstToken: time.Millisecond, DecodeTime: time.Millisecond}}, nil
}

type world struct {
	t     *testing.T
	d     *discordtest.Server
	redis *miniredis.Miniredis
	store *redisstore.Store
	chat  *chat.Service
	bot   *Bot
	guild discordtest.Guild
	owner discordtest.User
	mia   discordtest.User
	log   *strings.Builder
	mu    sync.Mutex
	late  chan struct{} // if not nil, what was left is known to a bot begun again when it closes
}

// quick are limits that keep their shape but not their length.
var quick = discordtest.Limits{Global: 5000, Routes: map[string]discordtest.Limit{
	"POST /channels/{channel}/messages":            {Requests: 5, Per: 200 * time.Millisecond},
	"PATCH /channels/{channel}/messages/{message}": {Requests: 5, Per: 200 * time.Millisecond},
	"GET /channels/{channel}/messages":             {Requests: 5, Per: 200 * time.Millisecond},
	"POST /channels/{channel}/typing":              {Requests: 5, Per: 200 * time.Millisecond},
}}

// parts are what a world may be made of instead of the usual.
type parts struct {
	store     *redisstore.Store
	maxTurns  int
	generator chat.Generator
}

func newWorld(t *testing.T, do discordtest.Options, bo Options, open bool) *world {
	t.Helper()
	return newWorldOf(t, do, bo, parts{maxTurns: 500}, open)
}

func newWorldOf(t *testing.T, do discordtest.Options, bo Options, p parts, open bool) *world {
	t.Helper()
	if do.Limits.Global == 0 {
		do.Limits = quick
	}
	w := &world{t: t, d: discordtest.New(do), redis: miniredis.RunT(t), log: &strings.Builder{}}
	if err := w.d.Start(""); err != nil {
		t.Fatal(err)
	}
	w.owner, w.mia = w.d.AddUser("owner"), w.d.AddUser("mia")
	w.guild = w.d.AddGuild("guild", w.owner.ID)
	w.d.AddMember(w.guild.ID, w.mia.ID)
	w.d.AddMember(w.guild.ID, w.d.Bot().ID)
	store, err := p.store, error(nil)
	if store == nil {
		if store, err = redisstore.New(redis.NewClient(&redis.Options{Addr: w.redis.Addr(), ContextTimeoutEnabled: true}), redisstore.Options{MaxTurns: p.maxTurns}); err != nil {
			t.Fatal(err)
		}
	}
	if p.generator == nil {
		p.generator = newParrot()
	}
	w.store = store
	log := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.chat = chat.New(store, p.generator, chat.Options{QueueLen: 300, Timeout: time.Minute, Log: log})
	temperature := 0.7
	bo.Token, bo.Transport, bo.Log, bo.Defaults = w.d.Token(), w.d.Transport(), log, session.Settings{Temperature: &temperature}
	if bo.EditInterval == 0 {
		bo.EditInterval = 100 * time.Millisecond
	}
	if bo.Report == nil {
		bo.Report = func(context.Context, In) Report {
			return Report{Fields: []Field{{"Messages", "12"}}, Load: [][]int64{{1, 2, 3, 4}, {4, 3, 2, 1}}}
		}
	}
	if w.bot, err = New(w.chat, store, bo); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	if open {
		if err := w.bot.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.log.Len() > 32<<20 { // the end is what tests want
		tail := w.log.String()[16<<20:]
		w.log.Reset()
		w.log.WriteString(tail)
	}
	return w.log.Write(b)
}

// forgetLog begins the log anew, unless something failed.
func (w *world) forgetLog() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.t.Failed() {
		w.log.Reset()
	}
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

func (w *world) close() {
	w.bot.Hush()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	w.chat.Close(ctx)
	w.bot.Close()
	w.store.Close()
	if err := w.d.Close(); err != nil {
		w.t.Error(err)
	}
	if w.t.Failed() {
		log := w.logged()
		w.t.Logf("log:\n%s", log[max(0, len(log)-6000):])
	}
}

func (w *world) at(name string) string { return "<@" + w.d.Bot().ID + "> " + name }

func (w *world) send(channel, user, text string, opts ...discordtest.SendOption) discordtest.Message {
	w.t.Helper()
	m, err := w.d.Send(channel, user, text, opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// replies are the bot's messages in a channel.
func (w *world) replies(channel string) (out []discordtest.Message) {
	for _, m := range w.d.Messages(channel) {
		if m.Author.ID == w.d.Bot().ID {
			out = append(out, m)
		}
	}
	return out
}

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never: %s", what)
		}
	}
}

// says waits for a message of the bot in the channel.
func (w *world) says(channel, text string) discordtest.Message {
	w.t.Helper()
	var found discordtest.Message
	w.until(fmt.Sprintf("%q in channel %s", text, channel), func() bool {
		for _, m := range w.replies(channel) {
			if m.Content == text {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

func (w *world) run(channel, user, name string, opts ...discordtest.Option) discordtest.Response {
	w.t.Helper()
	w.until("/"+name+" is registered", func() bool {
		for _, c := range w.d.CommandsFor(channel, w.owner.ID) {
			if c.Name == name {
				return true
			}
		}
		return false
	})
	i, err := w.d.Command(channel, user, name, opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := i.Wait(ctx)
	if err != nil {
		w.t.Fatalf("/%s: %v", name, err)
	}
	return r
}

// public are the bot's messages in a channel that everybody sees.
func (w *world) public(channel string) (out []discordtest.Message) {
	for _, m := range w.replies(channel) {
		if m.OnlyFor == "" {
			out = append(out, m)
		}
	}
	return out
}
