package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const remakeUsage = "usage: moe remake -corpus DIRECTORY -held DIRECTORY -o DIRECTORY [-recipe moe/defaultmodel] [-steps N] [-other] [-t THREADS]"

// How the embedded model is made and measured, beside its recipe.
const (
	remakeTalks     = 300000 // conversations from the phrasebooks
	remakeHeldTalks = "600"
	remakeLimit     = "6000000" // tokens of a corpus file at most: cuts the novels
	remakeEval      = "60000"   // tokens of a held-out source
)

// runRemake makes the embedded model again, from the corpus and the phrasebooks to
// the measured file. Stopped, it goes on where it was when called again.
func runRemake(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) error {
	fs := newFlags("remake", errOut)
	m := remake{ctx: ctx, in: in, out: out, errOut: errOut}
	fs.StringVar(&m.corpus, "corpus", "", "`directory` of the corpus: */*.jsonl*")
	fs.StringVar(&m.held, "held", "", "`directory` of its held-out part")
	fs.StringVar(&m.recipe, "recipe", filepath.Join("moe", "defaultmodel"), "`directory` of recipe-1.json and more (recipe-N-more.json says what run N does otherwise), recipe-end.json, corpus.sha256, held.sha256 and dialogues/*.txt")
	fs.StringVar(&m.dir, "o", "", "`directory` for all that is made; default.gguf and eval.txt at the end")
	fs.IntVar(&m.talks, "talks", remakeTalks, "conversations to make from the phrasebooks")
	fs.IntVar(&m.steps, "steps", 0, "train for so many steps by each recipe instead of its own length, to try the whole thing out")
	fs.BoolVar(&m.other, "other", false, "go on although the corpus is another than the recipe's, or the directory was begun with other settings")
	threads := fs.Int("t", runtime.NumCPU(), "threads")
	if err := parse(fs, args); err != nil {
		return err
	}
	if m.corpus == "" || m.held == "" || m.dir == "" {
		return usageError{errors.New(remakeUsage)}
	}
	if err := canFill(m.dir); err != nil {
		return err
	}
	m.threads = strconv.Itoa(*threads)
	if err := m.readRecipe(); err != nil {
		return err
	}
	if !m.other {
		if err := errors.Join(m.verify("corpus.sha256", m.corpus), m.verify("held.sha256", m.held)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return err
	}
	if err := m.begun(); err != nil {
		return err
	}
	return m.all()
}

// remake runs the workshop's own commands one after the other. A product that is
// there already is not made again.
type remake struct {
	ctx          context.Context
	in           io.Reader
	out, errOut  io.Writer
	corpus, held string
	recipe, dir  string
	talks, steps int
	other        bool
	threads      string
	runs         []remakeRun
	end          remakeEnd
}

func (m *remake) path(name ...string) string {
	return filepath.Join(append([]string{m.dir}, name...)...)
}

// begun keeps in made.json what the products of the directory depend on, beside this
// program, and refuses to mix them with those of other settings.
func (m *remake) begun() error {
	now := map[string]string{"steps": strconv.Itoa(m.steps), "talks": strconv.Itoa(m.talks)}
	for what, pattern := range map[string]string{
		"recipe": filepath.Join(m.recipe, "recipe-*.json"), "phrasebooks": filepath.Join(m.recipe, "dialogues", "*.txt"),
		"corpus": filepath.Join(m.corpus, "*", "*.jsonl*"), "held-out part": filepath.Join(m.held, "*", "*.jsonl*"),
	} {
		files, err := existing(pattern)
		if err != nil {
			return err
		}
		all := sha256.New()
		for _, f := range files {
			one, err := sum(f)
			if err != nil {
				return err
			}
			fmt.Fprintln(all, one, filepath.Base(f))
		}
		now[what] = hex.EncodeToString(all.Sum(nil))
	}
	path := m.path("made.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(m.path("phrasebook.jsonl")); err == nil && !m.other {
			return fmt.Errorf("it is not known what %s was made with; take another directory, or -other to go on with what is there", m.dir)
		}
		return writeFile(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(now) })
	}
	before := map[string]string{}
	if err == nil {
		err = json.Unmarshal(data, &before)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var changed []string
	for _, what := range slices.Sorted(maps.Keys(now)) {
		if before[what] != now[what] {
			changed = append(changed, what)
		}
	}
	if len(changed) > 0 && !m.other {
		return fmt.Errorf("what is in %s was made with another %s; take another directory, or -other to go on with what is there",
			m.dir, strings.Join(changed, ", "))
	}
	return nil
}

// verify compares the files in dir with a list of SHA-256 sums of the recipe, which is
// in the format of sha256sum.
func (m *remake) verify(list, dir string) error {
	path := filepath.Join(m.recipe, list)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	listed := map[string]bool{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		want, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok {
			return fmt.Errorf("%s:%d: want a sum, two spaces and a name", path, n)
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		listed[file] = true
		got, err := sum(file)
		if err == nil && got != want {
			err = fmt.Errorf("%s is not the file of the recipe: its SHA-256 is %s, not %s", name, got, want)
		}
		if err != nil {
			return fmt.Errorf("%w; -other goes on with another corpus", err)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	files, err := existing(dir, "*", "*.jsonl*")
	for _, file := range files {
		if !listed[file] {
			return fmt.Errorf("%s is not in %s; -other goes on with another corpus", file, path)
		}
	}
	return err
}

func sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (m *remake) all() error {
	corpus, err := existing(m.corpus, "*", "*.jsonl*")
	if err != nil {
		return err
	}
	held, err := existing(m.held, "*", "*.jsonl*")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(m.path("held"), 0o755); err != nil {
		return err
	}
	talks, heldTalks := m.path("phrasebook.jsonl"), m.path("held", "phrasebook.jsonl")
	for _, product := range []struct {
		path string
		make func(to string) error
	}{
		{talks, func(to string) error {
			return m.phrasebook(to, strconv.Itoa(m.talks), "1")
		}},
		{heldTalks, func(to string) error {
			return m.phrasebook(to, remakeHeldTalks, "999")
		}},
		{m.path("held", "shards"), func(to string) error {
			return m.run(runData, append([]string{"-t", m.threads, "-o", to, heldTalks}, held...)...)
		}},
		{m.path("shards"), func(to string) error {
			if err := m.data(to, nil, corpus); err != nil {
				return err
			}
			return m.run(runData, "-t", m.threads, "-o", to, talks)
		}},
	} {
		if err := m.make(product.path, product.make); err != nil {
			return err
		}
	}
	if err := m.train(); err != nil {
		return err
	}
	cooled := m.path("cooled.gguf")
	if err := m.make(cooled, func(to string) error {
		return m.export(len(m.runs), m.end.Average, to, "-cool", fmt.Sprint(m.end.Cool))
	}); err != nil {
		return err
	}
	if err := m.make(m.path("default.gguf"), func(to string) error {
		args := []string{"-m", cooled, "-type", m.end.Type, "-o", to}
		for _, rule := range m.end.Set {
			args = append(args, "-set", rule)
		}
		return m.run(runQuantize, args...)
	}); err != nil {
		return err
	}
	return m.make(m.path("eval.txt"), m.eval)
}

// existing are the files of a pattern; it is an error if there are none.
func existing(pattern ...string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(pattern...))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no files %s", filepath.Join(pattern...))
	}
	return files, err
}

// make calls f to make the product at path, under another name until it is whole.
func (m *remake) make(path string, f func(to string) error) error {
	if _, err := os.Stat(path); err == nil {
		fmt.Fprintf(m.out, "%s is there\n", path)
		return nil
	}
	to := filepath.Join(filepath.Dir(path), "unfinished-"+filepath.Base(path))
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := f(to); err != nil {
		return err
	}
	if err := os.Rename(to, path); err != nil {
		return err
	}
	fmt.Fprintf(m.out, "made %s\n", path)
	return nil
}

func (m *remake) run(f func(context.Context, []string, io.Reader, io.Writer, io.Writer) error, args ...string) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	return f(m.ctx, args, m.in, m.out, m.errOut)
}

// runDir is the directory of run n.
func (m *remake) runDir(n int) string { return m.path(fmt.Sprintf("run-%d", n)) }

// train runs the recipes one after the other, each from the weights that the one
// before ended with.
func (m *remake) train() error {
	trained := ""
	for n := 1; n <= len(m.runs); n++ {
		file := m.runDir(n) + ".gguf"
		if err := m.make(file, func(to string) error { return m.recipeRun(n, trained, to) }); err != nil {
			return err
		}
		trained = file
	}
	return nil
}

// recipeRun trains by recipe n from the weights in initial, if there are any, or goes
// on with the run of it that was stopped, and exports the weights in full precision.
func (m *remake) recipeRun(n int, initial, to string) error {
	data, err := json.MarshalIndent(m.runs[n-1].Config, "", " ")
	if err != nil {
		return err
	}
	run := m.runDir(n)
	if err := errors.Join(os.MkdirAll(run, 0o755), os.WriteFile(filepath.Join(run, "recipe.json"), data, 0o644)); err != nil {
		return err
	}
	shards, err := m.shards(n)
	if err != nil {
		return err
	}
	args := []string{"-config", filepath.Join(run, "recipe.json"), "-data", shards, "-held", m.path("held", "shards"), "-o", run, "-t", m.threads}
	if initial != "" { // an adapter goes on beside what it began with
		args = append(args, "-init", initial)
	}
	if _, err := os.Stat(filepath.Join(run, "latest.ckpt")); err == nil {
		args = append(args, "-resume")
	}
	fmt.Fprintf(m.out, "run %d of %d\n", n, len(m.runs))
	if err := m.run(runTrain, args...); err != nil {
		return err
	}
	return m.export(n, m.runs[n-1].more.Average, to)
}

// export writes the weights at the end of run n, in full precision, averaged with shares
// of those of other runs.
func (m *remake) export(n int, others shares, to string, flags ...string) error {
	args := append(flags, "-run", m.runDir(n), "-type", "F32", "-name", m.end.Name, "-o", to)
	for _, other := range slices.Sorted(maps.Keys(others)) {
		args = append(args, "-average", fmt.Sprintf("%s.gguf=%g", m.runDir(other), others[other]))
	}
	return m.run(runExport, args...)
}

// eval writes the held-out losses beside those of counting models to a file, of all
// text and of what training text has not word for word, and the minimal pairs.
func (m *remake) eval(to string) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	out := m.out
	m.out = io.MultiWriter(out, f)
	defer func() { m.out = out }()
	measure := []string{"-m", m.path("default.gguf"), "-data", m.path("held", "shards"), "-limit", remakeEval, "-ngram", m.path("shards"), "-t", m.threads}
	return errors.Join(
		m.run(runEval, append(measure, "-pairs")...),
		m.run(runEval, append(measure, "-novel", m.path("shards"))...),
		f.Close())
}
