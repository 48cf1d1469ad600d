// Package checkpoint keeps the state of a training run in one file that is either
// whole or not there: a JSON header with whatever the trainer must remember, then
// named float32 vectors (weights, moments), then a checksum. A file is written
// beside its place, synced and renamed, so that neither a full disk nor a kill
// leaves a broken one as the newest. What a kill leaves beside it, .checkpoint-NAME,
// the next Save to the same place overwrites. One process at a time may save to a place.
//
//	magic "moeckpt1", header length (uint32), header (JSON), the vectors one
//	after another (float32), CRC-32C of everything before (uint32); little-endian.
package checkpoint

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
)

const magic = "moeckpt1"

// Vector is one named array of the state.
type Vector struct {
	Name string
	Data []float32
}

type header struct {
	State   json.RawMessage `json:"state"`
	Vectors []vectorHeader  `json:"vectors"`
}

type vectorHeader struct {
	Name string `json:"name"`
	Len  int    `json:"len"`
}

// Save writes state (as JSON) and vectors to path.
func Save(path string, state any, vectors []Vector) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("checkpoint %s: %w", path, err)
		}
	}()
	var h header
	if h.State, err = json.Marshal(state); err != nil {
		return err
	}
	for _, v := range vectors {
		h.Vectors = append(h.Vectors, vectorHeader{v.Name, len(v.Data)})
	}
	head, err := json.Marshal(h)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(filepath.Dir(path), ".checkpoint-"+filepath.Base(path)))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<20)
	le := binary.LittleEndian
	w.WriteString(magic)
	w.Write(le.AppendUint32(nil, uint32(len(head))))
	w.Write(head)
	buf := make([]byte, 0, 1<<16)
	for _, v := range vectors {
		for i, x := range v.Data {
			buf = le.AppendUint32(buf, math.Float32bits(x))
			if len(buf) == cap(buf) || i == len(v.Data)-1 {
				w.Write(buf)
				buf = buf[:0]
			}
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if _, err := f.Write(le.AppendUint32(nil, sum.Sum32())); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Load reads a checkpoint, fills state from its header and returns the vectors.
// Any damage is an error that names the file; nothing is returned half.
func Load(path string, state any) ([]Vector, error) {
	f, err := Open(path, state)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	vectors := f.allocate()
	return vectors, f.Read(vectors)
}

// File is an open checkpoint. It is for one goroutine.
type File struct {
	path    string
	file    io.Closer
	vectors io.Reader // at the first
	header  header
}

// Open verifies the checksum of a whole checkpoint, without holding it in memory, and
// fills state from its header.
func Open(path string, state any) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := r.Stat()
	if err == nil {
		var f *File
		if f, err = open(r, info.Size(), state); err == nil {
			f.path, f.file = path, r
			return f, nil
		}
	}
	r.Close()
	return nil, fmt.Errorf("checkpoint %s: %w", path, err)
}

func open(r io.ReaderAt, size int64, state any) (*File, error) {
	le := binary.LittleEndian
	start := make([]byte, len(magic)+4)
	if size < int64(len(start))+4 {
		return nil, errors.New("not a checkpoint of this program")
	}
	if _, err := r.ReadAt(start, 0); err != nil {
		return nil, err
	}
	if string(start[:len(magic)]) != magic {
		return nil, errors.New("not a checkpoint of this program")
	}
	end := make([]byte, 4)
	if _, err := r.ReadAt(end, size-4); err != nil {
		return nil, err
	}
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if _, err := io.Copy(sum, io.NewSectionReader(r, 0, size-4)); err != nil {
		return nil, err
	}
	if got, want := sum.Sum32(), le.Uint32(end); got != want {
		return nil, fmt.Errorf("checksum is %08x, want %08x: the file is damaged or cut short", got, want)
	}
	at := int64(len(start))
	hl := int64(le.Uint32(start[len(magic):]))
	if hl > size-4-at {
		return nil, errors.New("header is longer than the file")
	}
	head := make([]byte, hl)
	if _, err := r.ReadAt(head, at); err != nil {
		return nil, err
	}
	f := &File{}
	if err := json.Unmarshal(head, &f.header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	rest := size - 4 - at - hl
	f.vectors = io.NewSectionReader(r, at+hl, rest)
	for _, v := range f.header.Vectors {
		if v.Len < 0 || int64(v.Len) > rest/4 {
			return nil, fmt.Errorf("vector %s of %d elements does not fit the file", v.Name, v.Len)
		}
		rest -= 4 * int64(v.Len)
	}
	if rest != 0 {
		return nil, fmt.Errorf("%d bytes after the last vector", rest)
	}
	if err := json.Unmarshal(f.header.State, state); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return f, nil
}

func (f *File) allocate() []Vector {
	var out []Vector
	for _, v := range f.header.Vectors {
		out = append(out, Vector{v.Name, make([]float32, v.Len)})
	}
	return out
}

// Read fills vectors, once. They must be those of the file, in its order; if they are
// not, nothing is changed.
func (f *File) Read(vectors []Vector) error {
	have := f.header.Vectors
	if len(have) != len(vectors) {
		return fmt.Errorf("checkpoint %s: it has %d vectors, %d are needed", f.path, len(have), len(vectors))
	}
	for i, v := range vectors {
		if have[i].Name != v.Name || have[i].Len != len(v.Data) {
			return fmt.Errorf("checkpoint %s: its vector %s of %d elements is not the %s of %d that is needed", f.path, have[i].Name, have[i].Len, v.Name, len(v.Data))
		}
	}
	buf := make([]byte, 1<<16)
	for _, v := range vectors {
		for x := v.Data; len(x) > 0; {
			n := min(len(x), len(buf)/4)
			if _, err := io.ReadFull(f.vectors, buf[:4*n]); err != nil {
				return fmt.Errorf("checkpoint %s: %w", f.path, err)
			}
			for i := range n {
				x[i] = math.Float32frombits(binary.LittleEndian.Uint32(buf[4*i:]))
			}
			x = x[n:]
		}
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
