package train

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// ReadLog reads the lines of a run's log.
func ReadLog(r io.Reader) ([]Record, error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<16), 1<<22)
	var out []Record
	for s.Scan() {
		var rec Record
		if err := json.Unmarshal(s.Bytes(), &rec); err != nil {
			return nil, fmt.Errorf("training log, line %d: %w", len(out)+1, err)
		}
		out = append(out, rec)
	}
	return out, s.Err()
}
