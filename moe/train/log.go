package train

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// ReadLog reads the lines of a run's log. A run that was killed and resumed repeats
// the steps after its checkpoint: of what was logged twice the later record counts.
func ReadLog(r io.Reader) ([]Record, error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<16), 1<<22)
	var out []Record
	for line := 1; s.Scan(); line++ {
		var rec Record
		if err := json.Unmarshal(s.Bytes(), &rec); err != nil {
			return nil, fmt.Errorf("training log, line %d: %w", line, err)
		}
		out = append(superseded(out, rec), rec)
	}
	return out, s.Err()
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
