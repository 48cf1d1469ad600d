package engine

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"moebot/moe/kernel"
	"moebot/moe/kvcache"
)

// Snapshots has an engine write its conversations' keys and values to files when it is
// closed, so that the next one need not read them again. The files hold what was said,
// as tokens: they are readable by the user alone, and Forget deletes them. One engine
// at a time may use a directory.
type Snapshots struct {
	Dir    string        // made if it is not there; "" keeps none
	Model  [32]byte      // of which the keys and values are: gguf.File.Fingerprint
	Bytes  int64         // of all files at most; those unused for longest are left out
	Files  int           // at most; 0 is 1024
	MaxAge time.Duration // files of conversations unused for longer are deleted; 0 is 30 days
}

// snapshots are the files of an engine.
type snapshots struct {
	Snapshots
	log   *slog.Logger
	of    [32]byte // model, and how it is computed
	vocab int

	// The loop alone uses it; at its end, Forget, of which there may be several at a time.
	mu      sync.Mutex
	waiting map[string]bool // names of files that were there at the start and nobody asked for yet
}

const snapshotSuffix = ".kv"

// openSnapshots looks what is there and deletes what is too old.
func openSnapshots(o Snapshots, vocab int, log *slog.Logger) (*snapshots, error) {
	if o.Files <= 0 {
		o.Files = 1024
	}
	if o.MaxAge <= 0 {
		o.MaxAge = 30 * 24 * time.Hour
	}
	// what other instructions compute differs in the last bits
	s := &snapshots{Snapshots: o, log: log, of: sha256.Sum256(append(o.Model[:], kernel.Instructions()...)), vocab: vocab, waiting: map[string]bool{}}
	if o.Dir == "" {
		return s, nil
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("engine: snapshots: %w", err)
	}
	for _, f := range s.files() {
		if strings.HasSuffix(f.name, ".tmp") || time.Since(f.used) > o.MaxAge {
			s.remove(f.name)
		} else {
			s.waiting[f.name] = true
		}
	}
	return s, nil
}

// snapshotFile is one that is there.
type snapshotFile struct {
	name string
	size int64
	used time.Time
}

// files are ours of the directory, those left by a write that was broken off too.
func (s *snapshots) files() (out []snapshotFile) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("the snapshots of conversations cannot be listed", "dir", s.Dir, "err", err)
	}
	for _, e := range entries {
		if i, err := e.Info(); err == nil && i.Mode().IsRegular() && strings.Contains(e.Name(), snapshotSuffix) {
			out = append(out, snapshotFile{e.Name(), i.Size(), i.ModTime()})
		}
	}
	return out
}

func (s *snapshots) remove(name string) {
	if err := os.Remove(filepath.Join(s.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Error("a snapshot of a conversation cannot be deleted", "file", filepath.Join(s.Dir, name), "err", err)
	}
}

// name is the file of a conversation. It does not tell which.
func (s *snapshots) name(key string) string {
	h := sha256.Sum256([]byte(key))
	return hex.EncodeToString(h[:16]) + snapshotSuffix
}

// take returns what was kept of a conversation when the engine before this one was
// closed, in a cache from empty, or nil. A file is read once. One that is of no use is
// ignored and deleted.
func (s *snapshots) take(key string, empty func() *kvcache.Cache) *kvcache.Cache {
	if key == "" {
		return nil
	}
	name := s.name(key)
	if !s.waiting[name] {
		return nil
	}
	delete(s.waiting, name)
	c := empty()
	f, err := os.Open(filepath.Join(s.Dir, name))
	if err == nil {
		err = c.Read(bufio.NewReaderSize(f, 1<<16), s.of, s.vocab)
		f.Close()
	}
	if err != nil {
		s.log.Warn("a snapshot of a conversation is of no use", "file", name, "err", err)
		s.remove(name)
		return nil
	}
	return c
}

// keep writes the conversations, those used last first, as many as there is room for.
// The files that there is no room for beside them are deleted before.
func (s *snapshots) keep(all conversations) {
	if s.Dir == "" {
		return
	}
	slices.SortStableFunc(all, func(a, b *conversation) int { return b.used.Compare(a.used) })
	room, files, written := s.Bytes, s.Files, 0
	var chosen conversations
	for _, c := range all {
		size := int64(c.cache.SnapshotBytes())
		if c.key == "" || c.plan != "" || chosen.find(c.key) != nil || len(c.cache.Tokens) == 0 || files == 0 || size > room {
			continue
		}
		chosen = append(chosen, c)
		room, files = room-size, files-1
	}
	old := s.files()
	slices.SortFunc(old, func(a, b snapshotFile) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.name, b.name)) })
	for _, f := range old {
		if files == 0 || f.size > room || !s.waiting[f.name] {
			s.remove(f.name) // also what was read of it, and will be written anew or has been forgotten for want of memory since
			continue
		}
		room, files = room-f.size, files-1
	}
	for _, c := range chosen {
		if err := s.write(s.name(c.key), c); err != nil {
			s.log.Error("a conversation's snapshot cannot be written", "err", err)
			break
		}
		written++
	}
	s.log.Info("snapshots of conversations written", "files", written, "dir", s.Dir)
}

// write puts a file in place as a whole or not at all.
func (s *snapshots) write(name string, c *conversation) error {
	f, err := os.CreateTemp(s.Dir, name+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	err = errors.Join(c.cache.Write(w, s.of), w.Flush(), f.Close(), os.Chtimes(f.Name(), c.used, c.used))
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.Dir, name))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// forget deletes the file of a conversation, or with "" all.
func (s *snapshots) forget(key string) {
	if s.Dir == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key != "" {
		delete(s.waiting, s.name(key))
		s.remove(s.name(key))
		return
	}
	clear(s.waiting)
	for _, f := range s.files() {
		s.remove(f.name)
	}
}

// Forget drops what the engine has kept of a conversation, in memory and on disk; of
// all conversations if the key is "". What is being answered, or waits to be, is dropped
// at its end. When it returns, nothing is left of what is idle.
func (e *Engine) Forget(key string) {
	done := make(chan struct{})
	select {
	case e.forget <- forgetting{key, done}:
		<-done
	case <-e.done:
		e.snapshots.forget(key)
	}
}

// forgetting is a call of Forget on its way.
type forgetting struct {
	key  string
	done chan struct{}
}

// drop does what Forget asks for.
func (s *stepper) drop(f forgetting) {
	s.takeIn() // what was asked for before
	for _, c := range slices.Clone(s.all) {
		switch {
		case f.key != "" && c.key != f.key:
		case c.seq == nil:
			s.all.drop(c)
		default:
			c.key = "" // finish drops it
		}
	}
	for _, q := range s.waiting {
		if f.key == "" || q.req.Key == f.key {
			q.req.Key, q.warm = "", nil
		}
	}
	s.snapshots.forget(f.key)
	s.counters.kept(len(s.all), s.all.bytes())
	close(f.done)
}
