// Package sessiontest is the behaviour every session store must show, as one
// suite of tests, and the real Redis servers to show it on.
package sessiontest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"moebot/session"
)

// Store is what is tested; package redisstore describes the methods.
type Store interface {
	Accept(context.Context, session.Key, session.Turn) (session.Session, bool, error)
	Admit(ctx context.Context, k session.Key, t session.Turn, limits []session.Limit) (session.Session, bool, time.Duration, error)
	Finish(ctx context.Context, k session.Key, questionID string, answer session.Turn, amounts ...session.Amount) (bool, error)
	Load(context.Context, session.Key) (session.Session, error)
	Reset(context.Context, session.Key) error
	Remove(ctx context.Context, k session.Key, turnID string) (answer string, err error)
	UpdateTurn(ctx context.Context, k session.Key, turnID string, change func(*session.Turn) error) (session.Turn, error)
	Undo(context.Context, session.Key) (int, error)
	Claim(ctx context.Context, k session.Key, messageID string) (bool, error)
	Hold(ctx context.Context, k session.Key, questionID string) (bool, error)
	Waits(ctx context.Context, k session.Key, questionID string) (bool, error)
	Renew(context.Context, []session.Pending) error
	Release(context.Context, []session.Pending) error
	Forget(ctx context.Context, userID string) (int, error)
	Take(ctx context.Context, name string, size int, every time.Duration) (time.Duration, error)
	TakeAll(ctx context.Context, messageID string, limits []session.Limit) (time.Duration, error)
	Settings(context.Context, session.Key) (session.Settings, error)
	SetSettings(context.Context, session.Key, session.Settings) error
	UpdateSettings(context.Context, session.Key, func(*session.Settings) error) (session.Settings, error)
	SettingsOf(context.Context, ...session.Key) ([]session.Settings, error)
	Pending(context.Context) ([]session.Pending, error)
	Remember(ctx context.Context, name, value string) error
	Recall(ctx context.Context, name string) (string, error)
	Count(context.Context, session.Key, map[string]int64) error
	Counters(context.Context) (session.Counters, error)
	AddActivity(ctx context.Context, at time.Time, b session.Batch, places map[string]session.Activity) (left map[string]session.Activity, err error)
	Activity(ctx context.Context, place string, last time.Time, hours int) ([]session.Activity, error)
	Export(ctx context.Context, w io.Writer, channel string) (session.Moved, error)
	Import(context.Context, io.Reader) (session.Moved, error)
	Ping(context.Context) (time.Duration, error)
	Kind() string
}

// Limits are what a test needs of the store it opens. They mean what the
// options of redisstore of the same names do, zero included.
type Limits struct {
	MaxTurns        int
	TTL, PendingTTL time.Duration
	SeenIDs         int
	// Prefix is different for each test, so that tests may share a server.
	Prefix string
}

// Run runs the suite, its tests in parallel. Each calls open for a store
// without content; open arranges for its end.
func Run(t *testing.T, open func(testing.TB, Limits) Store) {
	for _, c := range []struct {
		name   string
		limits Limits
		test   func(*testing.T, Store)
	}{
		{"Empty", Limits{}, testEmpty},
		{"Accept", Limits{}, testAccept},
		{"AcceptTwice", Limits{}, testAcceptTwice},
		{"AcceptConcurrently", Limits{}, testAcceptConcurrently},
		{"Admit", Limits{}, testAdmit},
		{"Finish", Limits{}, testFinish},
		{"FinishOrder", Limits{}, testFinishOrder},
		{"Trim", Limits{MaxTurns: 4}, testTrim},
		{"SeenIDs", Limits{SeenIDs: 3}, testSeenIDs},
		{"Expire", Limits{TTL: 1500 * time.Millisecond}, testExpire},
		{"Reset", Limits{}, testReset},
		{"Remove", Limits{}, testRemove},
		{"RemoveAnswers", Limits{MaxTurns: 4}, testRemoveAnswers},
		{"RemoveConcurrently", Limits{}, testRemoveConcurrently},
		{"UpdateTurn", Limits{}, testUpdateTurn},
		{"Undo", Limits{}, testUndo},
		{"Claim", Limits{}, testClaim},
		{"Hold", Limits{}, testHold},
		{"Forget", Limits{}, testForget},
		{"Take", Limits{}, testTake},
		{"LongTurns", Limits{}, testLongTurns},
		{"Settings", Limits{}, testSettings},
		{"UpdateSettings", Limits{}, testUpdateSettings},
		{"SettingsOf", Limits{}, testSettingsOf},
		{"Pending", Limits{}, testPending},
		{"PendingGivenUp", Limits{PendingTTL: 2 * time.Second}, testPendingGivenUp},
		{"Facts", Limits{}, testFacts},
		{"Counters", Limits{}, testCounters},
		{"Activity", Limits{}, testActivity},
		{"BadInput", Limits{}, testBadInput},
		{"Context", Limits{}, testContext},
		{"Archive", Limits{MaxTurns: 6}, testArchive},
		{"Model", Limits{MaxTurns: 9}, testModel},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // some only wait
			c.limits.Prefix = "t" + randomHex()
			c.test(t, open(t, c.limits))
		})
	}
}

func randomHex() string {
	var b [6]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// at is a time to the millisecond, n seconds into the tests' day.
func at(n int) time.Time { return time.Date(2026, 11, 5, 12, 0, n, 7e6, time.UTC) }

// question and answer make turns.
func question(id, text string) session.Turn {
	return session.Turn{ID: id, Role: session.RoleUser, AuthorID: "77", Author: "Ann", Text: text, Time: at(1)}
}

func answer(id, text string) session.Turn {
	return session.Turn{ID: id, Role: session.RoleAssistant, AuthorID: "1", Author: "moebot", Text: text, Time: at(2)}
}

// ids returns the ids of turns.
func ids(turns []session.Turn) []string {
	out := []string{}
	for _, t := range turns {
		out = append(out, t.ID)
	}
	return out
}

func ptr[T any](v T) *T { return &v }

// BenchmarkAccept measures accepting a message of 300 bytes into a session of
// 60 turns spread over 100 channels: append, trim, and reading it whole.
func BenchmarkAccept(b *testing.B, s Store) {
	text := strings.Repeat("twelve bytes", 25)
	for i := 0; b.Loop(); i++ {
		k := session.Key{Channel: strconv.Itoa(i % 100)}
		if _, ok, err := s.Accept(b.Context(), k, question(strconv.Itoa(i), text)); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
}
