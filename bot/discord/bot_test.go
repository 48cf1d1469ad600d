package discord

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
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

// parrot answers "re: " and the question, piece by piece; "long N" gets N words,
// "slow N" N pieces 50 ms apart,
// "think" is thought about first.
type parrot struct{}

func (parrot) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
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
	say("re: ")
	say(q.Text)
	var n int
	if _, err := fmt.Sscanf(q.Text, "long %d", &n); err == nil {
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
	return chat.Answer{Text: text.String(), Stop: "end", Usage: chat.Usage{PromptTokens: 5, DecodedTokens: 2, TimeToFirstToken: time.Millisecond, DecodeTime: time.Millisecond}}, nil
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
}

// quick are limits that keep their shape but not their length.
var quick = discordtest.Limits{Global: 5000, Routes: map[string]discordtest.Limit{
	"POST /channels/{channel}/messages":            {Requests: 5, Per: 200 * time.Millisecond},
	"PATCH /channels/{channel}/messages/{message}": {Requests: 5, Per: 200 * time.Millisecond},
	"GET /channels/{channel}/messages":             {Requests: 5, Per: 200 * time.Millisecond},
	"POST /channels/{channel}/typing":              {Requests: 5, Per: 200 * time.Millisecond},
}}

func newWorld(t *testing.T, do discordtest.Options, bo Options, open bool) *world {
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
	store, err := redisstore.New(redis.NewClient(&redis.Options{Addr: w.redis.Addr(), ContextTimeoutEnabled: true}), redisstore.Options{MaxTurns: 500})
	if err != nil {
		t.Fatal(err)
	}
	w.store = store
	log := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.chat = chat.New(store, parrot{}, chat.Options{QueueLen: 300, Timeout: time.Minute, Log: log})
	temperature := 0.7
	bo.Token, bo.Transport, bo.Log, bo.Defaults = w.d.Token(), w.d.Transport(), log, session.Settings{Temperature: &temperature}
	if bo.EditInterval == 0 {
		bo.EditInterval = 100 * time.Millisecond
	}
	if bo.Report == nil {
		bo.Report = func(context.Context) Report {
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
	return w.log.Write(b)
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

func TestItAnswersWhereItIsMeant(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{MessageContent: true}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	q := w.send(c, w.mia.ID, w.at("hello"))
	a := w.says(c, "re: hello")
	if a.ReplyTo != q.ID {
		t.Errorf("the answer replies to %q, want %q", a.ReplyTo, q.ID)
	}
	w.send(c, w.mia.ID, "why?", discordtest.ReplyTo(a.ID))
	w.says(c, "re: why?")
	dm, err := w.d.OpenDM(w.mia.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.send(dm.ID, w.mia.ID, "psst")
	w.says(dm.ID, "re: psst")
	w.send(c, w.mia.ID, "nobody asked you")
	w.send(c, w.mia.ID, "@everyone look")
	th, err := w.d.CreateThread(c, w.mia.ID, "a thread", "")
	if err != nil {
		t.Fatal(err)
	}
	w.send(th.ID, w.mia.ID, "not yet")
	w.send(th.ID, w.mia.ID, w.at("come in"))
	w.says(th.ID, "re: come in")
	w.send(th.ID, w.mia.ID, "and stay")
	w.says(th.ID, "re: and stay")
	time.Sleep(50 * time.Millisecond)
	if n := len(w.replies(c)); n != 2 {
		t.Errorf("%d messages in the channel, want 2", n)
	}
	if n := len(w.replies(th.ID)); n != 2 {
		t.Errorf("%d messages in the thread, want 2", n)
	}
	for _, p := range w.d.BotPings() {
		if p.Everyone || p.Here || len(p.Roles) > 0 || len(p.Users) != 1 || p.Users[0] != w.mia.ID {
			t.Errorf("somebody else was pinged: %+v", p)
		}
	}
}

func TestNothingItSaysPings(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	role := w.d.AddRole(w.guild.ID, "team", 0)
	w.send(c, w.mia.ID, w.at("say @everyone @here <@&"+role.ID+"> \\<@"+w.owner.ID+">"))
	w.until("an answer", func() bool { return len(w.replies(c)) == 1 })
	for _, p := range w.d.BotPings() {
		if p.Everyone || p.Here || len(p.Roles) > 0 || len(p.Users) != 1 || p.Users[0] != w.mia.ID {
			t.Errorf("pinged: %+v", p)
		}
	}
}

func TestStreamingKeepsToThePace(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	start := time.Now()
	w.send(c, w.mia.ID, w.at("slow 30"))
	var first time.Duration
	w.until("first words", func() bool { first = time.Since(start); return len(w.replies(c)) == 1 })
	if first > time.Second {
		t.Errorf("first words after %v", first)
	}
	w.until("the end", func() bool { return strings.HasSuffix(w.replies(c)[0].Content, " 29") })
	took := time.Since(start)
	m := w.replies(c)[0]
	if most := int(took/(100*time.Millisecond)) + 2; m.Edits < 4 || m.Edits > most {
		t.Errorf("%d edits in %v, want 4 to %d", m.Edits, took, most)
	}
	if n := w.d.Requests()["POST /channels/{channel}/typing"].Requests; n != 0 {
		t.Errorf("typing was shown %d times though the first words came at once", n)
	}
	w.send(c, w.mia.ID, w.at("think"))
	w.says(c, "re: think")
	if n := w.d.Requests()["POST /channels/{channel}/typing"].Requests; n != 1 {
		t.Errorf("typing was shown %d times, want once", n)
	}
}

func TestLongAnswersAndFailuresOnTheWay(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.d.Faults().REST(discordtest.RESTFault{Method: "POST", Route: "/channels/{channel}/messages", Count: 2, Status: 503})
	w.d.Faults().REST(discordtest.RESTFault{Method: "POST", Route: "/channels/{channel}/messages", Count: 1, LoseAnswer: true})
	w.d.Faults().REST(discordtest.RESTFault{Method: "PATCH", Count: 2, Status: 429, RetryAfter: 100 * time.Millisecond})
	w.send(c, w.mia.ID, w.at("long 900"))
	want := "re: long 900" + strings.Repeat(" blah", 900)
	join := func() string {
		var parts []string
		for _, m := range w.replies(c) {
			if length(m.Content) > 2000 {
				t.Errorf("a message of %d", length(m.Content))
			}
			parts = append(parts, m.Content)
		}
		return strings.Join(parts, " ")
	}
	w.until("the whole answer", func() bool { return join() == want })
	time.Sleep(100 * time.Millisecond)
	if n := len(w.replies(c)); n != 3 || join() != want {
		t.Errorf("%d messages, want 3", n)
	}
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

func TestCommands(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	if r := w.run(c, w.mia.ID, "temperature"); !r.Ephemeral || !strings.Contains(r.Message.Content, "**0.7** (the default)") {
		t.Errorf("showing: %+v", r.Message)
	}
	if r := w.run(c, w.mia.ID, "temperature", discordtest.Option{Name: "value", Value: 1.5}); !strings.Contains(r.Message.Content, "Only people who may manage") {
		t.Errorf("setting without permission: %q", r.Message.Content)
	}
	if r := w.run(c, w.owner.ID, "temperature", discordtest.Option{Name: "value", Value: 0.0}); r.Ephemeral || !strings.Contains(r.Message.Content, "0.7 → **0**") {
		t.Errorf("setting: %q", r.Message.Content)
	}
	if s, err := w.store.Settings(t.Context(), session.Key{Channel: c}); err != nil || s.Temperature == nil || *s.Temperature != 0 {
		t.Errorf("stored settings %+v, %v", s, err)
	}
	w.send(c, w.mia.ID, w.at("hello"))
	w.says(c, "re: hello")
	if r := w.run(c, w.mia.ID, "reset"); !strings.Contains(r.Message.Content, "forgotten") {
		t.Errorf("reset: %q", r.Message.Content)
	}
	if s, err := w.store.Load(t.Context(), session.Key{Channel: c}); err == nil && len(s.Turns) > 0 {
		t.Errorf("after a reset there is %+v", s.Turns)
	}
	if s, err := w.store.Settings(t.Context(), session.Key{Channel: c}); err != nil || s.Temperature == nil {
		t.Errorf("the reset took the settings: %+v, %v", s, err)
	}
	if r := w.run(c, w.mia.ID, "help"); !r.Ephemeral || !strings.Contains(r.Message.Content, "/temperature") {
		t.Errorf("help: %+v", r.Message)
	}
	if _, err := w.d.Command(c, w.mia.ID, "stats"); err == nil {
		t.Error("everybody may see /stats")
	}
	r := w.run(c, w.owner.ID, "stats")
	w.until("the figures", func() bool {
		r, _ := w.d.Interaction(r.Message.Interaction.ID)
		got := r.Response()
		return got.Message != nil && len(got.Message.Embeds) == 1 && len(got.Message.Attachments) == 1 && got.Ephemeral
	})
	// a second bot with the same store finds its commands registered
	before := w.d.Requests()["PUT /applications/{application}/commands"].Requests
	w.bot.register()
	if after := w.d.Requests()["PUT /applications/{application}/commands"].Requests; after != before || before != 1 {
		t.Errorf("the commands were sent %d times, then %d", before, after)
	}
}

func TestStoreAwayIsSaidCalmlyAndInTime(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.mia.ID, "temperature")
	w.redis.Close()
	if r := w.run(c, w.owner.ID, "temperature", discordtest.Option{Name: "value", Value: 1.0}); r.Message.Content != sayStoreAway || r.Acknowledged > ackTime {
		t.Errorf("%q after %v", r.Message.Content, r.Acknowledged)
	}
	w.send(c, w.mia.ID, w.at("hello"))
	w.until("a calm word", func() bool { r := w.replies(c); return len(r) > 0 && strings.Contains(r[len(r)-1].Content, "memory") })
}

func TestIntentsAndTokens(t *testing.T) {
	w := newWorld(t, discordtest.Options{Denied: discordtest.IntentMessageContent}, Options{MessageContent: true}, true)
	if w.bot.MessageContent() || !strings.Contains(w.logged(), "MESSAGE_CONTENT intent is off") {
		t.Error("the missing intent is not noticed")
	}
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.send(c, w.mia.ID, w.at("hello"))
	w.says(c, "re: hello")

	bad := newWorld(t, discordtest.Options{}, Options{}, false)
	bad.d.Faults().RefuseIdentify(4004, 1)
	if err := bad.bot.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "DISCORD_TOKEN") {
		t.Errorf("a wrong token gives %v", err)
	}
	if ok, why := bad.bot.Ready(); ok || !strings.Contains(why, "DISCORD_TOKEN") {
		t.Errorf("ready: %v, %q", ok, why)
	}
}

func TestReconnects(t *testing.T) {
	w := newWorld(t, discordtest.Options{Heartbeat: 300 * time.Millisecond}, Options{MessageContent: true, Silence: 700 * time.Millisecond}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.send(c, w.mia.ID, w.at("before"))
	w.says(c, "re: before")
	f := w.d.Faults()
	for i, fault := range []func(){
		func() { f.Cut() }, func() { f.Reconnect() }, func() { f.InvalidSession(true) }, func() { f.CloseGateway(4000) },
		func() { f.RefuseResume(1); f.Cut() }, // what comes meanwhile is only found by looking
		func() { f.IgnoreHeartbeats(true); time.Sleep(1200 * time.Millisecond); f.IgnoreHeartbeats(false) },
	} {
		fault()
		q := fmt.Sprint("after fault ", i)
		w.send(c, w.mia.ID, w.at(q))
		w.says(c, "re: "+q)
	}
	if w.bot.Reconnects() < 3 {
		t.Errorf("%d reconnects", w.bot.Reconnects())
	}
	if !strings.Contains(w.logged(), "does not answer heartbeats") {
		t.Error("the silent connection was not noticed")
	}
	if n := len(w.replies(c)); n != 7 {
		t.Errorf("%d answers to 7 questions", n)
	}
}

func TestNoPermissionSettlesTheQuestion(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.d.Faults().REST(discordtest.RESTFault{Method: "POST", Route: "/channels/{channel}/messages", Count: 2, Status: 403})
	w.send(c, w.mia.ID, w.at("hello"))
	w.until("settled", func() bool { return w.chat.Stats().Failed == 1 })
	w.send(c, w.mia.ID, w.at("again"))
	w.says(c, "re: again")
}

// The whole against everything at once: many channels, reconnects, rate limits,
// server errors and repeated events.
func TestEveryQuestionIsAnsweredOnceInOrder(t *testing.T) {
	channels, each := 20, 100
	if testing.Short() {
		channels, each = 5, 20
	}
	w := newWorld(t, discordtest.Options{Seed: 5}, Options{MessageContent: true}, true)
	people := []discordtest.User{w.owner, w.mia}
	for i := range 5 {
		u := w.d.AddUser(fmt.Sprint("person", i))
		w.d.AddMember(w.guild.ID, u.ID)
		people = append(people, u)
	}
	var ids []string
	for i := range channels {
		ids = append(ids, w.d.AddChannel(w.guild.ID, fmt.Sprint("channel-", i)).ID)
	}
	f := w.d.Faults()
	f.Duplicate(0.05)
	f.REST(discordtest.RESTFault{Probability: 0.02, Status: 429, RetryAfter: 50 * time.Millisecond})
	f.REST(discordtest.RESTFault{Probability: 0.02, Status: 502})
	f.REST(discordtest.RESTFault{Method: "POST", Route: "/channels/{channel}/messages", Probability: 0.01, LoseAnswer: true})
	stop := make(chan struct{})
	var faults, senders sync.WaitGroup
	faults.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(1500 * time.Millisecond):
			}
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
	})
	type asked struct{ id, text, user string }
	questions := make([][]asked, channels)
	for c, id := range ids {
		senders.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 9))
			for k := range each {
				text := fmt.Sprintf("question %d in %d", k, c)
				if k%25 == 24 {
					text = fmt.Sprintf("long %d in %d", 500+k, c)
				}
				u := people[rng.IntN(len(people))]
				m, err := w.d.Send(id, u.ID, w.at(text))
				if err != nil {
					t.Error(err)
					return
				}
				questions[c] = append(questions[c], asked{m.ID, text, u.ID})
				time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
			}
		})
	}
	senders.Wait()
	total := channels * each
	for end := time.Now().Add(2 * time.Minute); w.chat.Stats().Answers < int64(total) && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
	}
	close(stop)
	faults.Wait()
	f.Clear()
	for c, id := range ids {
		var order []string
		texts := map[string]string{}
		current := ""
		for _, m := range w.replies(id) {
			if length(m.Content) > 2000 {
				t.Errorf("channel %d: a message of %d", c, length(m.Content))
			}
			if m.ReplyTo != "" {
				current = m.ReplyTo
				order = append(order, current)
				texts[current] = m.Content
			} else {
				texts[current] += " " + m.Content
			}
		}
		if len(order) != len(questions[c]) {
			t.Errorf("channel %d: %d answers to %d questions", c, len(order), len(questions[c]))
		}
		for k, q := range questions[c] {
			if k < len(order) && order[k] != q.id {
				t.Fatalf("channel %d: answer %d is to %s, want to %q", c, k, order[k], q.text)
			}
			want := "re: " + q.text
			var n int
			if _, err := fmt.Sscanf(q.text, "long %d", &n); err == nil {
				want += strings.Repeat(" blah", n)
			}
			if texts[q.id] != want {
				t.Errorf("channel %d: %q is answered %.80q", c, q.text, texts[q.id])
			}
		}
	}
	asker := map[string]string{}
	for _, qs := range questions {
		for _, q := range qs {
			asker[q.id] = q.user
		}
	}
	for _, p := range w.d.BotPings() {
		m, _ := w.d.Message(p.ChannelID, p.MessageID)
		if p.Everyone || p.Here || len(p.Roles) > 0 || len(p.Users) != 1 || p.Users[0] != asker[m.ReplyTo] {
			t.Errorf("somebody was pinged who had not asked: %+v", p)
		}
	}
	t.Logf("%d questions, %d reconnects, %d invalid requests, %+v", total, w.bot.Reconnects(), w.d.InvalidRequests(), w.chat.Stats())
	if p, err := w.store.Pending(context.Background()); err != nil || len(p) > 0 {
		t.Errorf("%d pending (%v)", len(p), err)
	}
}
