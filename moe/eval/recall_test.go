package eval

import (
	"reflect"
	"strings"
	"testing"
)

func TestRecallsAreWellFormed(t *testing.T) {
	recalls := Recalls()
	kinds, seen := map[string]int{}, map[string]bool{}
	for _, r := range recalls {
		kinds[r.Kind]++
		all := strings.Join(r.Messages, " | ")
		if seen[all] {
			t.Errorf("line %d is there twice: %q", r.Line, all)
		}
		seen[all] = true
		// What is asked for was said.
		if !r.Right(all) {
			t.Errorf("line %d: none of %q is in %q", r.Line, r.Wanted, all)
		}
		// And not in the question itself, or repeating the question would do.
		if last := r.Messages[len(r.Messages)-1]; r.Kind != "repeat" && r.Kind != "choice" && r.Right(last) {
			t.Errorf("line %d: %q has the answer %q in it", r.Line, last, r.Wanted)
		}
	}
	if len(recalls) < 100 || len(kinds) < 5 {
		t.Errorf("%d conversations of %d kinds, want at least 100 of 5", len(recalls), len(kinds))
	}
}

func TestRecallScores(t *testing.T) {
	recalls, err := ParseRecalls("# none\nname: I'm Zed | who am i? | zed\n\nname: my cat is Bo | my cat? | Bo\nchoice: tea or mud | tea/mud")
	if err != nil {
		t.Fatal(err)
	}
	got := ScoreRecalls(recalls, []string{"You are ZED.", "No idea.", "Mud!"})
	want := []RecallScore{{"name", 2, 1, []string{"my cat? → No idea."}}, {"choice", 1, 1, nil}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, bad := range []string{"no kind", "k: only", "k: a | ", "k: a | b/", "k: | b"} {
		if _, err := ParseRecalls("# fine\n" + bad); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q gives %v, want an error that names line 2", bad, err)
		}
	}
}
