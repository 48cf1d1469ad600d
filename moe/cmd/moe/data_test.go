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
