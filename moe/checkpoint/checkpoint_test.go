package checkpoint

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type testState struct{ Step int }

func save(t testing.TB) (string, []Vector) {
	path := filepath.Join(t.TempDir(), "x.ckpt")
	v := []Vector{{"weights", []float32{1, -2.5, float32(math.Inf(1)), 1e-42}}, {"empty", []float32{}}, {"m", make([]float32, 40000)}}
	v[2].Data[39999] = 7
	if err := Save(path, testState{41}, v); err != nil {
		t.Fatal(err)
	}
	return path, v
}

func TestRoundTrip(t *testing.T) {
	path, want := save(t)
	var st testState
	got, err := Load(path, &st)
	if err != nil {
		t.Fatal(err)
	}
	if st.Step != 41 {
		t.Errorf("step is %d, want 41", st.Step)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if err != nil || len(files) != 0 {
		t.Errorf("left behind: %v (%v)", files, err)
	}
}

func TestDamageIsNamed(t *testing.T) {
	path, _ := save(t)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 5, 30, len(b) / 2, len(b) - 1} {
		cut := filepath.Join(t.TempDir(), "cut.ckpt")
		if err := os.WriteFile(cut, b[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(cut, &testState{}); err == nil || !strings.Contains(err.Error(), cut) {
			t.Errorf("%d of %d bytes give %v, want an error that names the file", n, len(b), err)
		}
	}
}

func TestFailedSaveKeepsTheOldFile(t *testing.T) {
	path, _ := save(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Save(path, func() {}, nil); err == nil {
		t.Fatal("a state that is no JSON is accepted")
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Error("the old checkpoint changed")
	}
}

func FuzzParse(f *testing.F) {
	path, _ := save(f)
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:200])
	f.Fuzz(func(t *testing.T, b []byte) {
		var st testState
		if v, err := parse(b, &st); err == nil && len(v) > len(b) {
			t.Errorf("%d vectors from %d bytes", len(v), len(b))
		}
	})
}
