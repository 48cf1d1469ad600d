package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"moebot/moe/dataset"
	"moebot/moe/dataset/phrasebook"
)

// runPhrasebook writes conversations from phrasebooks, as moe data reads them.
func runPhrasebook(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("phrasebook", errOut)
	n := fs.Int("n", 1000, "conversations to write")
	seed := fs.Uint64("seed", 1, "same books and seed, same conversations")
	output := fs.String("o", "", "`file` to write, JSON lines")
	again := map[string]int{}
	fs.Func("again", "`text=N`: a conversation in which text is said comes N times; may be given again, the largest N of those that match counts", func(s string) error {
		at := strings.LastIndexByte(s, '=')
		k, err := strconv.Atoi(s[at+1:])
		if at < 1 || err != nil || k < 1 {
			return errors.New("want text=N, N from 1")
		}
		again[s[:at]] = k
		return nil
	})
	show := fs.Bool("show", false, "print the conversations to read instead")
	if err := parseArgs(fs, args); err != nil {
		return err
	}
	if fs.NArg() == 0 || *show == (*output != "") || *show && len(again) > 0 || *n < 1 {
		return usageError{errors.New("usage: moe phrasebook [-n CONVERSATIONS] [-seed N] [-again TEXT=N] (-o FILE.jsonl | -show) BOOK.txt and more")}
	}
	books, err := readBooks(fs.Args())
	if err != nil {
		return err
	}
	w := phrasebook.NewWriter(books, *seed)
	if *show {
		return showConversations(ctx, out, w, *n)
	}
	written := 0
	err = writeFile(*output, func(f io.Writer) error {
		buf := bufio.NewWriter(f)
		enc := json.NewEncoder(buf)
		enc.SetEscapeHTML(false)
		for range *n {
			d := w.Next()
			for range times(d, again) {
				if err := errors.Join(ctx.Err(), enc.Encode(d)); err != nil {
					return err
				}
				written++
			}
		}
		return buf.Flush()
	})
	if err != nil {
		return err
	}
	intents := 0
	for _, b := range books {
		intents += b.Intents()
	}
	fmt.Fprintf(out, "%s: %d conversations from %d intents in %d books\n", *output, written, intents, len(books))
	return nil
}

// times is the largest number of those texts in again that are said in the
// conversation, 1 if none is.
func times(d dataset.Document, again map[string]int) int {
	n := 1
	for text, k := range again {
		if slices.ContainsFunc(d.Messages, func(m dataset.Message) bool { return strings.Contains(m.Content, text) }) {
			n = max(n, k)
		}
	}
	return n
}

func readBooks(paths []string) ([]*phrasebook.Book, error) {
	var books []*phrasebook.Book
	var errs []error
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		b, err := phrasebook.Read(path, f)
		f.Close()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		books = append(books, b)
	}
	return books, errors.Join(errs...)
}

func showConversations(ctx context.Context, out io.Writer, w *phrasebook.Writer, n int) error {
	for range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, m := range w.Next().Messages {
			who := m.Role
			if m.Name != "" {
				who = m.Name
			}
			if _, err := fmt.Fprintf(out, "%s: %s\n", strings.ToUpper(who[:1])+who[1:], m.Content); err != nil {
				return err
			}
		}
		fmt.Fprintln(out)
	}
	return nil
}
