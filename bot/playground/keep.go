package playground

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"moebot/bot/discordtest"
)

// What of a local Discord is kept in its file.
const (
	keptMessages = 500      // of a channel
	keptFiles    = 8 << 20  // bytes of attached files
	keptLargest  = 64 << 20 // bytes of the file
	keepEvery    = 500 * time.Millisecond
)

// Keeper writes a local Discord into a file whenever it has changed, and reads it again
// at the next start. The file is replaced as a whole, so that it is never half written.
// Its methods may be called from any goroutine.
type Keeper struct {
	discord *discordtest.Server
	path    string
	log     *slog.Logger

	mu     sync.Mutex
	reset  map[string]mark   // by channel: what is not kept any more
	forgot map[string]string // by person: the newest of the messages that are not

	messages int // of a channel, while the file has room for as many; of the writing goroutine
	wake     chan struct{}
	stop     context.CancelFunc
	done     chan struct{}
}

// mark is the newest message of a channel that is not kept: since its last Reset, and
// once Undo has taken that back.
type mark struct{ last, before string }

// Keep opens the local Discord kept in a file, or furnishes a new one with Seed where
// there is no file; restored says which. A file that cannot be understood is set aside,
// with a line in the log, and a new Discord is begun. The Keeper writes until Close,
// which goes before the Discord's.
func Keep(path string, o discordtest.Options, log *slog.Logger) (d *discordtest.Server, k *Keeper, restored bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, false, fmt.Errorf("playground: %w", err)
	}
	b, err := readKept(path)
	switch {
	case err == nil:
		if d, err = discordtest.Restore(o, b); err == nil {
			restored = true
			break
		}
		fallthrough
	case errors.Is(err, errTooLarge):
		aside := path + ".broken"
		log.Error("the local Discord's file cannot be understood; it is set aside, and a new Discord is begun", "file", aside, "err", err)
		if err := os.Rename(path, aside); err != nil {
			return nil, nil, false, fmt.Errorf("playground: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, nil, false, fmt.Errorf("playground: %w", err)
	}
	if d == nil {
		d = discordtest.New(o)
		Seed(d)
	}
	ctx, cancel := context.WithCancel(context.Background())
	k = &Keeper{discord: d, path: path, log: log, reset: map[string]mark{}, forgot: map[string]string{}, messages: keptMessages, wake: make(chan struct{}, 1), stop: cancel, done: make(chan struct{})}
	go k.run(ctx)
	return d, k, restored, nil
}

var errTooLarge = errors.New("it is too large for such a file")

func readKept(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > keptLargest {
		return nil, errTooLarge
	}
	return os.ReadFile(path)
}

// Close writes the file a last time.
func (k *Keeper) Close() {
	k.stop()
	<-k.done
}

// Reset leaves what is in a channel now out of the file: the bot has forgotten it. The
// page shows it until the next start, as Discord would. Undo takes that back, but not
// what an earlier Reset did, unless nothing was said to the bot since.
func (k *Keeper) Reset(channel string, said bool) {
	newest := k.newest(channel)
	k.mu.Lock()
	m := k.reset[channel]
	if said {
		m.before = m.last
	}
	m.last = newest
	k.reset[channel] = m
	k.mu.Unlock()
	k.hurry()
}

// Undo takes the last Reset back, once the bot remembers again what it forgot then.
func (k *Keeper) Undo(channel string) {
	k.mu.Lock()
	m := k.reset[channel]
	k.reset[channel] = mark{m.before, m.before}
	k.mu.Unlock()
	k.hurry()
}

// Forget leaves what a person has said until now, and what the bot said to them, out of
// the file.
func (k *Keeper) Forget(person string) {
	newest := ""
	for _, c := range k.discord.Channels() {
		if n := k.newest(c.ID); discordtest.Before(newest, n) {
			newest = n
		}
	}
	k.mu.Lock()
	k.forgot[person] = newest
	k.mu.Unlock()
	k.hurry()
}

func (k *Keeper) newest(channel string) string {
	if m := k.discord.MessagesBefore(channel, "", 1); len(m) > 0 {
		return m[0].ID
	}
	return ""
}

func (k *Keeper) hurry() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run writes when it is woken, and looks every keepEvery whether anything has changed.
func (k *Keeper) run(ctx context.Context) {
	defer close(k.done)
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	written, failed := uint64(0), false
	write := func() {
		at := k.discord.Position()
		err := k.write()
		if err != nil && !failed {
			k.log.Error("the local Discord could not be written down", "file", k.path, "err", err)
		}
		if failed = err != nil; !failed {
			written = at
		}
	}
	write()
	for {
		select {
		case <-ctx.Done():
			write()
			return
		case <-k.wake:
			write()
		case <-tick.C:
			if k.discord.Position() != written {
				write()
			}
		}
	}
}

// write replaces the file.
func (k *Keeper) write() error {
	b, err := k.snapshot(keptLargest)
	if err != nil {
		return err
	}
	tmp := k.path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(tmp)
		return err
	}
	if err := os.Rename(tmp, k.path); err != nil {
		return err
	}
	if dir, err := os.Open(filepath.Dir(k.path)); err == nil { // a rename is durable with its folder
		dir.Sync()
		dir.Close()
	}
	return nil
}

// snapshot is what the file is to hold: fewer messages where it would get larger than
// so many bytes.
func (k *Keeper) snapshot(most int) ([]byte, error) {
	for {
		b, err := k.discord.Snapshot(discordtest.Keep{Messages: k.messages, Bytes: keptFiles, Message: k.kept()})
		if err != nil || len(b) <= most {
			return b, err
		}
		if k.messages == 1 {
			return nil, errTooLarge
		}
		k.messages /= 2
	}
}

// kept tells which messages are kept.
func (k *Keeper) kept() func(discordtest.Message) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.reset)+len(k.forgot) == 0 {
		return nil
	}
	before := func(id, newest string) bool { return newest != "" && !discordtest.Before(newest, id) }
	reset, forgot := maps.Clone(k.reset), maps.Clone(k.forgot)
	since := ""                 // nobody was forgotten later
	others := map[string]bool{} // ids of what is not a forgotten person's
	for _, newest := range forgot {
		if discordtest.Before(since, newest) {
			since = newest
		}
	}
	if since != "" {
		for _, c := range k.discord.Channels() {
			for _, m := range k.discord.Messages(c.ID) {
				others[m.ID] = !before(m.ID, forgot[m.Author.ID])
			}
		}
	}
	bot := k.discord.Bot().ID
	return func(m discordtest.Message) bool {
		if before(m.ID, reset[m.ChannelID].last) || before(m.ID, forgot[m.Author.ID]) {
			return false
		}
		if m.Interaction != nil {
			return !before(m.Interaction.ID, forgot[m.Interaction.UserID])
		}
		// Of an answer that may be to a forgotten person nothing stays: the question is
		// theirs or gone, or not known, as of the later parts of an answer made again.
		q := question(m)
		return m.Author.ID != bot || q == "" || !before(q, since) || others[q]
	}
}

// question is the id of what a message of the bot's answers: it replies to it, or, where
// an answer has several messages, it begins their nonces; "" if it answers nothing. Of an
// answer made again the nonces begin with the id of the press of the button.
func question(m discordtest.Message) string {
	if m.ReplyTo != "" {
		return m.ReplyTo
	}
	if i := strings.IndexAny(m.Nonce, "-+"); i > 0 {
		return m.Nonce[:i]
	}
	return ""
}
