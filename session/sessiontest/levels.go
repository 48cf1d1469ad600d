package sessiontest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moebot/session"
)

// testSettingsOf: the levels of a tree, which lie in different partitions, are read
// together, and a server is not its first channel, which has the same id.
func testSettingsOf(t *testing.T, s Store) {
	ctx := t.Context()
	server, channel, thread := session.ServerKey("1001"), session.Key{Channel: "1001"}, session.Key{Channel: "2002"}
	want := []session.Settings{
		{AlwaysOn: ptr(true), WakeWords: ptr([]string{"moe", "小狐狸"}), ChimeIn: ptr(0.25), ChimeInFall: ptr(0.5), AnswerBots: ptr(false), BotTurns: ptr(3),
			Mode: ptr(session.ModeDrain), Allow: ptr([]string{"channel:1", "role:2"}), Block: ptr([]string{"person:3"}), Muted: ptr([]string{"4 2026-01-31T18:00:00Z"}),
			WordsIn: ptr([]string{"a b"}), WordsOut: ptr([]string{}), LimitMessages: ptr(0), LimitSeconds: ptr(1.5),
			ServerMessages: ptr(30), ServerSeconds: ptr(0.5), AdultChannels: ptr(false), AdultWords: ptr([]string{"c d"}), AuditChannel: ptr("77")},
		{Temperature: ptr(1.5)},
		{},
	}
	for i, k := range []session.Key{server, channel} {
		if err := s.SetSettings(ctx, k, want[i]); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.SettingsOf(ctx, server, channel, thread)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("SettingsOf: %v (-want +got):\n%s", err, diff)
	}
	if got, err := s.SettingsOf(ctx); err != nil || len(got) != 0 {
		t.Errorf("SettingsOf nothing = %v, %v", got, err)
	}
	if _, err := s.SettingsOf(ctx, channel, session.Key{}); err == nil || errors.Is(err, session.ErrUnavailable) {
		t.Errorf("SettingsOf a bad key: %v; want an error of its own", err)
	}
	if err := s.Reset(ctx, channel); err != nil {
		t.Fatal(err)
	}
	if got, err := s.SettingsOf(ctx, channel); err != nil || !got[0].Equal(want[1]) {
		t.Errorf("after a reset: %v, %v", got, err)
	}
}
