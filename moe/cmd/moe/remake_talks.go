package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// phrasebook writes n conversations from the recipe's books.
func (m *remake) phrasebook(to, n, seed string, flags ...string) error {
	books, err := existing(m.recipe, "dialogues", "*.txt")
	if err != nil {
		return err
	}
	return m.run(runPhrasebook, slices.Concat(flags, []string{"-n", n, "-seed", seed, "-o", to}, books)...)
}

// shards is the directory of token shards that run n reads: that of all runs, or one
// with some conversations of the phrasebooks several times.
func (m *remake) shards(n int) (string, error) {
	again := m.runs[n-1].again
	if again == nil {
		return m.path("shards"), nil
	}
	dir := m.path(fmt.Sprintf("shards-%d", n))
	return dir, m.make(dir, func(to string) error {
		talks := filepath.Join(to, "phrasebook.jsonl")
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		var flags []string
		for text, times := range again {
			flags = append(flags, "-again", fmt.Sprintf("%s=%d", text, times))
		}
		if err := m.phrasebook(talks, strconv.Itoa(m.talks), "1", flags...); err != nil {
			return err
		}
		if err := m.run(runData, "-t", m.threads, "-o", to, talks); err != nil {
			return err
		}
		others, err := existing(m.path("shards", "*.shard"))
		for _, shard := range others {
			if filepath.Base(shard) != "phrasebook.shard" {
				err = errors.Join(err, os.Link(shard, filepath.Join(to, filepath.Base(shard))))
			}
		}
		return errors.Join(err, os.Remove(talks))
	})
}
