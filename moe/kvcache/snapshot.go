package kvcache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"moebot/moe/tensor"
)

// A snapshot is a cache in a file: a header, the tokens, the keys and values of each
// layer, and the CRC-32C of all before it. Numbers are little-endian.
type header struct {
	Magic                        [8]byte
	Version                      uint32
	Of                           [32]byte // what computed it
	Type                         uint32
	Layers, KeyWidth, ValueWidth uint32
	Limit, Tokens                uint32
}

var magic = [8]byte{'m', 'o', 'e', 'k', 'v', '\r', '\n', 0}

const version = 1

// ErrForeign is returned for a snapshot of another model, or of another shape.
var ErrForeign = errors.New("kvcache: the snapshot was made by something else")

// SnapshotBytes is the size of a snapshot.
func (c *Cache) SnapshotBytes() int {
	return binary.Size(header{}) + len(c.Tokens)*(4+c.layers*(c.keyRow()+c.valueRow())) + 4
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Write writes a snapshot; of names what computed it: only Read with the same takes it.
func (c *Cache) Write(w io.Writer, of [32]byte) error {
	sum := crc32.New(castagnoli)
	out := io.MultiWriter(w, sum)
	n := len(c.Tokens)
	h := header{Magic: magic, Of: of, Type: uint32(c.typ), Layers: uint32(c.layers), KeyWidth: uint32(c.keyWidth), ValueWidth: uint32(c.valueWidth),
		Limit: uint32(c.limit), Tokens: uint32(n), Version: version}
	err := errors.Join(binary.Write(out, binary.LittleEndian, h), binary.Write(out, binary.LittleEndian, c.Tokens))
	for i := 0; i < c.layers && err == nil; i++ {
		if _, err = out.Write(c.k[i][:n*c.keyRow()]); err == nil {
			_, err = out.Write(c.v[i][:n*c.valueRow()])
		}
	}
	if err == nil {
		err = binary.Write(w, binary.LittleEndian, sum.Sum32())
	}
	if err != nil {
		return fmt.Errorf("kvcache: writing a snapshot: %w", err)
	}
	return nil
}

// Read fills the cache, which New has made and nothing was appended to, from a snapshot
// of a cache made alike. ids of at least vocab are refused. An error leaves the cache
// empty: ErrForeign, or that of r, or one about a file that is damaged.
func (c *Cache) Read(r io.Reader, of [32]byte, vocab int) error {
	sum := crc32.New(castagnoli)
	in := io.TeeReader(r, sum)
	var h header
	if err := binary.Read(in, binary.LittleEndian, &h); err != nil {
		return fmt.Errorf("kvcache: reading a snapshot's header: %w", err)
	}
	if h.Magic != magic || h.Version != version {
		return errors.New("kvcache: no snapshot, or of another version")
	}
	if h.Of != of || (shape{tensor.Type(h.Type), int(h.Layers), int(h.KeyWidth), int(h.ValueWidth)}) != c.shape || int(h.Limit) != c.limit {
		return ErrForeign
	}
	if int64(h.Tokens) > int64(c.limit) {
		return fmt.Errorf("kvcache: a snapshot of %d tokens, at most %d fit", h.Tokens, c.limit)
	}
	n := int(h.Tokens)
	c.Reserve(n)
	tokens := make([]int32, n)
	err := binary.Read(in, binary.LittleEndian, tokens)
	for i := 0; i < c.layers && err == nil; i++ {
		if _, err = io.ReadFull(in, c.k[i][:n*c.keyRow()]); err == nil {
			_, err = io.ReadFull(in, c.v[i][:n*c.valueRow()])
		}
	}
	got, want := sum.Sum32(), uint32(0)
	if err == nil {
		err = binary.Read(r, binary.LittleEndian, &want)
	}
	if err != nil {
		return fmt.Errorf("kvcache: reading a snapshot: %w", err)
	}
	if got != want {
		return errors.New("kvcache: the snapshot is damaged: its checksum differs")
	}
	for _, id := range tokens {
		if id < 0 || int(id) >= vocab {
			return fmt.Errorf("kvcache: a snapshot of token %d, the vocabulary has %d", id, vocab)
		}
	}
	c.Tokens = append(c.Tokens[:0], tokens...)
	return nil
}
