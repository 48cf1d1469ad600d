package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files packed beside each other give the shards of files packed one by one, reported
// in the order of the command line.
func TestDataInParallel(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i := range 9 {
		p := filepath.Join(dir, fmt.Sprintf("s%d.jsonl", 8-i))
		line := fmt.Sprintf(`{"messages":[{"role":"user","content":"number %d"},{"role":"assistant","content":"yes, %d"}]}`+"\n", i, i)
		if err := os.WriteFile(p, []byte(strings.Repeat(line, 40*(i+1))+`{"messages":[{"role":"user","content":"anyone?"}]}`+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	one, many := filepath.Join(dir, "one"), filepath.Join(dir, "many")
	a := ok(t, "", append([]string{"data", "-t", "1", "-o", one}, paths...)...)
	b := ok(t, "", append([]string{"data", "-t", "4", "-o", many}, paths...)...)
	if a != b || strings.Count(a, "\n") != 9 || !strings.HasPrefix(a, "s8 ") || !strings.Contains(a, "1 documents without a reply") {
		t.Errorf("one by one:\n%sbeside each other:\n%s", a, b)
	}
	for i := range 9 {
		name := fmt.Sprintf("s%d.shard", i)
		x, err := os.ReadFile(filepath.Join(one, name))
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(filepath.Join(many, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			t.Errorf("%s differs", name)
		}
	}
	bad := filepath.Join(dir, "bad.jsonl")
	if err := os.WriteFile(bad, []byte("no json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, errOut := moe(t, "", append([]string{"data", "-strict", "-o", filepath.Join(dir, "x"), bad}, paths...)...)
	if status != 1 || !strings.Contains(errOut, "bad.jsonl:1") {
		t.Errorf("a broken line, strictly: status %d, %q", status, errOut)
	}
}

// A passage that comes with another question each time is read once, in the sources that are named.
func TestDataReadsPassagesOnce(t *testing.T) {
	dir := t.TempDir()
	passage := "The old lighthouse stood on a rock far out in the bay, and nobody had lit its lamp since the great storm of that winter, when all the boats were lost but one."
	var text strings.Builder
	for _, question := range []string{"Where did it stand?", "What was lost?", "When was the storm?"} {
		fmt.Fprintf(&text, `{"messages":[{"role":"user","content":%q},{"role":"assistant","content":"I see."}]}`+"\n", passage+" "+question)
	}
	file := filepath.Join(dir, "talk.jsonl")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ once, want string }{{"", " 3 sequences "}, {"talk", " 1 sequences "}, {"talk", "2 sequences left out, they repeat earlier ones"}} {
		if got := ok(t, "", "data", "-once", c.once, "-o", filepath.Join(dir, "shards"), file); !strings.Contains(got, c.want) {
			t.Errorf("-once %q: %q, want %q", c.once, got, c.want)
		}
	}
	if status, _, errOut := moe(t, "", "data", "-once", "tale", "-o", filepath.Join(dir, "x"), file); status != 2 || !strings.Contains(errOut, `"tale"`) {
		t.Errorf("a source that is none: status %d, %q", status, errOut)
	}
}

// Each malformed line is named, up to a bound.
func TestDataNamesWhatItSkips(t *testing.T) {
	dir := t.TempDir()
	talk := filepath.Join(dir, "talk.jsonl")
	line := `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yo"}]}` + "\n"
	if err := os.WriteFile(talk, []byte("broken\n"+line+"broken\n"+line), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := ok(t, "", "data", "-o", filepath.Join(dir, "a"), talk); !strings.Contains(out, "2 lines skipped, the first: "+talk+":1:") || !strings.Contains(out, "\n    "+talk+":3:") {
		t.Errorf("two broken lines: %q", out)
	}
	if err := os.WriteFile(talk, []byte(line+strings.Repeat("broken\n", 25)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := ok(t, "", "data", "-o", filepath.Join(dir, "b"), talk); !strings.Contains(out, "25 lines skipped") || !strings.Contains(out, "talk.jsonl:21:") || strings.Contains(out, "talk.jsonl:22:") || !strings.HasSuffix(out, "\n    and 5 more\n") {
		t.Errorf("25 broken lines: %q", out)
	}
}

func TestBarLine(t *testing.T) {
	for _, tc := range []struct {
		done, total int
		want        string
	}{{0, 4, "[" + strings.Repeat(".", 30) + "] 0 of 4"}, {2, 4, "[" + strings.Repeat("#", 15) + strings.Repeat(".", 15) + "] 2 of 4 files"}, {4, 4, "[" + strings.Repeat("#", 30) + "]"}} {
		if got := barLine(tc.done, tc.total, fmt.Sprintf("%d of %d files", tc.done, tc.total)); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%d of %d: %q, want %q", tc.done, tc.total, got, tc.want)
		}
	}
}
