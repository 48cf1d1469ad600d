package dataset

import (
	"bufio"
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

// maxLine bounds one line of a corpus file, bytes.
const maxLine = 16 << 20

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
		b, err := io.ReadAll(io.LimitReader(r, 1<<30))
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

func readLines(path string, r io.Reader, yield func(Document, error) bool) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<16), maxLine)
	line := 0
	for s.Scan() {
		line++
		if len(s.Bytes()) == 0 {
			continue
		}
		var d Document
		err := json.Unmarshal(s.Bytes(), &d)
		if err == nil {
			err = d.check()
		}
		if err != nil {
			if !yield(Document{}, &LineError{path, line, err}) {
				return nil
			}
			continue
		}
		if !yield(d, nil) {
			return nil
		}
	}
	if err := s.Err(); err != nil {
		return &LineError{path, line + 1, err}
	}
	return nil
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
