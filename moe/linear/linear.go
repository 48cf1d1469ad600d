// Package linear tells texts of one kind from all others: logistic regression over hashed
// n-grams of words and letters (feature hashing: Weinberger et al. 2009, arXiv 0902.2206).
// It is small and quick, and knows what its examples say and no more.
package linear

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"regexp"
	"slices"
	"strings"
)

// bits is the size of the table of weights: features whose hashes share so many bits share
// one.
const bits = 17

// Model is a trained classifier. It is safe for concurrent use.
type Model struct {
	weights []int8  // of features, in units of scale
	scale   float32 // log-odds
	bias    float32 // log-odds of a text without features, less the threshold
}

// Score is by how much a text is of the kind, in log-odds above the model's threshold: above
// 0 it is. It is that of the whole text or of its sentence that has most.
func (m *Model) Score(text string) float64 {
	best := m.sum(features(text))
	if parts := sentences.Split(text, -1); len(parts) > 1 {
		for _, part := range parts {
			if len(strings.Fields(part)) >= shortest {
				best = max(best, m.sum(features(part)))
			}
		}
	}
	return float64(m.scale)*float64(best) + float64(m.bias)
}

// shortest is how many words a sentence has that is looked at alone.
const shortest = 3

func (m *Model) sum(features []uint32) (s int) {
	for _, f := range features {
		s += int(m.weights[f])
	}
	return s
}

var (
	sentences = regexp.MustCompile(`[.!?;\n]+`)
	words     = regexp.MustCompile(`[a-z0-9']+|[?!]`)
	plain     = strings.NewReplacer("’", "'", "‘", "'")
)

// features are the hashes of what a text has, each once: its words, pairs of them that stand
// together or with one between, and runs of four letters with the ends of words marked.
func features(text string) []uint32 {
	w := words.FindAllString(plain.Replace(strings.ToLower(text)), -1)
	out := make([]uint32, 0, 12*len(w))
	for i := range w {
		w[i] = strings.ReplaceAll(w[i], "'", "")
	}
	for i, word := range w {
		out = append(out, hash(word))
		if i+1 < len(w) {
			out = append(out, hash(word, " ", w[i+1]))
		}
		if i+2 < len(w) {
			out = append(out, hash(word, "  ", w[i+2]))
		}
		marked := "<" + word + ">"
		for j := 0; j+4 <= len(marked); j++ {
			out = append(out, hash("#", marked[j:j+4]))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// hash is FNV-1a of the parts one after the other, cut to the table.
func hash(parts ...string) uint32 {
	h := uint32(2166136261)
	for _, p := range parts {
		for i := range len(p) {
			h = (h ^ uint32(p[i])) * 16777619
		}
	}
	return (h ^ h>>bits) & (1<<bits - 1)
}

// A file is: magic "moebotL" and version (1 byte), scale and bias (float32), the weights (one
// byte each), and the CRC-32 (IEEE) of all before it; little-endian.
const (
	magic     = "moebotL\x01"
	headerLen = len(magic) + 8
	fileLen   = headerLen + 1<<bits + 4
)

// Bytes is the model as a file, which Parse reads.
func (m *Model) Bytes() []byte {
	b := []byte(magic)
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(m.scale))
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(m.bias))
	for _, w := range m.weights {
		b = append(b, byte(w))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// Parse reads a file of Bytes. The error says what is wrong with it.
func Parse(b []byte) (*Model, error) {
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return nil, errors.New("linear: it does not begin as a classifier of this version")
	}
	if len(b) != fileLen {
		return nil, fmt.Errorf("linear: %d bytes, want %d", len(b), fileLen)
	}
	if crc32.ChecksumIEEE(b[:fileLen-4]) != binary.LittleEndian.Uint32(b[fileLen-4:]) {
		return nil, errors.New("linear: its checksum differs: it is damaged")
	}
	m := &Model{weights: make([]int8, 1<<bits)}
	m.scale = math.Float32frombits(binary.LittleEndian.Uint32(b[len(magic):]))
	m.bias = math.Float32frombits(binary.LittleEndian.Uint32(b[len(magic)+4:]))
	for i := range m.weights {
		m.weights[i] = int8(b[headerLen+i])
	}
	return m, nil
}
