package sessiontest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moebot/session"
)

// testArchive exports channels and imports them under other names, over and over.
func testArchive(t *testing.T, s Store) {
	ctx := t.Context()
	k, server := session.Key{Channel: "5001"}, session.ServerKey("5001")
	mustAccept(t, s, k, question("1", "first"))
	finish(t, s, k, "1", answer("2", "one"), true)
	mustAccept(t, s, k, question("3", "still open"))
	for k, set := range map[session.Key]session.Settings{k: {TopK: ptr(3)}, server: {Persona: ptr("a fox")}} {
		if err := s.SetSettings(ctx, k, set); err != nil {
			t.Fatal(err)
		}
	}
	export := func(channel string, want session.Moved) string {
		t.Helper()
		var b bytes.Buffer
		n, err := s.Export(ctx, &b, channel)
		if err != nil || n != want {
			t.Fatalf("Export(%q) = %+v, %v; want %+v", channel, n, err, want)
		}
		return b.String()
	}
	all := export("", session.Moved{Channels: 2, Turns: 3})
	one := export("5001", session.Moved{Channels: 1, Turns: 3})
	if export("none", session.Moved{}) == "" || len(one) >= len(all) {
		t.Errorf("an archive of nothing is empty, or one channel is no less than all:\n%s%s", one, all)
	}
	imported := func(archive, as string, want session.Moved) {
		t.Helper()
		n, err := s.Import(ctx, strings.NewReader(strings.ReplaceAll(archive, "5001", as)))
		if err != nil || n != want {
			t.Fatalf("Import as %s = %+v, %v; want %+v", as, n, err, want)
		}
	}

	// Into a place where there is nothing.
	copied := session.Key{Channel: "5002"}
	before, err := s.Load(ctx, k)
	if err != nil {
		t.Fatal(err)
	}
	counted, err := s.Counters(ctx)
	if err != nil {
		t.Fatal(err)
	}
	imported(all, "5002", session.Moved{Channels: 2, Turns: 3, Added: 3})
	before.Key = copied
	after, err := s.Load(ctx, copied)
	if diff := cmp.Diff(before, after); err != nil || diff != "" {
		t.Fatalf("the copy: %v (-want +got):\n%s", err, diff)
	}
	if set, err := s.Settings(ctx, session.ServerKey("5002")); err != nil || set.Persona == nil || *set.Persona != "a fox" {
		t.Errorf("the server's settings: %+v, %v", set, err)
	}
	if p, err := s.Pending(ctx); err != nil || len(p) != 2 || p[0].Turn.ID != "3" || p[1].Turn.ID != "3" || !p[0].Since.Equal(p[1].Since) {
		t.Errorf("Pending = %v, %v; want the open question twice, accepted at the same time", p, err)
	}
	for _, id := range []string{"1", "2", "3"} {
		if _, ok, err := s.Accept(ctx, copied, question(id, "again")); err != nil || ok {
			t.Errorf("Accept(%s) in the copy = %v, %v; want false", id, ok, err)
		}
	}
	finish(t, s, copied, "3", answer("4", "three"), true)

	// Once more: nothing changes, not even what was removed since.
	remove(t, s, copied, "1", "2")
	if err := s.SetSettings(ctx, copied, session.Settings{TopK: ptr(9)}); err != nil {
		t.Fatal(err)
	}
	imported(all, "5002", session.Moved{Channels: 2, Turns: 3})
	holds(t, s, copied, "3", "4")
	if set, err := s.Settings(ctx, copied); err != nil || *set.TopK != 9 {
		t.Errorf("settings after a second import: %+v, %v; want the newer ones", set, err)
	}
	if c, err := s.Counters(ctx); err != nil || c.Total["messages"] != counted.Total["messages"] {
		t.Errorf("%d messages counted, %v; want %d as before", c.Total["messages"], err, counted.Total["messages"])
	}

	// Where there is something: what comes is older, and no more is kept than ever.
	for _, id := range []string{"11", "12", "13", "14"} {
		mustAccept(t, s, session.Key{Channel: "5003"}, question(id, "newer"))
	}
	imported(one, "5003", session.Moved{Channels: 1, Turns: 3, Added: 3})
	holds(t, s, session.Key{Channel: "5003"}, "2", "3", "11", "12", "13", "14")
	imported(one, "5003", session.Moved{Channels: 1, Turns: 3})
	holds(t, s, session.Key{Channel: "5003"}, "2", "3", "11", "12", "13", "14")
	holds(t, s, k, "1", "2", "3")
}
