package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// blank is how SentencePiece writes a blank.
const blank = "\u2581"

// spm merges characters, the pair first whose joint token has the highest score,
// leftmost among equals.
type spm struct {
	ids     map[string]int32 // tokens that merging may give
	scores  []float32        // [vocabulary]
	byteIDs [256]int32       // tokens of single bytes, -1 for none
	longest int              // of ids, bytes
	// cuts is set if no token has a blank after anything but blanks. Then no merge
	// crosses the place before a blank, and what is between can be merged by itself.
	cuts bool
}

func newSPM(s Spec, kinds []Kind, ids map[string]int32) *spm {
	m := &spm{ids: make(map[string]int32, len(ids)), scores: s.Scores, cuts: true}
	for text, id := range ids {
		if !isControl(kinds[id]) {
			if strings.Contains(strings.TrimLeft(text, blank), blank) {
				m.cuts = false
			}
			m.ids[text] = id
			m.longest = max(m.longest, len(text))
		}
	}
	unknown := int32(-1)
	for i, k := range kinds {
		if k == Unknown {
			unknown = int32(i)
			break
		}
	}
	for b := range m.byteIDs {
		m.byteIDs[b] = unknown
		for _, text := range []string{fmt.Sprintf("<0x%02X>", b), string([]byte{byte(b)})} {
			if id, ok := m.ids[text]; ok {
				m.byteIDs[b] = id
				break
			}
		}
	}
	return m
}

// split writes blanks as SentencePiece does, and cuts text before them if that is safe.
func (m *spm) split(text string, emit func(string)) {
	text = strings.ReplaceAll(text, " ", blank)
	start := 0
	for at := 0; m.cuts && at < len(text); {
		n := strings.Index(text[at:], blank)
		if n < 0 {
			break
		}
		if at += n; n > 0 && at > start {
			emit(text[start:at])
			start = at
		}
		at += len(blank)
	}
	if start < len(text) {
		emit(text[start:])
	}
}

// piece is a symbol: a part of the text, in a list. A merged one has no bytes.
type piece struct{ start, end, prev, next int32 }

// joint is a pair of symbols that form a token; stale if they no longer span size bytes.
type joint struct {
	score             float32
	left, right, size int32
}

func (j joint) before(k joint) bool {
	return j.score > k.score || j.score == k.score && j.left < k.left
}

func (m *spm) append(dst []int32, text string) []int32 {
	if text == "" {
		return dst
	}
	pieces := make([]piece, 0, len(text))
	for at := 0; at < len(text); {
		_, size := utf8.DecodeRuneInString(text[at:])
		n := int32(len(pieces))
		pieces = append(pieces, piece{int32(at), int32(at + size), n - 1, n + 1})
		at += size
	}
	pieces[len(pieces)-1].next = -1
	queue := heap[joint]{make([]joint, 0, len(pieces)), joint.before}
	try := func(left, right int32) {
		if left < 0 || right < 0 {
			return
		}
		start, end := pieces[left].start, pieces[right].end
		if int(end-start) > m.longest {
			return
		}
		if id, ok := m.ids[text[start:end]]; ok {
			queue.push(joint{m.scores[id], left, right, end - start})
		}
	}
	for i := range int32(len(pieces) - 1) {
		try(i, i+1)
	}
	for len(queue.items) > 0 {
		j := queue.pop()
		l, r := &pieces[j.left], &pieces[j.right]
		if l.start == l.end || r.start == r.end || l.end-l.start+r.end-r.start != j.size {
			continue
		}
		l.end, l.next = r.end, r.next
		r.start = r.end
		if l.next >= 0 {
			pieces[l.next].prev = j.left
		}
		try(l.prev, j.left)
		try(j.left, l.next)
	}
	for i := int32(0); i >= 0; i = pieces[i].next {
		dst = m.emit(dst, text[pieces[i].start:pieces[i].end])
	}
	return dst
}

// emit adds the token of a symbol, or those of its bytes if it is none.
func (m *spm) emit(dst []int32, symbol string) []int32 {
	if id, ok := m.ids[symbol]; ok {
		return append(dst, id)
	}
	for i := range len(symbol) {
		if id := m.byteIDs[symbol[i]]; id >= 0 {
			dst = append(dst, id)
		}
	}
	return dst
}

// unblank is what an ordinary token stands for.
func unblank(tok string) string { return strings.ReplaceAll(tok, blank, " ") }
