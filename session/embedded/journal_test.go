package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"moebot/session"
)

// records makes a journal in memory of n records, record i saying so, each
// written when all before it but one were on the disk. It returns the offsets
// of the records and, last, of the end.
func records(n int) (data []byte, offsets []int64) {
	salt := [8]byte{1, 2, 3}
	data = header(salt)
	last := int64(0)
	for i := range n {
		at := int64(len(data))
		offsets = append(offsets, at)
		data = appendFrame(data, salt, int64(i), last, appendCommand(nil, "SET", fmt.Sprint("k", i), "FRM1 in the text"))
		last = at
	}
	return data, append(offsets, int64(len(data)))
}

func TestParseTail(t *testing.T) {
	data, offsets := records(4)
	for n := headerLen; n <= len(data); n++ {
		_, frames, sound, err := parse("j", data[:n])
		if err != nil {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
		whole := 0
		for whole < 4 && offsets[whole+1] <= int64(n) {
			whole++
		}
		if len(frames) != whole || sound != offsets[whole] {
			t.Fatalf("cut to %d bytes: %d records, %d sound bytes; want %d and %d", n, len(frames), sound, whole, offsets[whole])
		}
	}
	// A power failure may leave zeros or anything behind the sound part.
	for name, tail := range map[string]string{"zeros": strings.Repeat("\x00", 5000), "text": "FRM1FRM1FRM1 something"} {
		_, frames, sound, err := parse("j", append(data[:len(data):len(data)], tail...))
		if err != nil || len(frames) != 4 || sound != int64(len(data)) {
			t.Errorf("tail of %s: %d records, %d sound bytes, %v", name, len(frames), sound, err)
		}
	}
}

// TestParseDamage flips every byte of every record. What was safe on the disk
// must not be cut away silently.
func TestParseDamage(t *testing.T) {
	data, offsets := records(5)
	for i := range data {
		bad := append([]byte{}, data...)
		bad[i] ^= 0x10
		_, frames, sound, err := parse("some/journal", bad)
		var fe *FormatError
		var ue *UnsupportedError
		switch {
		case i < headerLen:
			if !errors.As(err, &fe) && !errors.As(err, &ue) {
				t.Errorf("byte %d: %v; want an error", i, err)
			}
		case int64(i) < offsets[3]: // the fifth record says that the fourth's offset is safe
			if !errors.As(err, &fe) || fe.Path != "some/journal" || fe.Offset > int64(i) || int64(i) >= fe.Offset+100 {
				t.Errorf("byte %d: %v; want a FormatError naming file and place", i, err)
			}
		default: // cut within the time a power failure may take
			if err != nil || sound > int64(i) || len(frames) < 3 {
				t.Errorf("byte %d: %d records, %d sound bytes, %v", i, len(frames), sound, err)
			}
		}
	}
	newer := header([8]byte{})
	newer[7] = 9
	copy(newer, fixHeader(newer))
	_, _, _, err := parse("j", newer)
	var ue *UnsupportedError
	if !errors.As(err, &ue) || ue.Version != 9 {
		t.Errorf("journal of version 9: %v", err)
	}
	for _, foreign := range []string{"", "x", "moebot", "GGUF and then some more bytes", strings.Repeat("\x00", 100)} {
		if _, _, _, err := parse("j", []byte(foreign)); err == nil {
			t.Errorf("foreign file %q: no error", foreign)
		}
	}
}

// fixHeader returns the header with its checksum put right.
func fixHeader(h []byte) []byte {
	var salt [8]byte
	copy(salt[:], h[8:])
	v := h[7]
	b := header(salt)
	b[7] = v
	return binary.LittleEndian.AppendUint32(b[:16], crc32.Checksum(b[:16], castagnoli))
}

func FuzzParse(f *testing.F) {
	data, offsets := records(3)
	f.Add(data)
	f.Add(data[:offsets[2]+9])
	f.Fuzz(func(t *testing.T, b []byte) {
		_, frames, sound, err := parse("j", b)
		if err != nil {
			return
		}
		if sound > int64(len(b)) || sound < headerLen {
			t.Fatalf("%d sound bytes of %d", sound, len(b))
		}
		_, moreFrames, sound2, err := parse("j", b[:sound])
		if err != nil || sound2 != sound || len(moreFrames) != len(frames) {
			t.Fatalf("the sound part alone: %v", err)
		}
		for _, fr := range frames {
			parseBatch(fr.commands)
		}
	})
}

func FuzzBatch(f *testing.F) {
	f.Add(appendCommand(appendCommand(nil, "SET", "k", ""), "DEL", "k"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		commands, err := parseBatch(b)
		if err != nil {
			return
		}
		var again []byte
		for _, c := range commands {
			again = appendCommand(again, c...)
		}
		if len(again) > len(b) {
			t.Fatalf("%x reads as %q, which is written %x", b, commands, again)
		}
	})
}

var quietLog = slog.New(slog.DiscardHandler)

func mustOpen(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Log == nil {
		o.Log = quietLog
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestDump checks that a journal written anew gives the same Redis.
func TestDump(t *testing.T) {
	dir := t.TempDir()
	// What a process left that was killed while it wrote the journal anew.
	if err := os.WriteFile(filepath.Join(dir, fileName+".new"), []byte("half a journal"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, Options{Dir: dir})
	c, ctx := s.Client(), t.Context()
	c.Set(ctx, "text", "a\x00\xffb", 0)
	c.Set(ctx, "empty", "", time.Hour)
	for i := range 300 {
		c.RPush(ctx, "list", fmt.Sprint(i%7))
		c.HSet(ctx, "hash", fmt.Sprint("f", i), i)
		c.Eval(ctx, `return redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])`, []string{"zset"}, fmt.Sprint(1.7e12+float64(i)/3), fmt.Sprint("m", i))
		c.SAdd(ctx, "set", fmt.Sprint(i))
	}
	c.PExpire(ctx, "list", 90*time.Minute)
	want, ttl := s.redis.Dump(), s.redis.TTL("list")
	<-s.turn
	before := s.journal.size
	s.turn <- struct{}{}
	if err := s.Erase(ctx, 0); err != nil { // upkeep does it: the journal is its own
		t.Fatal(err)
	}
	<-s.turn
	if s.journal.size >= before {
		t.Errorf("journal of %d bytes became one of %d", before, s.journal.size)
	}
	s.turn <- struct{}{}
	c.Set(ctx, "behind", "the new journal", 0)
	want2 := s.redis.Dump()
	scripts := len(s.scripts)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, Options{Dir: dir})
	if got := s.redis.Dump(); got != want2 || !strings.Contains(want2, want[:100]) {
		t.Errorf("after reopening:\n%s\nwant:\n%s", got, want2)
	}
	if len(s.scripts) != scripts || scripts != 1 {
		t.Errorf("%d scripts known after reopening, want %d", len(s.scripts), scripts)
	}
	if got := s.redis.TTL("list"); got > ttl || got < ttl-time.Minute {
		t.Errorf("time to live %v after reopening, %v before", got, ttl)
	}
	if _, err := os.Stat(s.path + ".new"); err == nil {
		t.Error("the temporary file is still there")
	}
}

// TestClock opens a journal that was last written two hours ago.
func TestClock(t *testing.T) {
	dir := t.TempDir()
	then := time.Now().Add(-2 * time.Hour).UnixMilli()
	var b []byte
	for key, ttl := range map[string]string{"gone": "3600000", "kept": "10800000"} {
		b = appendCommand(b, "SET", key, "v")
		b = appendCommand(b, "PEXPIRE", key, ttl)
	}
	j, err := create(filepath.Join(dir, fileName), then, func(put func([]byte) error) error { return put(b) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	// A key that ran out before it was made again is a new one.
	j.append(then, appendCommand(nil, "SET", "n", "1", "PX", "60000"))
	j.append(then+61000, appendCommand(nil, "INCRBY", "n", "5"))
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, Options{Dir: dir})
	if s.redis.Exists("gone") {
		t.Error("a key with an hour to live is there after two")
	}
	if got := s.redis.TTL("kept"); got < 59*time.Minute || got > time.Hour {
		t.Errorf("three hours to live, two hours ago: %v left", got)
	}
	if v, err := s.redis.Get("n"); v != "5" || err != nil {
		t.Errorf("n = %s, %v; want 5", v, err)
	}
}

// faulty is a file whose operations fail on demand.
type faulty struct {
	file
	writes, syncs atomic.Bool // fail
}

func (f *faulty) WriteAt(b []byte, at int64) (int, error) {
	if f.writes.Load() {
		n, _ := f.file.WriteAt(b[:len(b)/2], at)
		return n, syscall.ENOSPC
	}
	return f.file.WriteAt(b, at)
}

func (f *faulty) Sync() error {
	if f.syncs.Load() {
		return syscall.EIO
	}
	return f.file.Sync()
}

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	f := &faulty{}
	s := mustOpen(t, Options{Dir: dir, wrap: func(in file) file { f.file = in; return f }})
	c, ctx := s.Client(), t.Context()
	c.Set(ctx, "a", "1", 0)
	f.writes.Store(true)
	for range 3 {
		if err := c.Set(ctx, "b", "1", 0).Err(); !errors.Is(err, session.ErrUnavailable) || !strings.Contains(err.Error(), s.Path()) {
			t.Fatalf("write to a full disk = %v; want ErrUnavailable naming the file", err)
		}
	}
	if s.redis.Exists("b") {
		t.Error("what could not be journaled was carried out")
	}
	if v, err := c.Get(ctx, "a").Result(); v != "1" || err != nil {
		t.Errorf("reading meanwhile = %s, %v", v, err)
	}
	f.writes.Store(false)
	if err := c.Set(ctx, "c", "1", 0).Err(); err != nil {
		t.Fatalf("write after there is room again: %v", err)
	}
	s.Close()
	s = mustOpen(t, Options{Dir: dir})
	if got := fmt.Sprint(s.redis.Keys()); got != "[a c]" {
		t.Errorf("keys after reopening = %s; want a and c", got)
	}
}

// TestSyncFails: when the disk refuses, nothing more is taken until all is in
// a new journal.
func TestSyncFails(t *testing.T) {
	dir := t.TempDir()
	f := &faulty{}
	s := mustOpen(t, Options{Dir: dir, SyncEvery: -1, wrap: func(in file) file { f.file = in; return f }})
	c, ctx := s.Client(), t.Context()
	c.Set(ctx, "a", "1", 0)
	f.syncs.Store(true)
	for _, key := range []string{"b", "c"} {
		if err := c.Set(ctx, key, "1", 0).Err(); !errors.Is(err, session.ErrUnavailable) {
			t.Fatalf("write that cannot be synced = %v; want ErrUnavailable", err)
		}
	}
	deadline, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for c.Set(ctx, "d", "1", 0).Err() != nil {
		select {
		case <-deadline.Done():
			t.Fatal("no new journal within ten seconds")
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, Options{Dir: dir})
	if !s.redis.Exists("a") || !s.redis.Exists("d") {
		t.Errorf("keys after reopening = %v; want a and d", s.redis.Keys())
	}
}

// TestCutAndDamaged opens journals on disk.
func TestCutAndDamaged(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir, SyncEvery: -1})
	for i := range 5 {
		s.Client().Set(t.Context(), fmt.Sprint("k", i), "value", 0)
	}
	s.Close()
	path := s.Path()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(path, whole[:len(whole)-3], 0o600)
	var log strings.Builder
	s = mustOpen(t, Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if got := fmt.Sprint(s.redis.Keys()); got != "[k0 k1 k2 k3]" {
		t.Errorf("keys after the cut = %s", got)
	}
	offset := headerLen + (len(whole)-headerLen)/5*4
	if l := log.String(); !strings.Contains(l, "level=WARN") || !strings.Contains(l, path) || !strings.Contains(l, fmt.Sprint("offset=", offset)) {
		t.Errorf("log of the cut does not name file and offset %d: %s", offset, l)
	}
	s.Client().Set(t.Context(), "k5", "value", 0)
	s.Close()
	s = mustOpen(t, Options{Dir: dir})
	if got := fmt.Sprint(s.redis.Keys()); got != "[k0 k1 k2 k3 k5]" {
		t.Errorf("keys after writing behind the cut = %s", got)
	}
	s.Close()

	bad := append([]byte{}, whole...)
	bad[headerLen+40] ^= 1
	os.WriteFile(path, bad, 0o600)
	_, err = Open(t.Context(), Options{Dir: dir, Log: quietLog})
	var fe *FormatError
	if !errors.As(err, &fe) || fe.Offset != headerLen || !strings.Contains(err.Error(), path) {
		t.Errorf("damaged journal: %v; want a FormatError at byte %d naming the file", err, headerLen)
	}
	if after, _ := os.ReadFile(path); string(after) != string(bad) {
		t.Error("opening a damaged journal changed it")
	}
}

// TestErasures: each Erase is served soon after its time, however many come behind it.
func TestErasures(t *testing.T) {
	s := mustOpen(t, Options{Dir: t.TempDir()})
	due := func(want time.Duration) {
		t.Helper()
		<-s.turn
		left := time.Until(s.stale)
		s.turn <- struct{}{}
		if left > want || left < want-time.Minute {
			t.Errorf("the journal is written anew in %v, want %v", left, want)
		}
	}
	due(rewriteFirst)
	for _, after := range []time.Duration{20 * time.Minute, 10 * time.Minute, 30 * time.Minute} {
		if err := s.Erase(t.Context(), after); err != nil {
			t.Fatal(err)
		}
	}
	due(10 * time.Minute)
	if err := s.Erase(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	due(30 * time.Minute)
	<-s.turn
	s.erasures, s.stale = time.Now(), time.Now().Add(-time.Hour)
	s.turn <- struct{}{}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		<-s.turn
		done := s.erasures.IsZero()
		s.turn <- struct{}{}
		if done {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the journal is not written anew")
		}
	}
	due(rewriteEvery)
	s.Close()
	if err := s.Erase(t.Context(), 0); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Erase after Close = %v", err)
	}
}

// TestBase: a journal that is opened again has not grown since it was made but by what was
// appended.
func TestBase(t *testing.T) {
	path := filepath.Join(t.TempDir(), fileName)
	b := appendCommand(nil, "SET", "k", strings.Repeat("v", 1000))
	j, err := create(path, 1, func(put func([]byte) error) error { return errors.Join(put(b), put(b), put(b)) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	made := j.size
	for _, grown := range []int64{0, 1, 2} {
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
		if j, _, _, err = load(path, 1); err != nil {
			t.Fatal(err)
		}
		if j.base != made || (j.size > made) != (grown > 0) {
			t.Errorf("with %d records more it began with %d bytes and has %d, want %d", grown, j.base, j.size, made)
		}
		if err := j.append(2, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
}
