package discordtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"moebot/bot/discordtest"
)

func TestOpenRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		options discordtest.Options
		change  func(*discordgo.Session)
		want    string
	}{
		{"wrong token", discordtest.Options{}, func(dg *discordgo.Session) { dg.Token, dg.Identify.Token = "Bot wrong", "Bot wrong" }, "4004"},
		{"intent switched off", discordtest.Options{Denied: discordtest.IntentMessageContent}, nil, "4014"},
		{"unknown intent", discordtest.Options{}, func(dg *discordgo.Session) { dg.Identify.Intents |= 1 << 30 }, "4013"},
		{"shard out of range", discordtest.Options{}, func(dg *discordgo.Session) { dg.Identify.Shard = &[2]int{2, 2} }, "4010"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.options)
			dg := w.client(t)
			dg.ShouldReconnectOnError = false
			if test.change != nil {
				test.change(dg)
			}
			err := dg.Open()
			if err == nil {
				dg.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("open: got %v, want %s", err, test.want)
			}
		})
	}
}

// TestReconnect breaks the connection in every way while messages are written and asks that each arrives
// exactly once and in order.
func TestReconnect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fault func(*discordtest.Faults) int
		ready bool // a new session, so messages in between are lost
	}{
		{"cut", (*discordtest.Faults).Cut, false},
		{"op 7", (*discordtest.Faults).Reconnect, false},
		{"close 4000", func(f *discordtest.Faults) int { return f.CloseGateway(4000) }, false},
		{"op 9 true", func(f *discordtest.Faults) int { return f.InvalidSession(true) }, false},
		{"op 9 false", func(f *discordtest.Faults) int { return f.InvalidSession(false) }, true},
		{"refused resume", func(f *discordtest.Faults) int { f.RefuseResume(1); return f.Cut() }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, discordtest.Options{})
			dg := w.client(t)
			created := listen[discordgo.MessageCreate](dg)
			ready, resumed := listen[discordgo.Ready](dg), listen[discordgo.Resumed](dg)
			open(t, dg)
			next(t, ready)
			w.Send(w.channel.ID, w.bob.ID, "before")
			next(t, created)

			if n := test.fault(w.Faults()); n != 1 {
				t.Fatalf("fault struck %d connections, want 1", n)
			}
			if test.ready {
				next(t, ready)
			} else {
				w.Send(w.channel.ID, w.bob.ID, "between")
				next(t, resumed)
				if e := next(t, created); e.Content != "between" {
					t.Errorf("got %q, want the message from between", e.Content)
				}
			}
			w.Send(w.channel.ID, w.bob.ID, "after")
			if e := next(t, created); e.Content != "after" {
				t.Errorf("got %q, want the message from after", e.Content)
			}
			none(t, created)
		})
	}
}

func TestHeartbeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	c := dial(t, w)
	beat := func() { c.Write(deadline(t), websocket.MessageText, []byte(`{"op":1,"d":null}`)) }
	beat()
	if p := receive(t, c); p.Op != 11 {
		t.Errorf("heartbeat was answered by op %d, want 11", p.Op)
	}
	w.Faults().IgnoreHeartbeats(true)
	beat()
	c.Write(deadline(t), websocket.MessageText, []byte(identify))
	if p := receive(t, c); p.Type != "READY" {
		t.Errorf("got op %d %s, want READY and no ACK", p.Op, p.Type)
	}
}

func TestDuplicateReorderLose(t *testing.T) {
	t.Parallel()
	contents := func(t *testing.T, faults func(*discordtest.Faults)) []string {
		w := newWorld(t, discordtest.Options{Seed: 1})
		dg := w.client(t)
		created := listen[discordgo.MessageCreate](dg)
		open(t, dg)
		faults(w.Faults())
		for i := range 6 {
			if _, err := w.Send(w.channel.ID, w.bob.ID, fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		w.Faults().Clear()
		for _, end := range []string{"end", "end of all"} { // what was held comes behind the first
			if _, err := w.Send(w.channel.ID, w.bob.ID, end); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for {
			switch m := next(t, created); m.Content {
			case "end":
			case "end of all":
				return got
			default:
				got = append(got, m.Content)
			}
		}
	}
	for _, test := range []struct {
		name   string
		faults func(*discordtest.Faults)
		want   []string
	}{
		{"duplicate", func(f *discordtest.Faults) { f.Duplicate(1) }, []string{"0", "0", "1", "1", "2", "2", "3", "3", "4", "4", "5", "5"}},
		{"lose", func(f *discordtest.Faults) { f.Lose(1) }, nil},
		{"hold", func(f *discordtest.Faults) { f.Reorder(1) }, []string{"0", "1", "2", "3", "4", "5"}}, // all held: in order, but late
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, contents(t, test.faults)); diff != "" {
				t.Errorf("contents (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("reorder", func(t *testing.T) {
		t.Parallel()
		got := contents(t, func(f *discordtest.Faults) { f.Reorder(0.4) })
		if len(got) != 6 || strings.Join(got, "") == "012345" {
			t.Errorf("got %v, want all six in another order", got)
		}
	})
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	dg := w.client(t)
	created := listen[discordgo.MessageCreate](dg)
	open(t, dg)
	m, err := w.Send(w.channel.ID, w.bob.ID, "once")
	if err != nil {
		t.Fatal(err)
	}
	next(t, created)
	if !w.Faults().Repeat(w.channel.ID, m.ID) {
		t.Error("the message is not there")
	}
	if e := next(t, created); e.ID != m.ID || e.Content != "once" {
		t.Errorf("repeated as %s %q", e.ID, e.Content)
	}
	if w.Faults().Repeat(w.channel.ID, w.channel.ID) || w.Faults().Repeat("1", m.ID) {
		t.Error("what is not there is repeated")
	}
}

// TestOrder sends 2,000 messages through two dozen disconnects.
func TestOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	dg := w.client(t)
	created := listen[discordgo.MessageCreate](dg)
	open(t, dg)
	const n = 2000
	start := time.Now()
	for i := range n {
		if _, err := w.Send(w.channel.ID, w.bob.ID, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if i == n/2 {
			w.Faults().Cut()
		}
	}
	sent := time.Since(start)
	for i := range n {
		if e := next(t, created); e.Content != fmt.Sprint(i) {
			t.Fatalf("message %d: got %q", i, e.Content)
		}
	}
	none(t, created)
	t.Logf("%d messages sent in %v, arrived after %v with one reconnect", n, sent, time.Since(start))
}

// TestContentIntent: what a bot without MESSAGE_CONTENT reads.
func TestContentIntent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Denied: discordtest.IntentMessageContent})
	dg := w.client(t)
	dg.Identify.Intents = discordgo.IntentsAllWithoutPrivileged
	created := listen[discordgo.MessageCreate](dg)
	open(t, dg)
	dm, err := w.OpenDM(w.bob.ID)
	if err != nil {
		t.Fatal(err)
	}
	mention := "<@" + w.Bot().ID + "> psst"
	for _, test := range []struct{ channel, text, want string }{
		{w.channel.ID, "secret", ""},
		{w.channel.ID, mention, mention},
		{dm.ID, "direct", "direct"},
	} {
		m, err := w.Send(test.channel, w.bob.ID, test.text)
		if err != nil {
			t.Fatal(err)
		}
		if e := next(t, created); e.Content != test.want {
			t.Errorf("%q arrived as %q, want %q", test.text, e.Content, test.want)
		}
		got, err := dg.ChannelMessage(test.channel, m.ID)
		if err != nil || got.Content != test.want {
			t.Errorf("%q by REST: %q, %v", test.text, got.Content, err)
		}
	}
	own, err := dg.ChannelMessageSend(w.channel.ID, "mine")
	if err != nil || own.Content != "mine" || next(t, created).Content != "mine" {
		t.Errorf("own message: %v, %v", own, err)
	}
	reply, _ := w.Send(w.channel.ID, w.bob.ID, "a reply that pings", discordtest.ReplyTo(own.ID))
	if e := next(t, created); e.ID != reply.ID || e.Content == "" {
		t.Errorf("reply with ping arrived as %q", e.Content)
	}
	w.Send(w.channel.ID, w.bob.ID, "a reply that does not", discordtest.ReplyTo(own.ID), discordtest.NoReplyPing())
	if e := next(t, created); e.Content != "" || e.ReferencedMessage == nil || e.ReferencedMessage.Content != "mine" {
		t.Errorf("reply without ping arrived as %q", e.Content)
	}
}

// TestRawGateway speaks to the gateway without discordgo, to see what no well-behaved client does.
func TestRawGateway(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		send []string
		want websocket.StatusCode
	}{
		{"no JSON", []string{"{"}, 4002},
		{"unknown opcode", []string{`{"op":42}`}, 4001},
		{"too long", []string{`{"op":1,"d":"` + strings.Repeat("x", 5000) + `"}`}, 4002},
		{"presence before identify", []string{`{"op":3,"d":{}}`}, 4003},
		{"identify without intents", []string{`{"op":2,"d":{"token":"` + discordtest.DefaultToken + `"}}`}, 4013},
		{"identify twice", []string{identify, identify}, 4005},
		{"resume with a wrong token", []string{`{"op":6,"d":{"token":"no","session_id":"x","seq":1}}`}, 4004},
		{"too many events", slicesRepeat(`{"op":1,"d":null}`, 121), 4008},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, discordtest.Options{})
			c := dial(t, w)
			for _, s := range test.send {
				if err := c.Write(deadline(t), websocket.MessageText, []byte(s)); err != nil {
					t.Fatal(err)
				}
			}
			for {
				if _, _, err := c.Read(deadline(t)); err != nil {
					if got := websocket.CloseStatus(err); got != test.want {
						t.Errorf("closed with %v (%v), want %v", got, err, test.want)
					}
					return
				}
			}
		})
	}
}

const identify = `{"op":2,"d":{"token":"` + discordtest.DefaultToken + `","intents":513,"properties":{}}}`

func slicesRepeat(s string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = s
	}
	return list
}

func dial(t *testing.T, w *world) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(deadline(t), w.GatewayURL()+"/?v=10&encoding=json", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	c.SetReadLimit(1 << 20)
	if p := receive(t, c); p.Op != 10 {
		t.Fatalf("first frame is op %d, want HELLO", p.Op)
	}
	return c
}

type payload struct {
	Op   int             `json:"op"`
	Seq  int64           `json:"s"`
	Type string          `json:"t"`
	Data json.RawMessage `json:"d"`
}

func receive(t *testing.T, c *websocket.Conn) payload {
	t.Helper()
	_, data, err := c.Read(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	var p payload
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestReplay resumes with sequence numbers of its own choice.
func TestReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Replay: 4})
	ctx := deadline(t)
	c := dial(t, w)
	c.Write(ctx, websocket.MessageText, []byte(identify))
	ready := receive(t, c)
	var session struct {
		ID string `json:"session_id"`
	}
	if err := json.Unmarshal(ready.Data, &session); err != nil || ready.Type != "READY" {
		t.Fatalf("%s: %v", ready.Type, err)
	}
	if p := receive(t, c); p.Type != "GUILD_CREATE" || p.Seq != 2 {
		t.Fatalf("second event: %s %d", p.Type, p.Seq)
	}
	for i := range 3 {
		w.Send(w.channel.ID, w.bob.ID, fmt.Sprint(i))
	}
	c.CloseNow()

	resume := func(seq int64) *websocket.Conn {
		c := dial(t, w)
		c.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"op":6,"d":{"token":%q,"session_id":%q,"seq":%d}}`, w.Token(), session.ID, seq))
		return c
	}
	c = resume(3)
	for want := int64(4); want <= 5; want++ {
		if p := receive(t, c); p.Type != "MESSAGE_CREATE" || p.Seq != want {
			t.Errorf("replayed %s %d, want message %d", p.Type, p.Seq, want)
		}
	}
	if p := receive(t, c); p.Type != "RESUMED" {
		t.Errorf("got %s, want RESUMED", p.Type)
	}
	c.CloseNow()
	// The sequence number from the future is 4007.
	if _, _, err := resume(99).Read(ctx); websocket.CloseStatus(err) != 4007 {
		t.Errorf("future sequence: %v", err)
	}
	// What the buffer has lost cannot be resumed.
	for i := range 100 {
		w.Send(w.channel.ID, w.bob.ID, fmt.Sprint(i))
	}
	if p := receive(t, resume(5)); p.Op != 9 || string(p.Data) != "false" {
		t.Errorf("lost events: op %d %s, want 9 false", p.Op, p.Data)
	}
	// And a session that was closed with 1000 is gone.
	if p := receive(t, resume(5)); p.Op != 9 {
		t.Errorf("forgotten session: op %d, want 9", p.Op)
	}
}

func TestSilentClientIsThrownOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Heartbeat: 10 * time.Millisecond})
	c := dial(t, w)
	_, _, err := c.Read(deadline(t))
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read: %v, want the connection to end", err)
	}
}
