package train

import (
	"fmt"
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
}
