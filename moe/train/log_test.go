package train

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadLogKeepsTheLaterOfTwoRecords(t *testing.T) {
	log := `{"event":"train","step":10,"loss":5}
{"event":"held","step":10,"mean":5}
{"event":"train","step":20,"loss":4}
{"event":"held","step":20,"mean":4}
{"event":"train","step":30,"loss":3}
{"event":"train","step":20,"loss":2}
{"event":"held","step":20,"mean":2}
{"event":"train","step":30,"loss":1}
`
	recs, err := ReadLog(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range recs {
		got += fmt.Sprintf("%s %d %g, ", r.Event, r.Step, r.Loss+r.Mean)
	}
	if want := "train 10 5, held 10 5, train 20 2, held 20 2, train 30 1, "; got != want {
		t.Errorf("records are %s want %s", got, want)
	}
	if _, err := ReadLog(strings.NewReader("{}\n{\n")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a broken line gives %v, want an error that names line 2", err)
	}
	if recs, err := ReadLog(strings.NewReader("{\"step\":1}\n{\"ste")); err != nil || len(recs) != 1 {
		t.Errorf("a torn last line gives %d records, %v", len(recs), err)
	}
	if recs, err := ReadLog(strings.NewReader("{\"step\":1}\n{\"step\":2}")); err != nil || len(recs) != 2 {
		t.Errorf("a whole last line without an end gives %d records, %v", len(recs), err)
	}
}

// What a kill tore is gone before more lines come.
func TestOpenLogCutsTheTornLine(t *testing.T) {
	long := strings.Repeat("x", 1<<16)
	for before, want := range map[string]string{"": "", "a\n": "a\n", "a\nb": "a\n", "torn": "", "a\n" + long: "a\n", "a\n" + long + "\n" + long: "a\n" + long + "\n"} {
		path := filepath.Join(t.TempDir(), "log.jsonl")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := openLog(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("more\n"); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if got, err := os.ReadFile(path); err != nil || string(got) != want+"more\n" {
			t.Errorf("a log of %d bytes becomes one of %d, want %d (%v)", len(before), len(got), len(want)+5, err)
		}
	}
}
