package discord

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
	"moebot/session"
	"moebot/session/redisstore"
	"moebot/session/sessiontest"
)

// soak is how much is asked, and what goes wrong meanwhile.
type soak struct {
	channels, each, rounds, people int
	pause                          time.Duration // between two questions of a channel, on average
	apart                          time.Duration // at least
	every                          time.Duration // between two faults
	patience                       time.Duration // for the answers of a round

	w         *world
	redis     *redis.Client // to pause it; nil without
	ids       []string      // of the channels
	asking    []discordtest.User
	questions [][]asked // of this round, by channel
	faults    map[string]int
	refused   map[string]int    // by the sentence
	askers    map[string]string // by the question's id, of all rounds
	leaks     *sync.Map         // channel id → what another channel's text was seen there

	mu   sync.Mutex
	past []place // the last questions, to be delivered again; thread is the message
}

type asked struct{ id, text, user string }

// sayAway is how the refusal begins that a person reads while the store is away, sayLost
// that of one whose answer could not be shown for a minute.
const (
	sayAway = "I can't reach my memory"
	sayLost = "Something went wrong"
)

// refusals are what may stand in an answer's place when both Redis and Discord fail, and
// how many of a thousand questions may come to that.
var refusals = []struct {
	says string
	most int
}{{sayAway, 300}, {sayLost, 5}}

// refusal is the refusal that a text is, "" if it is none.
func refusal(text string) string {
	for _, r := range refusals {
		if strings.HasPrefix(text, r.says) {
			return r.says
		}
	}
	return ""
}

// The whole against everything at once: many channels, reconnects, rate limits,
// server errors and repeated events. MOEBOT_SOAK=50000 asks that many questions in 200
// channels, with a real Redis that is paused now and then and a fault every second.
func TestEveryQuestionIsAnsweredOnceInOrder(t *testing.T) {
	s := &soak{channels: 20, each: 100, rounds: 1, people: 5, pause: 200 * time.Millisecond, every: 1500 * time.Millisecond, patience: 4 * time.Minute}
	if testing.Short() {
		s.channels, s.each = 5, 20
	}
	do, parts := discordtest.Options{Seed: 5}, parts{maxTurns: 500}
	if n, err := strconv.Atoi(os.Getenv("MOEBOT_SOAK")); err == nil {
		s.channels, s.each, s.people = 200, 25, 48
		s.rounds = max(1, n/(s.channels*s.each))
		s.pause, s.apart, s.every, s.patience = 4*time.Second, 150*time.Millisecond, time.Second, 10*time.Minute
		do.History, do.Replay = 160, 3000
		r := sessiontest.StartRedis(t)
		store, err := redisstore.Open(t.Context(), redisstore.Options{URL: r.URL()})
		if err != nil {
			t.Fatal(err)
		}
		parts.store = store
		s.redis = redis.NewClient(&redis.Options{Addr: r.Addr, ReadTimeout: time.Minute})
		defer s.redis.Close()
	}
	s.leaks = &sync.Map{}
	parts.generator = marked{newParrot(), s.leaks}
	s.w = newWorldOf(t, do, Options{MessageContent: true}, parts, true)
	s.faults, s.refused, s.askers = map[string]int{}, map[string]int{}, map[string]string{}
	s.asking = []discordtest.User{s.w.owner, s.w.mia}
	for i := range s.people {
		u := s.w.d.AddUser(fmt.Sprint("person", i))
		s.w.d.AddMember(s.w.guild.ID, u.ID)
		s.asking = append(s.asking, u)
	}
	for i := range s.channels {
		s.ids = append(s.ids, s.w.d.AddChannel(s.w.guild.ID, fmt.Sprint("channel-", i)).ID)
	}
	start := time.Now()
	var heaps []uint64
	for round := range s.rounds {
		s.round(round)
		s.w.forgetLog() // or it would be what grows
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heaps = append(heaps, m.HeapAlloc)
		t.Logf("%d questions in %v: heap %.1f MiB, %d goroutines, refused %v, %d reconnects, %d of the rate limit, faults %v",
			(round+1)*s.channels*s.each, time.Since(start).Round(time.Second), float64(m.HeapAlloc)/(1<<20), runtime.NumGoroutine(), s.refused,
			s.w.bot.Reconnects(), s.w.bot.RateLimits(), s.faults)
		if t.Failed() {
			break
		}
	}
	if n := len(heaps); n >= 8 { // after five rounds the Discord remembers no more than before
		if before, after := slices.Min(heaps[4:7]), slices.Min(heaps[n-3:]); after > before+before/10+4<<20 {
			t.Errorf("the heap grows from %d to %d bytes: %d", before, after, heaps)
		}
	}
	for _, r := range refusals {
		if n, all := s.refused[r.says], s.rounds*s.channels*s.each; n*1000 > r.most*all {
			t.Errorf("%d of %d questions were refused: %s ...", n, all, r.says)
		}
	}
	s.leaks.Range(func(channel, text any) bool {
		t.Errorf("channel %v was shown %.100q", channel, text)
		return true
	})
	for route, r := range s.w.d.Requests() {
		t.Log(route, r.Requests, r.Status)
	}
	t.Logf("%d reconnects, %d invalid requests, %+v", s.w.bot.Reconnects(), s.w.d.InvalidRequests(), s.w.chat.Stats())
}

// marked is a parrot that notes what it is shown of other channels: each question ends
// with the mark of its own.
type marked struct {
	parrot
	leaks *sync.Map
}

func (m marked) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	mark := func(t session.Turn) string {
		_, where, _ := strings.Cut(t.Text, " in ")
		where, _, _ = strings.Cut(where, " ")
		return where
	}
	own := mark(p.Turns[len(p.Turns)-1])
	for _, t := range p.Turns {
		if got := mark(t); got != own {
			m.leaks.Store(p.Key.Channel, t.Text)
		}
	}
	return m.parrot.Generate(ctx, p, emit)
}

// round asks, disturbs, waits and looks.
func (s *soak) round(n int) {
	w, f := s.w, s.w.d.Faults()
	f.Duplicate(0.05)
	f.REST(discordtest.RESTFault{Probability: 0.02, Status: 429, RetryAfter: 50 * time.Millisecond})
	f.REST(discordtest.RESTFault{Probability: 0.02, Status: 502})
	f.REST(discordtest.RESTFault{Method: "POST", Route: "/channels/{channel}/messages", Probability: 0.01, LoseAnswer: true})
	disturb := s.disturb
	if s.redis != nil {
		f.Reorder(0.05)
		disturb = s.disturbMore
	}
	stop := make(chan struct{})
	var faults, senders sync.WaitGroup
	faults.Go(func() {
		for i := int(s.patience/s.every) * n; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(s.every):
				disturb(i)
			}
		}
	})
	s.questions = make([][]asked, s.channels)
	for c := range s.ids {
		senders.Go(func() { s.ask(n, c) })
	}
	senders.Wait()
	for end := time.Now().Add(s.patience); !s.settled() && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
	}
	s.w.t.Logf("round %d has settled: %v", n, s.settled())
	close(stop)
	faults.Wait()
	f.Clear()
	if s.redis != nil {
		s.redis.ClientUnpause(context.Background())
	}
	w.until("nothing is said to wait", func() bool {
		for _, id := range s.ids {
			for _, m := range w.replies(id) {
				if strings.HasPrefix(m.Content, "*waiting") {
					return false
				}
			}
		}
		return true
	})
	for c := range s.ids {
		s.check(c)
		for _, q := range s.questions[c] {
			s.askers[q.id] = q.user
		}
	}
	for _, p := range w.d.BotPings() {
		m, there := w.d.Message(p.ChannelID, p.MessageID)
		if p.Everyone || p.Here || len(p.Roles) > 0 || len(p.Users) != 1 || there && p.Users[0] != s.askers[m.ReplyTo] {
			w.t.Errorf("somebody was pinged who had not asked: %+v", p)
		}
	}
	if p, err := w.store.Pending(context.Background()); err != nil || len(p) > 0 {
		w.t.Errorf("%d pending (%v)", len(p), err)
	}
}

// ask asks what is asked in one channel.
func (s *soak) ask(round, c int) {
	rng := rand.New(rand.NewPCG(uint64(c), uint64(9+round)))
	for i := range s.each {
		k := round*s.each + i
		text := fmt.Sprintf("question %d in %d", k, c)
		if k%25 == 24 {
			text = fmt.Sprintf("long %d in %d", 500+i, c)
		}
		u := s.asking[rng.IntN(len(s.asking))]
		m, err := s.w.d.Send(s.ids[c], u.ID, s.w.at(text))
		if err != nil {
			s.w.t.Error(err)
			return
		}
		s.questions[c] = append(s.questions[c], asked{m.ID, text, u.ID})
		s.mu.Lock()
		s.past = append(s.past, place{channel: s.ids[c], thread: m.ID})
		s.past = s.past[max(0, len(s.past)-5*s.channels*s.each/2):]
		s.mu.Unlock()
		time.Sleep(s.apart + time.Duration(rng.Int64N(int64(2*s.pause))))
	}
}

// settled reports whether each question has been answered or refused.
func (s *soak) settled() bool {
	if int(s.w.chat.Stats().Active) > 0 {
		return false
	}
	if p, err := s.w.store.Pending(context.Background()); err != nil || len(p) > 0 {
		return false
	}
	for c, id := range s.ids {
		said := map[string]bool{}
		for _, m := range s.w.replies(id) {
			said[m.ReplyTo] = true
		}
		for _, q := range s.questions[c] {
			if !said[q.id] {
				return false
			}
		}
	}
	return true
}

// check looks at what a channel shows: each question of the round has one answer, in
// order, or was refused.
func (s *soak) check(c int) {
	t, questions := s.w.t, s.questions[c]
	var order []string
	texts, times := map[string]string{}, map[string]int{}
	current := ""
	for _, m := range s.w.replies(s.ids[c]) {
		if !later(m.ID, questions[0].id) {
			continue
		}
		if length(m.Content) > 2000 {
			t.Errorf("channel %d: a message of %d", c, length(m.Content))
		}
		switch {
		case m.ReplyTo != "" && s.redis != nil && refusal(m.Content) != "":
			s.refused[refusal(m.Content)]++
			times[m.ReplyTo]++
		case m.ReplyTo != "":
			current = m.ReplyTo
			order = append(order, current)
			texts[current] = m.Content
			times[current]++
		default:
			texts[current] += " " + m.Content
		}
	}
	answered := 0
	for _, q := range questions {
		if times[q.id] != 1 {
			t.Errorf("channel %d: %q has %d answers", c, q.text, times[q.id])
		}
		got, ok := texts[q.id]
		if !ok {
			continue
		}
		if answered < len(order) && order[answered] != q.id {
			s.trace(q.id, order[answered])
			t.Fatalf("channel %d: answer %d is to %s, want to %q, %s; questions are %v", c, answered, order[answered], q.text, q.id, questions)
		}
		answered++
		want := "re: " + q.text
		var n int
		if _, err := fmt.Sscanf(q.text, "long %d", &n); err == nil {
			want += strings.Repeat(" blah", n)
		}
		if got != want {
			t.Errorf("channel %d: %q is answered %.80q", c, q.text, got)
		}
	}
	if len(order) != answered {
		t.Errorf("channel %d: %d answers to %d questions", c, len(order), answered)
	}
}

// trace prints what the log has of messages.
func (s *soak) trace(ids ...string) {
	for line := range strings.Lines(s.w.logged()) {
		for _, id := range ids {
			if strings.Contains(line, id) || strings.Contains(line, "connected to Discord") {
				s.w.t.Log(line)
				break
			}
		}
	}
}
