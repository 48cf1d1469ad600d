package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Document is one conversation or one text of a corpus. Exactly one of Messages
// and Text is not empty.
type Document struct {
	Source   string    `json:"source"`
	Kind     string    `json:"kind"`
	Messages []Message `json:"messages,omitempty"`
	Text     string    `json:"text,omitempty"`
}

// Message is one turn of a conversation. Role is system, user or assistant.
type Message struct {
	Role    string `json:"role"`
	Name    string `json:"name,omitempty"`
	Content string `json:"content"`
}

// maxLine bounds one line of a corpus file and maxText a text file, bytes.
const maxLine, maxText = 16 << 20, 1 << 30

// maxWindow bounds the memory that a zstd stream may ask for, bytes.
const maxWindow = 1 << 27

// LineError is a line of a corpus file that is not a document.
type LineError struct {
	File string
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// ReadFile calls yield for each document of path, in order, until it returns
// false. A malformed line is passed as a *LineError with an empty document; it
// ends the reading only if yield says so. Files are .jsonl or .txt (one document
// whole), either with .zst behind.
func ReadFile(path string, yield func(Document, error) bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	name := path
	if strings.HasSuffix(name, ".zst") {
		name = strings.TrimSuffix(name, ".zst")
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer z.Close()
		r = z
	}
	switch filepath.Ext(name) {
	case ".txt":
		b, err := ReadText(r, maxText)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		d := Document{Source: filepath.Base(path), Text: string(b)}
		if strings.TrimSpace(d.Text) == "" {
			yield(Document{}, &LineError{path, 1, errors.New("no text")})
			return nil
		}
		yield(d, nil)
		return nil
	case ".jsonl":
		return readLines(path, r, yield)
	}
	return fmt.Errorf("%s: unknown kind of corpus file, want .jsonl or .txt, either with .zst behind", path)
}

// ReadText reads all of a text; one of more bytes than limit is an error.
func ReadText(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("more than %d MiB of text, split it", limit>>20)
	}
	return b, err
}

func readLines(path string, r io.Reader, yield func(Document, error) bool) error {
	in := bufio.NewReaderSize(r, 1<<16)
	var buf []byte
	for line := 1; ; line++ {
		b, err := readLine(in, buf[:0])
		if errors.Is(err, io.EOF) && len(b) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errLongLine) {
			return fmt.Errorf("%s:%d: %w", path, line, err)
		}
		buf = b
		if b = bytes.TrimSpace(b); len(b) == 0 && !errors.Is(err, errLongLine) {
			continue
		}
		var d Document
		if !errors.Is(err, errLongLine) {
			if err = json.Unmarshal(b, &d); err == nil {
				err = d.check()
			}
		}
		if err != nil {
			d, err = Document{}, &LineError{path, line, err}
		}
		if !yield(d, err) {
			return nil
		}
	}
}

var errLongLine = fmt.Errorf("the line has more than %d MiB", maxLine>>20)

// readLine appends the next line to buf. Of a line that is too long nothing is kept and
// the next call goes on after it. The error of the last line, if it has no end, is io.EOF.
func readLine(r *bufio.Reader, buf []byte) ([]byte, error) {
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if long = long || len(buf)+len(part) > maxLine; !long {
			buf = append(buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case long && (err == nil || errors.Is(err, io.EOF)):
			return buf[:0], errLongLine
		default:
			return buf, err
		}
	}
}

func (d Document) check() error {
	if (len(d.Messages) == 0) == (d.Text == "") {
		return errors.New(`want either "messages" or "text"`)
	}
	for i, m := range d.Messages {
		switch m.Role {
		case "system", "user", "assistant":
		default:
			return fmt.Errorf("message %d has role %q, want system, user or assistant", i, m.Role)
		}
	}
	return nil
}
