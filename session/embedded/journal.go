package embedded

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// The journal is one file: a header, then frames, in little-endian order.
//
//	header: magic "moebotJ" (7 bytes), format version (1 byte),
//	        salt (8 random bytes), CRC-32C of those 16 (4 bytes)
//	frame:  mark "FRM1" (4 bytes), payload length (4), CRC-32C (4), payload
//	payload: clock (8: Unix ms), synced (8: bytes), then commands (commands.go)
//
// A frame's CRC covers salt and payload, so text of a user that looks like a
// frame is none. clock is the time the commands were carried out at. synced is
// how much of the file was known to be on the disk when the frame was written;
// with it, a reader tells a write cut short by a power failure (a bad frame
// beyond every synced of the frames behind it) from damage to what had been
// safe.
const (
	headerLen     = 20
	frameLen      = 12 // before the payload
	payloadLen    = 16 // before the commands
	maxPayload    = 64 << 20
	formatNow     = 1
	magic         = "moebotJ"
	frameMark     = "FRM1"
	journalMode   = 0o600
	directoryMode = 0o700
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// FormatError is a journal that cannot be read.
type FormatError struct {
	// Path is the file, and Offset the place in it, in bytes.
	Path   string
	Offset int64
	// Reason says what is wrong there.
	Reason string
}

// Error names file, place and reason.
func (e *FormatError) Error() string {
	return fmt.Sprintf("journal %s is damaged at byte %d: %s", e.Path, e.Offset, e.Reason)
}

// UnsupportedError is a journal written by a newer program.
type UnsupportedError struct {
	Path    string
	Version int
}

// Error names file and version.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("journal %s has format version %d; this program reads up to %d: it was written by a newer one", e.Path, e.Version, formatNow)
}

// file is what journal needs of an *os.File; tests make it fail.
type file interface {
	WriteAt(b []byte, off int64) (int, error)
	Truncate(int64) error
	Sync() error
	Close() error
}

// journal appends frames to its file. append must not run at the same time
// twice; sync may run beside it.
type journal struct {
	path string
	salt [8]byte
	f    file
	buf  []byte

	mu     sync.Mutex // guards the rest
	size   int64      // bytes of whole frames, header included
	synced int64      // of them on the disk
	base   int64      // size when create had made the file
	broken error      // set once the file's content is not known any more
}

// frame is one record read back.
type frame struct {
	offset   int64
	clock    int64 // Unix ms
	synced   int64 // 0 in what create wrote, and there alone
	commands []byte
}

// header returns the first bytes of a journal with the given salt.
func header(salt [8]byte) []byte {
	b := append([]byte(magic), formatNow)
	b = append(b, salt[:]...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// checksum is the CRC of a frame.
func checksum(salt [8]byte, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(salt[:], castagnoli), castagnoli, payload)
}

// appendFrame appends a frame of encoded commands to b.
func appendFrame(b []byte, salt [8]byte, clock, synced int64, commands []byte) []byte {
	start := len(b)
	b = append(b, frameMark...)
	b = binary.LittleEndian.AppendUint32(b, uint32(payloadLen+len(commands)))
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(clock))
	b = binary.LittleEndian.AppendUint64(b, uint64(synced))
	b = append(b, commands...)
	binary.LittleEndian.PutUint32(b[start+8:], checksum(salt, b[start+frameLen:]))
	return b
}

// parse reads a whole journal. It returns its salt, its frames, which alias
// data, and the length of the sound part: less than len(data) if a write at
// the end was cut short. Damage elsewhere is a *FormatError.
func parse(path string, data []byte) (salt [8]byte, frames []frame, sound int64, err error) {
	if len(data) < headerLen || string(data[:len(magic)]) != magic {
		return salt, nil, 0, &FormatError{path, 0, "it does not begin as a journal of moebot"}
	}
	if crc32.Checksum(data[:16], castagnoli) != binary.LittleEndian.Uint32(data[16:]) {
		return salt, nil, 0, &FormatError{path, 0, "checksum of the header"}
	}
	if v := int(data[7]); v != formatNow {
		return salt, nil, 0, &UnsupportedError{path, v}
	}
	copy(salt[:], data[8:16])
	at := int64(headerLen)
	for at < int64(len(data)) {
		payload, ok := frameAt(salt, data[at:])
		if !ok {
			if safe, ok := syncedBehind(salt, data, at); ok && safe > at {
				return salt, nil, 0, &FormatError{path, at, "a record that was safe on the disk has changed; " +
					"records behind it are whole, so nothing was cut off: restore the file from a copy, or move it away to start empty"}
			}
			return salt, frames, at, nil
		}
		frames = append(frames, frame{at, int64(binary.LittleEndian.Uint64(payload)), int64(binary.LittleEndian.Uint64(payload[8:])), payload[payloadLen:]})
		at += frameLen + int64(len(payload))
	}
	return salt, frames, at, nil
}

// frameAt returns the payload of the frame data begins with, if that is whole.
func frameAt(salt [8]byte, data []byte) ([]byte, bool) {
	if len(data) < frameLen+payloadLen || string(data[:4]) != frameMark {
		return nil, false
	}
	n := int64(binary.LittleEndian.Uint32(data[4:]))
	if n < payloadLen || n > maxPayload || frameLen+n > int64(len(data)) {
		return nil, false
	}
	payload := data[frameLen : frameLen+n]
	return payload, checksum(salt, payload) == binary.LittleEndian.Uint32(data[8:])
}

// syncedBehind looks for whole frames behind a bad one and returns the
// greatest synced of them; false if there is none.
func syncedBehind(salt [8]byte, data []byte, bad int64) (int64, bool) {
	var safe int64
	found := false
	for at := bad + 1; ; {
		i := bytes.Index(data[at:], []byte(frameMark))
		if i < 0 {
			return safe, found
		}
		at += int64(i)
		payload, ok := frameAt(salt, data[at:])
		if !ok {
			at++
			continue
		}
		safe, found = max(safe, int64(binary.LittleEndian.Uint64(payload[8:]))), true
		at += frameLen + int64(len(payload))
	}
}

// create writes a new journal holding the batches of commands that fill puts, each
// batch one frame at clock, in place of whatever is at path: to a temporary
// file first, which takes its place whole and only once it is on the disk. old,
// if not nil, is the open file at path; it is closed on success, and on
// failure it is as good as before or the error says so.
func create(path string, clock int64, fill func(put func(batch []byte) error) error, old *journal) (*journal, error) {
	j := &journal{path: path}
	rand.Read(j.salt[:])
	tmp := path + ".new"
	err := writeFile(tmp, func(w io.Writer) error {
		n, err := w.Write(header(j.salt))
		j.size = int64(n)
		if err != nil || fill == nil {
			return err
		}
		var b []byte
		return fill(func(batch []byte) error {
			if len(batch) > maxPayload-payloadLen {
				return fmt.Errorf("a batch of %d bytes is larger than a record may be", len(batch))
			}
			b = appendFrame(b[:0], j.salt, clock, 0, batch)
			j.size += int64(len(b))
			_, err := w.Write(b)
			return err
		})
	})
	if err != nil {
		os.Remove(tmp)
		return nil, err
	}
	// Not every system renames open files, so both are closed for it.
	if old != nil {
		old.f.Close()
	}
	err = os.Rename(tmp, path)
	if err == nil {
		syncDir(path)
	}
	f, operr := os.OpenFile(path, os.O_RDWR, journalMode)
	switch {
	case err != nil && old != nil && operr == nil: // the old one stays
		old.f = f
		return nil, err
	case operr != nil && old != nil:
		old.fail(operr)
		return nil, errors.Join(err, operr)
	case err != nil || operr != nil:
		if operr == nil {
			f.Close()
		}
		return nil, errors.Join(err, operr)
	}
	j.f, j.synced, j.base = f, j.size, j.size
	return j, nil
}

// writeFile makes a file with what fill writes and brings it onto the disk.
func writeFile(path string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, journalMode)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err = fill(w); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// load opens the journal at path, or makes an empty one, and returns its
// frames. If its end was cut short, cut tells how many bytes were dropped, and
// they are gone from the file.
func load(path string, clock int64) (j *journal, frames []frame, cut int64, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		j, err = create(path, clock, nil, nil)
		return j, nil, 0, err
	}
	if err != nil {
		return nil, nil, 0, err
	}
	j = &journal{path: path}
	var sound int64
	if j.salt, frames, sound, err = parse(path, data); err != nil {
		return nil, nil, 0, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, journalMode)
	if err != nil {
		return nil, nil, 0, err
	}
	cut = int64(len(data)) - sound
	if cut > 0 {
		err = f.Truncate(sound)
	}
	// What a killed process left may be in the kernel's memory only.
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		f.Close()
		return nil, nil, 0, err
	}
	j.f, j.size, j.synced, j.base = f, sound, sound, sound
	for _, rec := range frames {
		if rec.synced > 0 {
			j.base = rec.offset
			break
		}
	}
	return j, frames, cut, nil
}

// append writes one frame. When it returns nil the kernel has the frame, and
// no end of this process can lose it. After an error the frame is not in the
// journal.
func (j *journal) append(clock int64, commands []byte) error {
	j.mu.Lock()
	size, synced, broken := j.size, j.synced, j.broken
	j.mu.Unlock()
	if broken != nil {
		return broken
	}
	if len(commands) > maxPayload-payloadLen {
		return fmt.Errorf("a command of %d bytes is larger than %d", len(commands), maxPayload-payloadLen)
	}
	j.buf = appendFrame(j.buf[:0], j.salt, clock, synced, commands)
	if _, err := j.f.WriteAt(j.buf, size); err != nil {
		// A part may be there; the next frame overwrites it. Should the process
		// end before, it is a tail cut short: take it back if possible.
		j.f.Truncate(size)
		return err
	}
	j.mu.Lock()
	j.size += int64(len(j.buf))
	j.mu.Unlock()
	if cap(j.buf) > 1<<20 {
		j.buf = nil
	}
	return nil
}

// sync brings all frames appended before the call onto the disk. After an
// error the kernel may have dropped them, so that no later success can be
// believed: the journal takes no more.
func (j *journal) sync() error {
	j.mu.Lock()
	size, synced, broken := j.size, j.synced, j.broken
	j.mu.Unlock()
	if broken != nil || size == synced {
		return broken
	}
	if err := j.f.Sync(); err != nil {
		return j.fail(fmt.Errorf("cannot bring it onto the disk: %w", err))
	}
	j.mu.Lock()
	j.synced = max(j.synced, size)
	j.mu.Unlock()
	return nil
}

// fail makes the journal refuse all that follows.
func (j *journal) fail(err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken == nil {
		j.broken = err
	}
	return j.broken
}

// grown reports whether the journal is so much larger than what it began with
// that writing it anew pays.
func (j *journal) grown(least int64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size > least && j.size > 2*j.base
}

// close syncs and closes the file.
func (j *journal) close() error {
	return errors.Join(j.sync(), j.f.Close())
}

// syncDir makes a rename in dir survive a power failure, where that can be
// asked for.
func syncDir(path string) {
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		d.Sync() // not every system can; the rename is whole all the same
		d.Close()
	}
}
