// Package embedded is a Redis inside the process, for machines without one:
// miniredis on a loopback port that only this process has the password of, and
// a journal on disk. session/redisstore works on its Client as on any other
// and knows nothing of it.
//
// Every command that changes something is written to the journal before it is
// carried out, one at a time, so that the order in the journal is the order of
// execution; opening the journal carries them out again. What was acknowledged
// therefore survives any end of the process, kill -9 included. A power failure
// or a crash of the system may take what was acknowledged within the last
// Options.SyncEvery (a tenth of a second), and nothing at all with SyncEvery
// below zero, which waits for the disk each time.
//
// Times to live run by the clock that the journal records, also while no
// process runs. When the journal has grown to more than twice what the data
// needs, it is written anew, with what the Redis holds and nothing else; Erase
// has that done for what people want to be gone. A journal whose end was cut short loses that end,
// which was never acknowledged or not yet safe, and says so in the log; a
// damaged one is an error that names the place, and is left as it is.
//
// Commands are taken from two lists (commands.go), reads and writes; any other
// is refused, as are transactions with writes and scripts that draw random
// numbers, because they could not be repeated from the journal.
//
// A Server is safe for concurrent use. Its directory belongs to one process at
// a time, which a lock file sees to.
package embedded

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"moebot/session"
)

// ErrInUse means that another process has the directory open.
var ErrInUse = errors.New("in use by another process")

// fileName is the journal's name in its directory; the lock file's is this
// with ".lock", that of a new journal in the making with ".new".
const fileName = "sessions.journal"

// Measures of upkeep.
const (
	defaultSync = 100 * time.Millisecond
	tick        = time.Second // how often times to live run down
	compactMin  = 1 << 20     // bytes below which the journal is left to grow
	closeMin    = 64 << 10    // the same when the server ends, so that it starts fast
	retryAfter  = 5 * time.Second
	execTimeout = 30 * time.Second // a starved machine must not break the journal off

	// What expires or is pushed out leaves the journal within about a day; how soon after the
	// start, since it may have waited already; and what is removed at the earliest after so
	// many times the time that writing the journal anew takes.
	rewriteEvery = 24 * time.Hour
	rewriteFirst = time.Hour
	eraseShare   = 50
)

// Options says where the journal is and how safe.
type Options struct {
	// Dir is the directory of the journal. It is made if missing, readable by
	// its owner only.
	Dir string
	// SyncEvery is how often new records are brought onto the disk, and so
	// how much a power failure can take; 100 ms if zero. Below zero each write
	// waits for the disk.
	SyncEvery time.Duration
	// Log gets what happens to the journal; nil means slog.Default().
	Log *slog.Logger

	wrap func(file) file // around the journal's file, for tests
}

// Server is a running Redis with its journal. Open makes one, Close ends it.
type Server struct {
	path   string
	o      Options
	lock   *os.File
	redis  *miniredis.Miniredis
	client *redis.Client
	stop   chan struct{} // closed by Close
	done   chan struct{} // closed when upkeep has ended
	erase  chan chan<- error

	// turn holds a token while nobody writes; taking it is the write lock. A
	// channel, so that waiting ends with a context.
	turn chan struct{}
	// Guarded by turn; the journal pointer is changed by upkeep only.
	journal *journal
	clock   int64             // Unix ms up to which times to live have run down
	scripts map[string]string // digest → source of the scripts the Redis knows
	closed  bool

	stale    time.Time     // when the journal is to be written anew for what is in it no more
	erasures time.Time     // the last time that Erase asked for; zero if that is done
	took     time.Duration // writing it anew the last time
}

// Open starts the Redis and gives it what the journal in o.Dir holds; without
// a journal it starts one. The error is ErrInUse if another process has the
// directory, a *FormatError if the journal is damaged, an *UnsupportedError if
// a newer program wrote it.
func Open(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.SyncEvery == 0 {
		o.SyncEvery = defaultSync
	}
	s := &Server{
		path: filepath.Join(o.Dir, fileName), o: o,
		stop: make(chan struct{}), done: make(chan struct{}), erase: make(chan chan<- error),
		turn: make(chan struct{}, 1), scripts: map[string]string{}, stale: time.Now().Add(rewriteFirst),
	}
	if err := s.open(ctx); err != nil {
		s.free()
		return nil, fmt.Errorf("open embedded session store: %w", err)
	}
	s.turn <- struct{}{}
	go s.upkeep()
	return s, nil
}

// open does the work of Open; what it leaves behind on failure, free frees.
func (s *Server) open(ctx context.Context) error {
	if s.o.Dir == "" {
		return errors.New("no directory given")
	}
	if err := os.MkdirAll(s.o.Dir, directoryMode); err != nil {
		return err
	}
	var err error
	if s.lock, err = os.OpenFile(s.path+".lock", os.O_CREATE|os.O_RDWR, journalMode); err != nil {
		return err
	}
	if ok, err := lock(s.lock); err != nil {
		return fmt.Errorf("lock %s: %w", s.lock.Name(), err)
	} else if !ok {
		return fmt.Errorf("directory %s is %w", s.o.Dir, ErrInUse)
	}
	var b [16]byte
	rand.Read(b[:])
	password := hex.EncodeToString(b[:])
	s.redis = miniredis.NewMiniRedis()
	s.redis.RequireAuth(password)
	if err := s.redis.StartAddr("127.0.0.1:0"); err != nil {
		return fmt.Errorf("listen on loopback: %w", err)
	}
	now := time.Now().UnixMilli()
	j, frames, cut, err := load(s.path, now)
	if err != nil {
		return err
	}
	if s.o.wrap != nil {
		j.f = s.o.wrap(j.f)
	}
	s.journal = j
	if cut > 0 {
		s.o.Log.Warn("the end of the journal was cut short; what it held was never safe and is dropped",
			"file", s.path, "offset", j.size, "bytes", cut)
	}
	if err := s.replay(ctx, password, frames); err != nil {
		return err
	}
	s.advance(now)
	s.client = redis.NewClient(&redis.Options{
		Addr: s.redis.Addr(), Password: password,
		MaxRetries:            -1, // a write sent twice would not match the journal
		ContextTimeoutEnabled: true,
		ReadTimeout:           execTimeout,
		WriteTimeout:          execTimeout,
		PipelinePoolSize:      -1,
		DisableIdentity:       true,
		MaintNotificationsConfig: &maintnotifications.Config{
			Mode: maintnotifications.ModeDisabled,
		},
	})
	s.client.AddHook(hook{s})
	return nil
}

// replay carries out what the journal holds, by the clock it records.
func (s *Server) replay(ctx context.Context, password string, frames []frame) error {
	var out bytes.Buffer
	peer := server.NewPeer(bufio.NewWriter(&out))
	do := func(command []string) string {
		out.Reset()
		s.redis.Server().Dispatch(peer, command)
		peer.Flush()
		if b := out.Bytes(); len(b) > 0 && b[0] == '-' {
			return string(bytes.TrimSpace(b[1:]))
		}
		return ""
	}
	if e := do([]string{"AUTH", password}); e != "" {
		return errors.New(e)
	}
	failed := 0
	for _, f := range frames {
		if err := ctx.Err(); err != nil {
			return err
		}
		commands, err := parseBatch(f.commands)
		if err != nil {
			return &FormatError{s.path, f.offset, err.Error()}
		}
		s.advance(f.clock)
		for _, c := range commands {
			switch e := do(c); {
			case e == "":
				s.learn(c)
			case bytes.HasPrefix([]byte(e), []byte("NOSCRIPT")), bytes.HasPrefix([]byte(e), []byte("ERR unknown command")):
				return &FormatError{s.path, f.offset, "a command cannot be carried out: " + e}
			default:
				failed++ // it failed the first time, too
			}
		}
	}
	s.o.Log.Debug("journal read", "file", s.path, "records", len(frames), "failed", failed)
	return nil
}

// advance lets times to live run down to a time in Unix ms. Going back is
// ignored.
func (s *Server) advance(to int64) {
	if s.clock == 0 {
		s.clock = to
	}
	if to > s.clock {
		s.redis.FastForward(time.Duration(to-s.clock) * time.Millisecond)
		s.clock = to
	}
	s.redis.SetTime(time.UnixMilli(s.clock))
}

// Client returns the client of this Redis. Closing it is allowed and ends its
// use; Close does so, too.
func (s *Server) Client() redis.UniversalClient { return s.client }

// Path returns the journal's file name.
func (s *Server) Path() string { return s.path }

// Durability says in one line, for the log and the page, what is kept where
// and what can be lost.
func (s *Server) Durability() string {
	if s.o.SyncEvery < 0 {
		return "kept in " + s.path + "; survives a crash and a power failure"
	}
	return fmt.Sprintf("kept in %s; survives a crash of the program; a power failure may lose the last %v", s.path, s.o.SyncEvery)
}

// Close ends the Redis. Running commands are finished; later ones get
// session.ErrUnavailable. It returns nil only if all is on the disk. More than
// one call is allowed.
func (s *Server) Close() error {
	<-s.turn
	closed := s.closed
	s.closed = true
	s.turn <- struct{}{}
	if closed {
		return nil
	}
	close(s.stop)
	<-s.done
	if s.journal.grown(closeMin) || !s.erasures.IsZero() {
		if err := s.compact(); err != nil {
			s.o.Log.Warn("journal not shortened", "file", s.path, "err", err)
		}
	}
	if err := s.free(); err != nil {
		return fmt.Errorf("close embedded session store: %w", err)
	}
	return nil
}

// free frees whatever open got.
func (s *Server) free() error {
	var err error
	if s.client != nil {
		s.client.Close()
	}
	if s.redis != nil {
		s.redis.Close()
	}
	if s.journal != nil {
		err = s.journal.close()
	}
	if s.lock != nil {
		s.lock.Close()
	}
	return err
}

// unavailable is an error of the journal in the words of package session.
func (s *Server) unavailable(err error) error {
	return fmt.Errorf("%w: journal %s: %v", session.ErrUnavailable, s.path, err)
}
