package defaultmodel_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"moebot/moe/dataset"
	"moebot/moe/dataset/phrasebook"
)

// TestDialogues reads every book of the model and has it talk: each can be read, may
// open a conversation, and writes turns of some words, short and without marks of the
// grammar or gaps where a part was left out.
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("dialogues/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			book, err := phrasebook.Read(name, f)
			if err != nil {
				t.Fatal(err)
			}
			w := phrasebook.NewWriter([]*phrasebook.Book{book}, 7)
			for range 300 {
				checkTalk(t, w.Next())
			}
		})
	}
}

// twoArticles are what a slot with an article leaves behind another one.
var twoArticles = regexp.MustCompile(`\b(a a|a an|a the|an the|the the|the an)\b`)

func checkTalk(t *testing.T, doc dataset.Document) {
	t.Helper()
	const longest = 500 // bytes of a turn, that a few of them fit the model's context
	last := ""
	for _, m := range doc.Messages {
		if len(m.Content) > longest {
			t.Errorf("%s says %d bytes: %q", m.Role, len(m.Content), m.Content)
		}
		if strings.TrimSpace(m.Content) == "" || strings.ContainsAny(m.Content, "<>|") || strings.Contains(m.Content, "  ") {
			t.Errorf("%s says %q", m.Role, m.Content)
		}
		if m.Role == "assistant" && (strings.Contains(m.Content, " ,") || strings.HasSuffix(m.Content, " ?") || strings.HasSuffix(m.Content, " !")) {
			t.Errorf("a gap before a stop: %q", m.Content)
		}
		if at := twoArticles.FindString(m.Content); at != "" {
			t.Errorf("%s says %q in %q", m.Role, at, m.Content)
		}
		last = m.Role
	}
	if last != "assistant" {
		t.Errorf("a conversation of %d messages ends with %q", len(doc.Messages), last)
	}
}
