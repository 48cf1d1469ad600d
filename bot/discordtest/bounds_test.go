package discordtest

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

// What is over does not stay in memory.
func TestNothingStays(t *testing.T) {
	clock := NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	s := New(Options{Clock: clock})
	defer s.Close()
	ada := s.AddUser("Ada")
	g := s.AddGuild("Home", ada.ID)
	c := s.AddChannel(g.ID, "general")
	files := func(when string, want int) {
		t.Helper()
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.files) != want {
			t.Errorf("%s: %d files, want %d", when, len(s.files), want)
		}
	}
	m, err := s.Send(c.ID, ada.ID, "look", Attach("a.txt", []byte("a")))
	if err != nil {
		t.Fatal(err)
	}
	thread, err := s.CreateThread(c.ID, ada.ID, "thread", m.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(thread.ID, ada.ID, "look", Attach("b.txt", []byte("b"))); err != nil {
		t.Fatal(err)
	}
	files("in a channel and its thread", 2)
	if err := s.RemoveChannel(c.ID); err != nil {
		t.Fatal(err)
	}
	files("both removed", 0)

	s.commands["1"] = &Command{ID: "1", Name: "import", Type: ChatInput, Options: []CommandOption{
		{Type: AttachmentOption, Name: "file", Required: true}, {Type: StringOption, Name: "where", Required: true}}}
	c = s.AddChannel(g.ID, "other")
	file := Option{Name: "file", Value: Upload{Name: "a.json", Data: []byte("{}")}}
	if _, err := s.Command(c.ID, ada.ID, "import", file); err == nil {
		t.Error("an option is missing, and it is begun")
	}
	files("a command refused", 0)
	if _, err := s.Command(c.ID, ada.ID, "import", file, Option{Name: "where", Value: "here"}); err != nil {
		t.Fatal(err)
	}
	files("a command", 1)
	clock.Advance(tokenLife)
	files("behind the end of its token", 0)

	l := newLimiter(Limits{}, clock)
	for i := range 5000 {
		if r := l.admit(http.Header{}, "POST /webhooks/{application}/{token}", strconv.Itoa(i), true); r != nil {
			t.Fatalf("request %d: %+v", i, r)
		}
		clock.Advance(100 * time.Millisecond)
	}
	if n := len(l.known); n > 300 {
		t.Errorf("%d buckets, of which 20 are in use", n)
	}
}
