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
// 0 it is. It is the highest of its parts, see parts.
func (m *Model) Score(text string) float64 {
	best := math.Inf(-1)
	parts(tokens(text), func(part []string) {
		sum := 0
		for _, f := range features(part) {
			sum += int(m.weights[f])
		}
		best = max(best, float64(m.scale)*float64(sum)+float64(m.bias))
	})
	return best
}

// A sentence of at least shortest words is looked at alone, too, and of a long one each window
// of so many, lest the rest outweigh it; half of each is in the next.
const shortest, window = 3, 16

// parts calls f for the whole of a text, for its sentences if there are several, and for the
// windows of long ones.
func parts(tokens []string, f func([]string)) {
	f(tokens)
	for at := 0; at < len(tokens); {
		n := 0
		for at+n < len(tokens) && !ends(tokens[at+n]) {
			n++
		}
		words := n
		for at+n < len(tokens) && ends(tokens[at+n]) { // a question is one by its mark
			n++
		}
		sentence := tokens[at : at+n]
		if words >= shortest && n < len(tokens) {
			f(sentence)
		}
		for from := 0; words > window && from+window/2 < words; from += window / 2 {
			f(sentence[from:min(from+window, words)])
		}
		at += n
	}
}

var (
	token = regexp.MustCompile(`[a-z0-9']+|[.!?;\n]`)
	plain = strings.NewReplacer("’", "'", "‘", "'")
)

// tokens are the words of a text in small letters, without apostrophes, and what ends its
// sentences.
func tokens(text string) []string {
	out := token.FindAllString(plain.Replace(strings.ToLower(text)), -1)
	for i, t := range out {
		out[i] = strings.ReplaceAll(t, "'", "")
	}
	return out
}

func ends(token string) bool { return len(token) == 1 && strings.Contains(".!?;\n", token) }

// features are the hashes of what tokens have, each once: words and marks, pairs of them that
// stand together or with one between, and runs of four letters with the ends of words marked.
func features(tokens []string) []uint32 {
	out := make([]uint32, 0, 12*len(tokens))
	var last, before string
	for _, t := range tokens {
		if t == "." || t == ";" || t == "\n" {
			continue
		}
		out = append(out, hash(t))
		if last != "" {
			out = append(out, hash(last, " ", t))
		}
		if before != "" {
			out = append(out, hash(before, "  ", t))
		}
		before, last = last, t
		marked := "<" + t + ">"
		for i := 0; i+4 <= len(marked); i++ {
			out = append(out, hash("#", marked[i:i+4]))
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
	if sum := float64(m.scale) + float64(m.bias); math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil, fmt.Errorf("linear: its scale is %v and its bias %v, want finite numbers", m.scale, m.bias)
	}
	for i := range m.weights {
		m.weights[i] = int8(b[headerLen+i])
	}
	return m, nil
}
