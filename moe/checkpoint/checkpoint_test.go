package checkpoint

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"runtime"
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

// Vectors that are not the file's stay as they are.
func TestReadIntoOtherVectors(t *testing.T) {
	path, v := save(t)
	for name, other := range map[string][]Vector{
		"fewer":  v[:2],
		"name":   {v[0], v[1], {"v", make([]float32, 40000)}},
		"length": {v[0], v[1], {"m", make([]float32, 39999)}},
	} {
		f, err := Open(path, &testState{})
		if err != nil {
			t.Fatal(err)
		}
		kept := v[0].Data[0]
		other[0].Data[0] = 5
		if err := f.Read(other); err == nil || !strings.Contains(err.Error(), path) || other[0].Data[0] != 5 {
			t.Errorf("%s: %v, first element %v", name, err, other[0].Data[0])
		}
		v[0].Data[0] = kept
		f.Close()
	}
}

// Reading needs no memory beside the vectors that it fills.
func TestReadHoldsNoCopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ckpt")
	v := []Vector{{"weights", make([]float32, 1<<20)}, {"m", make([]float32, 1<<20)}}
	if err := Save(path, testState{1}, v); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := Open(path, &testState{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Read(v); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d bytes are allocated to read 8 MiB", got)
	}
}

// What a killed Save left behind is gone after the next.
func TestLeftoverIsOverwritten(t *testing.T) {
	path, want := save(t)
	part := filepath.Join(filepath.Dir(path), ".checkpoint-x.ckpt")
	if err := os.WriteFile(part, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Save(path, testState{42}, want); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(path, &testState{}); err != nil || !cmp.Equal(got, want) {
		t.Errorf("the checkpoint differs (%v)", err)
	}
	if _, err := os.Stat(part); !os.IsNotExist(err) {
		t.Errorf("the part is still there (%v)", err)
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
		file, err := open(bytes.NewReader(b), int64(len(b)), &st)
		if err != nil {
			return
		}
		v := file.allocate()
		if len(v) > len(b) {
			t.Errorf("%d vectors from %d bytes", len(v), len(b))
		}
		if err := file.Read(v); err != nil {
			t.Errorf("a file that was verified cannot be read: %v", err)
		}
	})
}
