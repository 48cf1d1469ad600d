package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moebot/bot/chat"
	"moebot/bot/config"
	"moebot/session"
	"moebot/session/embedded"
	"moebot/session/redisstore"
)

func warmConfig(t *testing.T) config.Config {
	c := config.Default()
	c.Reply.MaxTokens, c.Model.SnapshotMiB, c.Session.Dir = 16, 16, t.TempDir()
	return c
}

// Behind a restart the model need not read again what it knew of a conversation, and
// says the same.
func TestARestartIsWarm(t *testing.T) {
	c := warmConfig(t)
	seed := uint64(3)
	set := session.Settings{Seed: &seed}
	var turns []session.Turn
	for i := range 6 {
		turns = append(turns, turn(session.RoleUser, "Mia", fmt.Sprint("question ", i, " about many different things")), turn(session.RoleAssistant, "", "an answer to it"))
	}
	turns = append(turns, turn(session.RoleUser, "Mia", "Hello!"))
	ask := func() chat.Answer {
		m, err := openMind(c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer m.close()
		return answer(t, m, "room", set, turns...)
	}
	cold, warm := ask(), ask()
	if warm.Text != cold.Text || cold.Usage.ReusedTokens != 0 || warm.Usage.ReusedTokens != warm.Usage.PromptTokens-1 {
		t.Errorf("first %q, %d of %d tokens known; behind a restart %q, %d of %d", cold.Text, cold.Usage.ReusedTokens, cold.Usage.PromptTokens,
			warm.Text, warm.Usage.ReusedTokens, warm.Usage.PromptTokens)
	}
}

// What the store is told to forget is in no file of the model's, and not in its memory.
func TestWhatIsForgottenIsNotKeptWarm(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	store := embeddedStore(t, log)
	for name, forget := range map[string]func(ctx context.Context, f forgetful) error{
		"reset": func(ctx context.Context, f forgetful) error { return f.Reset(ctx, session.Key{Channel: "room"}) },
		"remove": func(ctx context.Context, f forgetful) error {
			_, err := f.Remove(ctx, session.Key{Channel: "room"}, "1")
			return err
		},
		"forget me": func(ctx context.Context, f forgetful) error { _, err := f.Forget(ctx, "42"); return err },
	} {
		c := warmConfig(t)
		m, err := openMind(c, log)
		if err != nil {
			t.Fatal(err)
		}
		q := turn(session.RoleUser, "Mia", "my secret is a fox")
		answer(t, m, "room", session.Settings{}, q)
		answer(t, m, "other", session.Settings{}, q)
		m.close()
		kept := func() int {
			files, err := os.ReadDir(filepath.Join(localDir(c), "kv"))
			if err != nil {
				t.Fatal(err)
			}
			return len(files)
		}
		if n := kept(); n != 2 {
			t.Fatalf("%s: %d files of two conversations", name, n)
		}
		if m, err = openMind(c, log); err != nil {
			t.Fatal(err)
		}
		answer(t, m, "room", session.Settings{}, q)
		_ = forget(t.Context(), forgetful{store, m}) // the store knows nothing of it
		want := 1
		if name == "forget me" { // who may have spoken anywhere
			want = 0
		}
		if n := kept(); n != want {
			t.Errorf("%s: %d files are left, want %d", name, n, want)
		}
		m.close()
		if n := kept(); n != want {
			t.Errorf("%s: %d files behind the end, want %d", name, n, want)
		}
	}
}

// There are no files where others could reset the conversation, or where sessions are
// to be encrypted.
func TestWhereNothingIsKeptWarm(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"not asked for": func(c *config.Config) { c.Model.SnapshotMiB = 0 },
		"a Redis":       func(c *config.Config) { c.RedisURL = "redis://h" },
		"a worker":      func(c *config.Config) { c.Roles.Role = "worker" },
		"encrypted":     func(c *config.Config) { c.SessionKeys = "a:b" },
	} {
		c := warmConfig(t)
		change(&c)
		var said strings.Builder
		logWarm(c, slog.New(slog.NewTextHandler(&said, nil)))
		if s := snapshots(c, nil); s.Dir != "" || (said.Len() == 0) != (name == "not asked for") {
			t.Errorf("%s: kept in %q, the log says %q", name, s.Dir, said.String())
		}
	}
}

// embeddedStore is a store of sessions in a Redis inside this process.
func embeddedStore(t *testing.T, log *slog.Logger) *redisstore.Store {
	t.Helper()
	local, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	store, err := redisstore.New(local.Client(), redisstore.Options{MaxTurns: 10, Kind: "embedded", Owner: "embedded", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}
