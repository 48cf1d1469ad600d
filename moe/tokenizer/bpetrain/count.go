package bpetrain

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"sync"

	"moebot/moe/tokenizer"
)

// Words says how often each pre-token occurs in a corpus, weights included. Keys
// are bytes as in the text and need not be UTF-8.
type Words map[string]int64

// Total is the number of pre-tokens and of bytes in the corpus counted.
func (w Words) Total() (words, bytes int64) {
	for s, n := range w {
		words += n
		bytes += n * int64(len(s))
	}
	return words, bytes
}

// MaxWeight is the greatest weight of a text.
const MaxWeight = 1 << 20

// Texts are handed to workers in batches and cut to pieces of about this size, bytes.
const batchBytes = 1 << 18

type weighted struct {
	text   string
	weight int
}

// Count splits texts with the pre-tokenizer pre and counts the pre-tokens, each as
// often as its text's weight says (0 to MaxWeight; others panic). It uses workers
// goroutines, at least one, which have ended when it returns; texts is ranged over
// on the caller's goroutine. The error is that of an unknown pre-tokenizer or of ctx.
func Count(ctx context.Context, pre string, workers int, texts iter.Seq2[string, int]) (Words, error) {
	split, err := tokenizer.SplitFunc(pre)
	if err != nil {
		return nil, err
	}
	workers = max(workers, 1)
	batches := make(chan []weighted, workers)
	counters := make([]counter, workers)
	var wg sync.WaitGroup
	for i := range counters {
		wg.Go(func() {
			c := counter{index: map[string]int{}}
			for b := range batches {
				for _, t := range b {
					if ctx.Err() != nil {
						break // the rest is only drained
					}
					split(t.text, func(word string) { c.add(word, int64(t.weight)) })
				}
			}
			counters[i] = c
		})
	}
	func() {
		defer wg.Wait()
		defer close(batches) // even if texts panics
		feed(ctx, batches, texts)
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	words := make(Words)
	for _, c := range counters {
		for word, i := range c.index {
			words[word] += c.counts[i]
		}
	}
	return words, nil
}

// feed sends the texts as batches until they or ctx end.
func feed(ctx context.Context, batches chan<- []weighted, texts iter.Seq2[string, int]) {
	var batch []weighted
	size := 0
	send := func() bool {
		if len(batch) == 0 {
			return true
		}
		select {
		case batches <- batch:
			batch, size = nil, 0
			return true
		case <-ctx.Done():
			return false
		}
	}
	for text, weight := range texts {
		if weight < 0 || weight > MaxWeight {
			panic(fmt.Sprintf("bpetrain: weight %d of a text is not in 0..%d", weight, MaxWeight))
		}
		if weight == 0 {
			continue
		}
		for text != "" {
			var piece string
			piece, text = cut(text, batchBytes)
			batch = append(batch, weighted{piece, weight})
			if size += len(piece); size >= batchBytes && !send() {
				return
			}
		}
	}
	send()
}

// cut divides a text behind the first n bytes or later, where every pre-tokenizer
// that we know divides it too: between an ASCII letter and a blank. (A blank may
// belong to the word behind it, never to that before.) Without such a place the
// text stays whole.
func cut(text string, n int) (head, rest string) {
	for i := max(n, 1); i < len(text); i++ {
		if c := text[i-1] | 0x20; text[i] == ' ' && c >= 'a' && c <= 'z' {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// counter is one worker's share of Words. A count is found with one look-up, and
// only new words are copied, so that no text is kept alive by its words.
type counter struct {
	index  map[string]int
	counts []int64
}

func (c *counter) add(word string, n int64) {
	i, ok := c.index[word]
	if !ok {
		i = len(c.counts)
		c.index[strings.Clone(word)] = i
		c.counts = append(c.counts, 0)
	}
	if c.counts[i] > math.MaxInt64-n {
		panic("bpetrain: too many words to count")
	}
	c.counts[i] += n
}
