package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxText bounds the text that moe tokenizer reads, bytes.
const maxText = 256 << 20

// runTokenizer encodes its arguments, or without any all of standard input, to ids on
// one line, or back, or trains a vocabulary.
func runTokenizer(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) error {
	usage := usageError{errors.New("usage: moe tokenizer encode [-m MODEL.gguf] [-special] [TEXT], moe tokenizer decode [-m MODEL.gguf] [IDS], or moe tokenizer train -h; without TEXT or IDS standard input is read")}
	if len(args) == 0 {
		return usage
	}
	if args[0] == "train" {
		return runTokenizerTrain(ctx, args[1:], in, out, errOut)
	}
	fs := newFlags("tokenizer "+args[0], errOut)
	path := fs.String("m", "", modelFlag)
	var special *bool
	switch args[0] {
	case "encode":
		special = fs.Bool("special", false, "special tokens written out in the text are recognised")
	case "decode":
	default:
		return usage
	}
	if err := parseArgs(fs, args[1:]); err != nil {
		return err
	}
	tok, err := openTokenizer(*path)
	if err != nil {
		return err
	}
	text, where := []byte(strings.Join(fs.Args(), " ")), "arguments"
	if fs.NArg() == 0 {
		where = "standard input"
		if text, err = io.ReadAll(io.LimitReader(in, maxText+1)); err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		if len(text) > maxText {
			return fmt.Errorf("standard input has more than %d bytes", maxText)
		}
	}
	w := bufio.NewWriter(out)
	if args[0] == "encode" {
		for i, id := range tok.Encode(string(text), *special) {
			if i > 0 {
				w.WriteByte(' ')
			}
			w.WriteString(strconv.Itoa(int(id)))
		}
		w.WriteByte('\n')
		return w.Flush()
	}
	var ids []int32
	for i, field := range bytes.Fields(text) {
		id, err := strconv.ParseInt(string(field), 10, 32)
		if err != nil || id < 0 || int(id) >= tok.Size() {
			return fmt.Errorf("%s: number %d is %q, want a token id below %d", where, i+1, field, tok.Size())
		}
		ids = append(ids, int32(id))
	}
	w.WriteString(tok.Decode(ids))
	return w.Flush()
}
