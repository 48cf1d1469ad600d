package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestClassify(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var lines, corpus strings.Builder
	for i := range 60 {
		fmt.Fprintf(&lines, "+ the cat number %d sleeps on the warm stove\n- the dog number %d runs in the cold yard\n", i, i)
		fmt.Fprintf(&corpus, `{"source":"s","kind":"k","messages":[{"role":"user","content":"my dog runs\n%d miles and sleeps"},{"role":"assistant","content":"the cat sleeps"}]}`+"\n", i)
	}
	examples, others := file("lines.txt", "# both kinds\n\n"+lines.String()), file("corpus.jsonl", corpus.String())
	test := file("test.txt", "+ my cat sleeps\n- my dog runs\n- that cat sleeps too\n")
	out := filepath.Join(dir, "c.bin")
	for _, args := range [][]string{{"-lines", examples, "-o", out, "-test", test}, {"-m", out, "-test", test}} {
		status, said, errs := moe(t, "", append([]string{"classify"}, args...)...)
		if status != 0 || !strings.Contains(said, "of the kind: 1 of 1 found; not of the kind: 1 of 2 taken for it") || !strings.Contains(said, "that cat sleeps too") {
			t.Errorf("%v: status %d, %q, %q", args, status, said, errs)
		}
	}
	if said := ok(t, "", "classify", "-lines", examples, "-o", out, others, others); !strings.Contains(said, "from 120 lines and 30 messages; 30 more messages") {
		t.Errorf("with a corpus: %q", said)
	}
	for want, args := range map[string][]string{
		"usage":                {"-lines", examples},
		"bad.txt:2: want + or": {"-lines", file("bad.txt", "+ a b\n? c\n"), "-o", out},
		"none.txt: no example": {"-lines", file("none.txt", "\n"), "-o", out},
		"test.txt: linear":     {"-m", test, "-test", test},
		"absent":               {"-lines", examples, "-o", out, filepath.Join(dir, "absent.jsonl")},
		"broken.jsonl:1":       {"-lines", examples, "-o", out, file("broken.jsonl", "{")},
	} {
		status, _, errs := moe(t, "", append([]string{"classify"}, args...)...)
		if status == 0 || !strings.Contains(errs, want) {
			t.Errorf("%v: status %d, %q, want %q", args, status, errs, want)
		}
	}
}
