package tokenizer

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// wordEncoder cuts text into words, each of which is merged by itself.
type wordEncoder struct {
	split splitter
	merge encoder // of one word
	cache wordCache
}

func newWordEncoder(split splitter, merge encoder) *wordEncoder {
	return &wordEncoder{split: split, merge: merge, cache: wordCache{seed: maphash.MakeSeed()}}
}

func (e *wordEncoder) append(dst []int32, text string) []int32 {
	e.split(text, func(word string) { dst = e.appendWord(dst, word) })
	return dst
}

func (e *wordEncoder) appendWord(dst []int32, word string) []int32 {
	if len(word) > shortWord {
		return e.merge.append(dst, word)
	}
	slot := e.cache.slot(word)
	if c := slot.Load(); c != nil && c.word == word {
		return append(dst, c.ids...)
	}
	n := len(dst)
	dst = e.merge.append(dst, word)
	slot.Store(&cachedWord{strings.Clone(word), append([]int32(nil), dst[n:]...)})
	return dst
}

// wholeWords are the words that are tokens even where no merges make them.
type wholeWords struct {
	ids   map[string]int32
	merge encoder
}

func (w wholeWords) append(dst []int32, word string) []int32 {
	if id, ok := w.ids[word]; ok {
		return append(dst, id)
	}
	return w.merge.append(dst, word)
}

// findWholeWords lists the tokens by the bytes they stand for.
func findWholeWords(tokens []string, kinds []Kind) map[string]int32 {
	words := make(map[string]int32, len(tokens))
	for i, tok := range tokens {
		if isControl(kinds[i]) || strings.ContainsFunc(tok, func(r rune) bool { return !isByteRune(r) }) {
			continue
		}
		word := unmapBytes(tok)
		if _, ok := words[word]; !ok {
			words[word] = int32(i)
		}
	}
	return words
}

// wordCache remembers the tokens of words, of which the latest takes the slot. Its
// memory is bounded: about 3 MB if all slots are full. English text is mostly words
// seen before; see BenchmarkEncodeEnglish.
type wordCache struct {
	seed  maphash.Seed
	slots [1 << 14]atomic.Pointer[cachedWord]
}

type cachedWord struct {
	word string
	ids  []int32
}

func (c *wordCache) slot(word string) *atomic.Pointer[cachedWord] {
	return &c.slots[maphash.String(c.seed, word)%uint64(len(c.slots))]
}
