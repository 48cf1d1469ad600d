package dataset

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"

	"moebot/moe/tokenizer"
)

// Shard holds the sequences of one source, one after another.
type Shard struct {
	Source     string
	Vocab      int      // size of the vocabulary the ids belong to
	Vocabulary string   // its VocabularyHash; "" of a file that does not say
	Tokens     []uint16 // all sequences
	Reply      []bool   // beside Tokens, see Sequence
	Start      []int    // [sequences+1] border of sequence i is Start[i] : Start[i+1]
}

// VocabularyHash tells vocabularies of one size apart: 16 hexadecimal digits of the
// SHA-256 of the tokens and the merges.
func VocabularyHash(s tokenizer.Spec) string {
	h := sha256.New()
	for _, table := range [][]string{s.Tokens, s.Merges} {
		fmt.Fprintf(h, "%d\n", len(table))
		for _, text := range table {
			fmt.Fprintf(h, "%d:%s", len(text), text)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// CheckVocabulary reports a shard whose ids are not those of a vocabulary of that size
// and hash. An unknown hash, "", fits any.
func (s *Shard) CheckVocabulary(size int, hash string) error {
	if s.Vocab != size {
		return fmt.Errorf("shard %s has a vocabulary of %d, the model one of %d", s.Source, s.Vocab, size)
	}
	if s.Vocabulary != hash && s.Vocabulary != "" && hash != "" {
		return fmt.Errorf("shard %s has another vocabulary of %d tokens (%s) than the one at hand (%s); was it packed with the same -m?", s.Source, size, s.Vocabulary, hash)
	}
	return nil
}

// Sequences is the number of sequences.
func (s *Shard) Sequences() int { return len(s.Start) - 1 }

// Append adds a sequence, unless it is empty. Ids must be below Vocab.
func (s *Shard) Append(q Sequence) {
	if len(q.Tokens) == 0 {
		return
	}
	if len(s.Start) == 0 {
		s.Start = []int{0}
	}
	for i, id := range q.Tokens {
		if id < 0 || int(id) >= s.Vocab {
			panic(fmt.Sprintf("dataset: token %d of a vocabulary of %d", id, s.Vocab))
		}
		s.Tokens = append(s.Tokens, uint16(id))
		s.Reply = append(s.Reply, q.Reply[i])
	}
	s.Start = append(s.Start, len(s.Tokens))
}

const shardMagic = "moeshrd1"

type shardHeader struct {
	Source     string `json:"source"`
	Vocab      int    `json:"vocab"`
	Vocabulary string `json:"vocabulary,omitempty"`
	Sequences  int    `json:"sequences"`
	Tokens     int    `json:"tokens"`
}

// Write stores the shard at path, atomically: magic, header length (uint32), JSON
// header, sequence lengths (uint32), tokens (uint16), reply marks (one byte for
// eight tokens), CRC-32C of all before it. Little-endian.
func (s *Shard) Write(path string) error {
	if s.Vocab > math.MaxUint16+1 {
		return fmt.Errorf("shard %s: vocabulary of %d does not fit 16 bits", path, s.Vocab)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".shard-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<20)
	header, err := json.Marshal(shardHeader{s.Source, s.Vocab, s.Vocabulary, s.Sequences(), len(s.Tokens)})
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	w.WriteString(shardMagic)
	w.Write(le.AppendUint32(nil, uint32(len(header))))
	w.Write(header)
	s.body(w)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("shard %s: %w", path, err)
	}
	if _, err := f.Write(le.AppendUint32(nil, sum.Sum32())); err != nil {
		return fmt.Errorf("shard %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("shard %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}

// body writes what comes after the header; the writer keeps the error.
func (s *Shard) body(w *bufio.Writer) {
	le := binary.LittleEndian
	for i := range s.Sequences() {
		w.Write(le.AppendUint32(w.AvailableBuffer(), uint32(s.Start[i+1]-s.Start[i])))
	}
	for _, t := range s.Tokens {
		w.Write(le.AppendUint16(w.AvailableBuffer(), t))
	}
	for i := 0; i < len(s.Reply); i += 8 {
		var b byte
		for j := i; j < min(i+8, len(s.Reply)); j++ {
			if s.Reply[j] {
				b |= 1 << (j - i)
			}
		}
		w.WriteByte(b)
	}
}

// Sum is a checksum of the sequences: equal ones give the same batches.
func (s *Shard) Sum() uint32 {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	w := bufio.NewWriterSize(sum, 1<<16)
	s.body(w)
	w.Flush() // a hash takes everything
	return sum.Sum32()
}

// ReadShard loads a shard; any damage is an error that names the file.
func ReadShard(path string) (*Shard, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := parseShard(b)
	if err != nil {
		return nil, fmt.Errorf("shard %s: %w", path, err)
	}
	return s, nil
}

func parseShard(b []byte) (*Shard, error) {
	le := binary.LittleEndian
	if len(b) < len(shardMagic)+8 || string(b[:len(shardMagic)]) != shardMagic {
		return nil, errors.New("not a token shard")
	}
	body, sum := b[:len(b)-4], le.Uint32(b[len(b)-4:])
	if got := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)); got != sum {
		return nil, fmt.Errorf("checksum is %08x, want %08x: the file is damaged or cut short", got, sum)
	}
	at := len(shardMagic) + 4
	hl := int(le.Uint32(b[len(shardMagic):]))
	if hl > len(body)-at {
		return nil, errors.New("header is longer than the file")
	}
	var h shardHeader
	if err := json.Unmarshal(body[at:at+hl], &h); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	at += hl
	rest := int64(len(body) - at)
	if h.Sequences < 0 || h.Tokens < 0 || int64(h.Sequences) > rest/4 || int64(h.Tokens) > rest/2 ||
		int64(h.Sequences)*4+int64(h.Tokens)*2+int64(h.Tokens+7)/8 != rest {
		return nil, fmt.Errorf("%d sequences of %d tokens do not fill the file", h.Sequences, h.Tokens)
	}
	s := &Shard{Source: h.Source, Vocab: h.Vocab, Vocabulary: h.Vocabulary, Start: make([]int, 1, h.Sequences+1)}
	total := 0
	for i := range h.Sequences {
		n := int(le.Uint32(body[at:]))
		if n == 0 {
			return nil, fmt.Errorf("sequence %d is empty", i)
		}
		total += n
		s.Start = append(s.Start, total)
		at += 4
	}
	if total != h.Tokens {
		return nil, fmt.Errorf("sequences have %d tokens, the header says %d", total, h.Tokens)
	}
	s.Tokens = make([]uint16, h.Tokens)
	for i := range s.Tokens {
		if s.Tokens[i] = le.Uint16(body[at+2*i:]); int(s.Tokens[i]) >= h.Vocab {
			return nil, fmt.Errorf("token %d is outside the vocabulary of %d", s.Tokens[i], h.Vocab)
		}
	}
	at += 2 * h.Tokens
	s.Reply = make([]bool, h.Tokens)
	for i := range s.Reply {
		s.Reply[i] = body[at+i/8]>>(i%8)&1 == 1
	}
	return s, nil
}
