package moe_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rule says what the code of one package may import from this module. Packages below it (moe/tokenizer/bpetrain)
// follow the same rule and may import the package itself.
type rule struct {
	layer int
	// may lists packages of this module. "1", "2"... stand for all model packages (moe/...) of that layer.
	may []string
	// vendors lists the third-party modules a leaf may use; other layers are free. "*" allows all.
	vendors []string
}

// rules is the table of layers: imports point down only, never sideways or up, and the model side (moe) meets
// the bot and the sessions only in the bot program, but for a classifier that knows no model.
var rules = map[string]rule{
	"moe/tensor":       {layer: 1},
	"moe/tokenizer":    {layer: 1},
	"moe/sample":       {layer: 1},
	"moe/optim":        {layer: 1},
	"moe/defaultmodel": {layer: 1},
	"session":          {layer: 1},
	"bot/config":       {layer: 1, vendors: []string{"github.com/pelletier/go-toml/v2"}},
	"moe/linear":       {layer: 1},

	"moe/kernel":     {layer: 2, may: []string{"moe/tensor"}, vendors: []string{"golang.org/x/sys"}},
	"moe/kvcache":    {layer: 2, may: []string{"moe/tensor"}},
	"moe/gguf":       {layer: 2, may: []string{"moe/tensor"}, vendors: []string{"golang.org/x/sys"}},
	"moe/checkpoint": {layer: 2, may: []string{"moe/tensor"}, vendors: []string{"*"}},
	"bot/need":       {layer: 2, may: []string{"moe/linear"}},

	"moe/model":          {layer: 3, may: []string{"1", "2"}, vendors: []string{"*"}},
	"moe/prompt":         {layer: 3, may: []string{"1", "2"}, vendors: []string{"*"}},
	"moe/dataset":        {layer: 3, may: []string{"1", "2"}, vendors: []string{"*"}},
	"session/redisstore": {layer: 3, may: []string{"session"}, vendors: []string{"*"}},
	"bot/shards":         {layer: 3, vendors: []string{"*"}},
	"session/embedded":   {layer: 3, may: []string{"session"}, vendors: []string{"*"}},

	"moe/engine":   {layer: 4, may: []string{"1", "2", "3"}, vendors: []string{"*"}},
	"moe/eval":     {layer: 4, may: []string{"1", "2", "3"}, vendors: []string{"*"}},
	"moe/interp":   {layer: 4, may: []string{"1", "2", "3"}, vendors: []string{"*"}},
	"moe/backprop": {layer: 4, may: []string{"1", "2", "3"}, vendors: []string{"*"}},
	"moe/quant":    {layer: 4, may: []string{"1", "2", "3"}, vendors: []string{"*"}},
	"bot/chat":     {layer: 4, may: []string{"session"}, vendors: []string{"*"}},

	"moe/train":       {layer: 5, may: []string{"1", "2", "3", "4"}, vendors: []string{"*"}},
	"bot/jobs":        {layer: 5, may: []string{"bot/chat", "session", "session/redisstore"}, vendors: []string{"*"}},
	"bot/discord":     {layer: 5, may: []string{"bot/chat", "session"}, vendors: []string{"*"}},
	"bot/discordtest": {layer: 5, may: []string{"bot/chat"}, vendors: []string{"*"}},
	"bot/openai":      {layer: 5, may: []string{"bot/chat", "session"}},
	"bot/playground":  {layer: 5, may: []string{"bot/chat"}, vendors: []string{"*"}},

	// The instruments of moe/interp on the conversations of a running bot: of the bot program, kept in a package.
	"bot/lab": {layer: 6, may: []string{"1", "2", "3", "4"}, vendors: []string{"*"}},

	"moe/cmd/moe": {layer: 6, may: []string{"1", "2", "3", "4", "5"}, vendors: []string{"*"}},
	"bot":         {layer: 6, may: []string{"*"}, vendors: []string{"*"}},

	// Only documentation and this test.
	"moe": {layer: 1},
	// The behaviour of stores, called by the tests of each.
	"session/sessiontest": {layer: 3, may: []string{"session"}, vendors: []string{"*"}},
}

// exceptions are the imports that the table forbids and that stand all the same, each for a reason.
// One that is no longer needed fails the test.
var exceptions = map[[2]string]string{
	{"bot/playground", "bot/discordtest"}: "the page is the face of that very server and has no other back end",
	{"moe/optim", "moe/kernel"}:           "the update of a parameter is a hot loop",
	{"moe/eval", "moe/backprop"}:          "the loss of a model in training is measured on its float32 forward pass",
}

// TestLayers reads the imports of every package of the module, whatever the build tags, and compares them
// with the table. Tests of a package may import what they need.
func TestLayers(t *testing.T) {
	root := ".."
	used := map[[2]string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		checkFile(t, path, filepath.ToSlash(filepath.Dir(rel)), used)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pair, reason := range exceptions {
		if !used[pair] {
			t.Errorf("no package %s imports %s any more: take the exception (%s) away", pair[0], pair[1], reason)
		}
	}
}

func checkFile(t *testing.T, path, pkg string, used map[[2]string]bool) {
	src, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	owner, ok := entry(pkg)
	if !ok {
		t.Errorf("%s: package %s has no place in the table of layers", path, pkg)
		return
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		pair := [2]string{owner, strings.TrimPrefix(imported, "moebot/")}
		if exceptions[pair] != "" {
			used[pair] = true
		} else if problem := check(owner, imported); problem != "" {
			t.Errorf("%s: %s", path, problem)
		}
	}
}

// entry finds the row of the table a package belongs to: its own or that of the nearest package above it.
func entry(pkg string) (string, bool) {
	for p := pkg; p != "."; {
		if _, ok := rules[p]; ok {
			// The two programs' folders hold other packages, which need rows of their own.
			if p == pkg || p != "bot" && p != "moe" && p != "session" {
				return p, true
			}
			return "", false
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			break
		}
		p = p[:i]
	}
	return "", false
}

// check says why the owner must not import a path, or nothing.
func check(owner, path string) string {
	r := rules[owner]
	inside, ours := strings.CutPrefix(path, "moebot/")
	if !ours {
		if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") || slices.Contains(r.vendors, "*") {
			return ""
		}
		for _, v := range r.vendors {
			if path == v || strings.HasPrefix(path, v+"/") {
				return ""
			}
		}
		return owner + " (layer " + strconv.Itoa(r.layer) + ") may use the standard library only, not " + path
	}
	target, ok := entry(inside)
	if !ok {
		return inside + " has no place in the table of layers"
	}
	if target == owner || slices.Contains(r.may, "*") || slices.Contains(r.may, target) {
		return ""
	}
	if strings.HasPrefix(target, "moe/") && slices.Contains(r.may, strconv.Itoa(rules[target].layer)) {
		return ""
	}
	return owner + " (layer " + strconv.Itoa(r.layer) + ") must not import " + inside + " (layer " + strconv.Itoa(rules[target].layer) + ")"
}

// TestCheck makes sure that the table refuses what it should.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, owner, path string
		allowed           bool
	}{
		{"down", "moe/model", "moebot/moe/kernel", true},
		{"own subpackage", "moe/tokenizer", "moebot/moe/tokenizer", true},
		{"sideways", "moe/model", "moebot/moe/prompt", false},
		{"up", "moe/kernel", "moebot/moe/model", false},
		{"other side", "moe/engine", "moebot/session", false},
		{"session below chat", "bot/chat", "moebot/session", true},
		{"chat knows no vendor of Redis", "bot/chat", "moebot/session/redisstore", false},
		{"program", "bot", "moebot/moe/engine", true},
		{"workshop knows no bot", "moe/cmd/moe", "moebot/bot/chat", false},
		{"leaf with a vendor", "moe/tensor", "gonum.org/v1/gonum/mat", false},
		{"leaf with the standard library", "moe/tensor", "encoding/binary", true},
		{"config wraps its parser", "bot/config", "github.com/pelletier/go-toml/v2", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := check(c.owner, c.path) == ""; got != c.allowed {
				t.Errorf("%s importing %s: allowed %v, want %v", c.owner, c.path, got, c.allowed)
			}
		})
	}
}
