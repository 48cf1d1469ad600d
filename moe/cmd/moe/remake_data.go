package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// phrasebook writes n conversations from the recipe's books.
func (m *remake) phrasebook(to, n, seed string, flags ...string) error {
	books, err := existing(m.recipe, "dialogues", "*.txt")
	if err != nil {
		return err
	}
	return m.run(runPhrasebook, slices.Concat(flags, []string{"-n", n, "-seed", seed, "-o", to}, books)...)
}

// data makes shards of corpus files, the sources in once without what repeats itself.
func (m *remake) data(to string, once, files []string) error {
	return m.run(runData, append([]string{"-limit", remakeLimit, "-without", m.path("held", "shards"),
		"-once", strings.Join(once, ","), "-t", m.threads, "-o", to}, files...)...)
}

// source is the corpus file of a source.
func (m *remake) source(name string) (string, error) {
	files, err := existing(m.corpus, "*", "*.jsonl*")
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(files, func(file string) bool { return sourceName(file) == name })
	if at < 0 {
		return "", fmt.Errorf("%s has no source %q", m.corpus, name)
	}
	return files[at], nil
}

// shards is the directory of token shards that run n reads: that of all runs, or one
// of its own, in which the sources are the same that it does not read otherwise.
func (m *remake) shards(n int) (string, error) {
	more := m.runs[n-1].more
	if !more.reads() {
		return m.path("shards"), nil
	}
	dir := m.path(fmt.Sprintf("shards-%d", n))
	return dir, m.make(dir, func(to string) error {
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		if len(more.Again) > 0 || more.Seed > 0 {
			if err := m.talksAgain(to, more); err != nil {
				return err
			}
		}
		if len(more.Once) > 0 {
			var files []string
			for _, name := range more.Once {
				file, err := m.source(name)
				if err != nil {
					return err
				}
				files = append(files, file)
			}
			if err := m.data(to, more.Once, files); err != nil {
				return err
			}
		}
		others, err := existing(m.path("shards", "*.shard"))
		for _, shard := range others {
			err = errors.Join(err, linkOrCopy(shard, filepath.Join(to, filepath.Base(shard)), os.Link))
		}
		return err
	})
}

// linkOrCopy puts the file from at to as well, unless something is there: by link, or by
// a copy where the file system has no hard links.
func linkOrCopy(from, to string, link func(from, to string) error) error {
	if _, err := os.Lstat(to); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if link(from, to) == nil {
		return nil
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return writeFile(to, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

// talksAgain makes the shard of conversations from the phrasebooks that a run has of its own.
func (m *remake) talksAgain(to string, more remakeMore) error {
	talks := filepath.Join(to, "phrasebook.jsonl")
	var flags []string
	for text, times := range more.Again {
		flags = append(flags, "-again", fmt.Sprintf("%s=%d", text, times))
	}
	if err := m.phrasebook(talks, strconv.Itoa(m.talks), strconv.Itoa(max(1, more.Seed)), flags...); err != nil {
		return err
	}
	return errors.Join(m.run(runData, "-t", m.threads, "-o", to, talks), os.Remove(talks))
}
