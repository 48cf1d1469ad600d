package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each test that FEATURES.md names is there, in the package it is said to be in, and each
// feature of its tables names one.
func TestFeaturesNameTests(t *testing.T) {
	there := map[string]bool{} // "folder TestName"
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	for _, top := range []string{"../bot", "../session", "../moe/prompt", "../moe/engine"} {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range function.FindAllSubmatch(source, -1) {
				there[strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")+" "+string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	find := func(name, in string) bool {
		folders := []string{in, "bot/" + in, "session/" + in}
		if in == "session" { // its one suite runs on each store
			folders = append(folders, "session/redisstore", "session/embedded")
		}
		for _, folder := range folders {
			if there[folder+" "+name] {
				return true
			}
		}
		return false
	}
	text, err := os.ReadFile("FEATURES.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("([a-z/]+`?) `((?:Test|Fuzz|Benchmark)\\w+)`|`((?:Test|Fuzz|Benchmark)\\w+)`")
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || strings.HasPrefix(cells[1], "--") || strings.TrimSpace(cells[2]) == "test" {
			continue
		}
		rows++
		in := ""
		for _, m := range named.FindAllStringSubmatch(cells[2], -1) {
			name := m[3]
			if m[1] != "" {
				in, name = strings.Trim(m[1], "`"), m[2]
			}
			if !find(name, in) {
				t.Errorf("there is no %s in %s:%s", name, in, cells[1])
			}
		}
		if in == "" && !strings.Contains(cells[2], "all") {
			t.Errorf("no test is named for%s", cells[1])
		}
	}
	if rows < 50 {
		t.Errorf("only %d rows were read", rows)
	}
}
