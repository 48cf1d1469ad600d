package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// ReadLog reads the lines of a run's log. A run that was killed and resumed repeats
// the steps after its checkpoint: of what was logged twice the later record counts.
// A last line without an end, after others, is one that a kill tore, and left out.
func ReadLog(r io.Reader) ([]Record, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	var out []Record
	for line := 1; ; line++ {
		b, end := in.ReadBytes('\n')
		if end != nil && !errors.Is(end, io.EOF) {
			return nil, end
		}
		if end != nil && (len(b) == 0 || line > 1 && !json.Valid(b)) {
			return out, nil
		}
		var rec Record
		if err := json.Unmarshal(b, &rec); err != nil {
			return nil, fmt.Errorf("training log, line %d: %w", line, err)
		}
		out = append(superseded(out, rec), rec)
	}
}

// openLog opens a log for more lines, without the line that a kill tore.
func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := cutTail(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("training log %s: %w", path, err)
	}
	return f, nil
}

// cutTail cuts from f what is after its last line's end.
func cutTail(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	for at := info.Size(); ; {
		part := make([]byte, min(at, 1<<16))
		at -= int64(len(part))
		if _, err := f.ReadAt(part, at); err != nil {
			return err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 || at == 0 {
			return f.Truncate(at + int64(i+1))
		}
	}
}

// superseded cuts from recs what rec repeats.
func superseded(recs []Record, rec Record) []Record {
	n := len(recs)
	for n > 0 && recs[n-1].Step > rec.Step {
		n--
	}
	recs = recs[:n]
	for ; n > 0 && recs[n-1].Step == rec.Step; n-- {
		if recs[n-1].Event == rec.Event {
			return recs[:n-1]
		}
	}
	return recs
}
