// Package checkpoint keeps the state of a training run in one file that is either
// whole or not there: a JSON header with whatever the trainer must remember, then
// named float32 vectors (weights, moments), then a checksum. A file is written
// beside its place, synced and renamed, so that neither a full disk nor a kill
// leaves a broken one as the newest.
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
	f, err := os.CreateTemp(filepath.Dir(path), ".checkpoint-*")
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
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	vectors, err := parse(b, state)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return vectors, nil
}

func parse(b []byte, state any) ([]Vector, error) {
	le := binary.LittleEndian
	if len(b) < len(magic)+8 || string(b[:len(magic)]) != magic {
		return nil, errors.New("not a checkpoint of this program")
	}
	body, sum := b[:len(b)-4], le.Uint32(b[len(b)-4:])
	if got := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)); got != sum {
		return nil, fmt.Errorf("checksum is %08x, want %08x: the file is damaged or cut short", got, sum)
	}
	at := len(magic) + 4
	hl := int(le.Uint32(b[len(magic):]))
	if hl > len(body)-at {
		return nil, errors.New("header is longer than the file")
	}
	var h header
	if err := json.Unmarshal(body[at:at+hl], &h); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	at += hl
	var out []Vector
	for _, v := range h.Vectors {
		if v.Len < 0 || v.Len > (len(body)-at)/4 {
			return nil, fmt.Errorf("vector %s of %d elements does not fit the file", v.Name, v.Len)
		}
		x := make([]float32, v.Len)
		for i := range x {
			x[i] = math.Float32frombits(le.Uint32(body[at+4*i:]))
		}
		at += 4 * v.Len
		out = append(out, Vector{v.Name, x})
	}
	if at != len(body) {
		return nil, fmt.Errorf("%d bytes after the last vector", len(body)-at)
	}
	if err := json.Unmarshal(h.State, state); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return out, nil
}
