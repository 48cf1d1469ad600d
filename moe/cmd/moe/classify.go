package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"

	"moebot/moe/dataset"
	"moebot/moe/linear"
)

// otherExamples is how many messages of a corpus are learnt from; the rest calibrates.
const otherExamples = 50_000

// longestOther are the bytes of a message of a corpus that is looked at.
const longestOther = 400

// runClassify trains a classifier of texts, or tests one.
func runClassify(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("classify", errOut)
	lines := fs.String("lines", "", "`file` of examples, a line each: + or -, a blank, a text that is of the kind, or is not")
	test := fs.String("test", "", "`file` of such lines to test with; those that come out wrong are printed")
	rate := fs.Float64("rate", 0.0005, "share of the corpus' messages that may come out as of the kind")
	seed := fs.Uint64("seed", 1, "same examples and seed, same classifier")
	path := fs.String("m", "", "classifier `file` to test, instead of training one")
	output := fs.String("o", "", "`file` to write")
	if err := parseArgs(fs, args); err != nil {
		return err
	}
	if (*lines != "") == (*path != "") || (*output != "") != (*lines != "") || *path != "" && (*test == "" || fs.NArg() > 0) || !(*rate >= 0 && *rate < 1) {
		return usageError{errors.New("usage: moe classify -lines FILE -o FILE [-rate SHARE] [-seed N] [-test FILE] [CORPUS.jsonl.zst ...], or moe classify -m FILE -test FILE")}
	}
	if err := canWrite(*output); err != nil {
		return err
	}
	var tests []linear.Example
	if *test != "" {
		var err error
		if tests, err = readExamples(*test); err != nil {
			return err
		}
	}
	var m *linear.Model
	if *path != "" {
		b, err := os.ReadFile(*path)
		if err != nil {
			return err
		}
		if m, err = linear.Parse(b); err != nil {
			return fmt.Errorf("%s: %w", *path, err)
		}
	} else {
		examples, err := readExamples(*lines)
		if err != nil {
			return err
		}
		others, err := userMessages(ctx, fs.Args())
		if err != nil {
			return err
		}
		rand.New(rand.NewPCG(*seed, 1)).Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
		own, learnt := len(examples), min(otherExamples, len(others)/2)
		for _, text := range others[:learnt] {
			examples = append(examples, linear.Example{Text: text})
		}
		m = linear.Train(examples, *seed)
		m.Calibrate(others[learnt:], *rate)
		if err := writeFile(*output, func(f io.Writer) error { _, err := f.Write(m.Bytes()); return err }); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: from %d lines and %d messages; %d more messages have set its threshold\n", *output, own, learnt, len(others)-learnt)
	}
	if *test == "" {
		return nil
	}
	var of, right [2]int
	for _, e := range tests {
		kind := 0
		if e.Is {
			kind = 1
		}
		of[kind]++
		if score := m.Score(e.Text); (score > 0) == e.Is {
			right[kind]++
		} else {
			fmt.Fprintf(out, "%c %5.2f %s\n", "-+"[kind], score, e.Text)
		}
	}
	_, err := fmt.Fprintf(out, "of the kind: %d of %d found; not of the kind: %d of %d taken for it\n", right[1], of[1], of[0]-right[0], of[0])
	return err
}

// readExamples reads lines of + or -, a blank and a text. Empty ones and those that begin
// with # say nothing.
func readExamples(path string) (out []linear.Example, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		kind, text, _ := strings.Cut(line, " ")
		if text = strings.TrimSpace(text); text == "" || kind != "+" && kind != "-" {
			return nil, fmt.Errorf("%s:%d: want + or -, a blank and a text", path, n)
		}
		out = append(out, linear.Example{Text: text, Is: kind == "+"})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no examples", path)
	}
	return out, nil
}

// userMessages are the different messages of people in corpus files.
func userMessages(ctx context.Context, paths []string) (out []string, err error) {
	seen := map[string]bool{}
	for _, path := range paths {
		var bad error
		err := dataset.ReadFile(path, func(d dataset.Document, err error) bool {
			if bad = errors.Join(err, ctx.Err()); bad != nil {
				return false
			}
			for _, m := range d.Messages {
				text := strings.Join(strings.Fields(m.Content), " ")
				if m.Role == "user" && text != "" && len(text) <= longestOther && !seen[text] {
					seen[text] = true
					out = append(out, text)
				}
			}
			return true
		})
		if err := errors.Join(err, bad); err != nil {
			return nil, err
		}
	}
	return out, nil
}
