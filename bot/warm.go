package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"moebot/bot/config"
	"moebot/moe/engine"
	"moebot/moe/gguf"
	"moebot/session"
	"moebot/session/redisstore"
)

// snapshots says where the engine keeps what it has read of conversations over a
// restart. Only a process whose conversations nobody else can reset keeps any: what is
// forgotten must be gone there too. Nor are there any if sessions are to be encrypted.
func snapshots(c config.Config, f *gguf.File) engine.Snapshots {
	if !warm(c) {
		return engine.Snapshots{}
	}
	return engine.Snapshots{Dir: filepath.Join(localDir(c), "kv"), Model: f.Fingerprint(), Bytes: int64(c.Model.SnapshotMiB) << 20, MaxAge: time.Duration(c.Session.TTL)}
}

// warm reports whether there are snapshots.
func warm(c config.Config) bool {
	return c.Model.SnapshotMiB > 0 && c.RedisURL == "" && c.SessionKeys == "" && c.Roles.Role == "all"
}

// logWarm says so if there are none though they are asked for.
func logWarm(c config.Config, log *slog.Logger) {
	if c.Model.SnapshotMiB > 0 && !warm(c) {
		log.Warn("model.snapshot_mib does nothing: conversations that other processes may reset, or that are to be encrypted, are not kept in files here")
	}
}

// localDir is where the process keeps its files: the playground's channels are not
// Discord's.
func localDir(c config.Config) string {
	if c.Token == "" {
		return filepath.Join(c.Session.Dir, "playground")
	}
	return c.Session.Dir
}

// forgetful is the store with the model's memory behind it: what the one forgets, the
// other does not keep either. A call that fails may have had its effect.
type forgetful struct {
	*redisstore.Store
	mind *mind
}

// Reset forgets a conversation.
func (f forgetful) Reset(ctx context.Context, k session.Key) error {
	defer f.mind.forget(k.Channel)
	defer f.mind.dropTraces(func(_ string, t keptTrace) bool { return t.channel == k.Channel })
	return f.Store.Reset(ctx, k)
}

// Remove forgets a message of a conversation, and the answer to it.
func (f forgetful) Remove(ctx context.Context, k session.Key, turnID string) (answer string, err error) {
	defer f.mind.forget(k.Channel)
	answer, err = f.Store.Remove(ctx, k, turnID)
	f.mind.dropTraces(func(id string, _ keptTrace) bool { return id == turnID || id == answer })
	return answer, err
}

// Forget forgets a person, who may have spoken anywhere.
func (f forgetful) Forget(ctx context.Context, personID string) (int, error) {
	defer f.mind.forget("")
	defer f.mind.dropTraces(func(string, keptTrace) bool { return true })
	return f.Store.Forget(ctx, personID)
}

// forget drops what the model has read of a channel, or with "" of all.
func (m *mind) forget(channel string) {
	if m.engine != nil {
		m.engine.Forget(channel)
	}
	if m.forgetThere != nil {
		m.forgetThere(channel)
	}
}
