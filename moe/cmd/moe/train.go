package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sort"

	"moebot/moe/backprop"
	"moebot/moe/dataset"
	"moebot/moe/kernel"
	"moebot/moe/tokenizer"
	"moebot/moe/train"
)

// runTrain trains a model from shards; moe export writes it as a model file.
func runTrain(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("train", errOut)
	config := fs.String("config", "", "recipe, a JSON `file` (see moe/defaultmodel/recipe-1.json)")
	shards := fs.String("data", "", "`directory` of token shards, made by moe data")
	held := fs.String("held", "", "`directory` of held-out shards; may be empty")
	dir := fs.String("o", "", "`directory` of the run: checkpoints and log")
	initial := fs.String("init", "", "GGUF `file` whose weights to start from, instead of fresh ones: of the recipe's shape, or with fewer layers (half as many at least), which are then added to without a change of what it computes")
	minutes := fs.Float64("minutes", 0, "train for so many `minutes`, whatever length the recipe gives")
	steps := fs.Int("steps", 0, "train for so many `steps`, whatever length the recipe gives")
	resume := fs.Bool("resume", false, "go on from the run's newest checkpoint; its length, learning rate and phases to come may be others than it was begun with")
	plot := fs.String("plot", "", "draw the run's curves into `file`, .png or .svg, when it ends or is stopped")
	listen := fs.String("listen", "", "serve a page that shows the run as it goes on at a loopback `address` such as 127.0.0.1:7070")
	vocab := fs.String("m", "", "with -listen, GGUF `file` with the vocabulary, for sample replies; without it the embedded model's")
	threads := fs.Int("t", runtime.NumCPU(), "threads")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *config == "" || *shards == "" || *dir == "" {
		return usageError{errors.New("usage: moe train -config RECIPE.json -data DIRECTORY [-held DIRECTORY] [-init MODEL.gguf] -o DIRECTORY [-minutes N | -steps N] [-resume] [-t THREADS]")}
	}
	if *minutes < 0 || *steps < 0 || *minutes > 0 && *steps > 0 {
		return usageError{errors.New("-minutes and -steps exclude each other, and must not be negative")}
	}
	if *plot != "" && format(*plot) == "" {
		return usageError{fmt.Errorf("-plot is %q, want a file .png or .svg", *plot)}
	}
	beside := *plot
	if filepath.Dir(*plot) == filepath.Clean(*dir) {
		beside = "" // it is made with the run
	}
	if err := errors.Join(canFill(*dir), canWrite(beside)); err != nil {
		return err
	}
	c, err := train.ReadConfig(*config)
	if err != nil {
		return err
	}
	if *minutes > 0 || *steps > 0 {
		c.Minutes, c.Steps = *minutes, *steps
	}
	if m := c.Model; m.TopK == 1 && !m.Dense() {
		fmt.Fprintf(errOut, "note: with top_k 1 of %d experts the gate weight is always 1, so that the text does not teach the router which expert is right; with 2 it does\n", m.Experts)
	}
	run := train.Run{Dir: *dir, Config: c, Out: out}
	if run.Train, err = readShards(*shards); err != nil {
		return err
	}
	if *held != "" {
		if run.Held, err = readShards(*held); err != nil {
			return err
		}
	}
	if *initial != "" && (!*resume || c.LoRA != nil) { // an adapter goes on beside what it changes
		if run.Init, err = initialWeights(*initial, c.Model, run.Train); err != nil {
			return err
		}
	}
	run.Pool = kernel.NewPool(*threads)
	defer run.Pool.Close()
	if *listen != "" {
		stop, err := serveWatch(ctx, *listen, *dir, out)
		if err != nil {
			return usageError{err}
		}
		defer stop()
		tok, err := openTokenizer(*vocab)
		if err != nil {
			return err
		}
		if err := checkVocabulary(run.Train, tok); err != nil {
			return err
		}
		if c.Routing.BiasRate > 0 {
			fmt.Fprintln(out, "no sample replies: they would be made without the bias (routing.bias_rate) by which the experts are chosen")
		} else {
			run.Sample = replySampler(c.Model, tok, *threads)
		}
	}
	_, err = run.Do(ctx, *resume)
	if *plot != "" {
		err = errors.Join(err, plotLog(filepath.Join(*dir, "log.jsonl"), *plot))
	}
	return err
}

// initialWeights reads the weights of a model file, which must have the shape want and
// the vocabulary of the shards. The length of the context may differ, and the file may
// have fewer layers: it is deepened.
func initialWeights(path string, want backprop.Config, shards []*dataset.Shard) ([]float32, error) {
	c, w, tok, err := importModel(path)
	if err != nil {
		return nil, err
	}
	if err := checkVocabulary(shards, tok); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	shallow := want
	shallow.Layers = c.Layers
	if !sameShape(c, shallow) {
		return nil, fmt.Errorf("%s: its shape is %+v, the recipe's %+v", path, c, want)
	}
	if w, err = backprop.Deepen(shallow, want, w); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

// sameShape compares the shape in a model file with that of a recipe, but for the length of
// the context.
func sameShape(file, want backprop.Config) bool {
	file.Context = want.Context
	if float32(file.NormEps) == float32(want.NormEps) && float32(file.RopeBase) == float32(want.RopeBase) {
		file.NormEps, file.RopeBase = want.NormEps, want.RopeBase // the file keeps them as float32
	}
	return file == want
}

// readShards loads all shards of a directory, in the order of their names.
func readShards(dir string) ([]*dataset.Shard, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.shard"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		if _, err := os.Stat(dir); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s: no *.shard files; make them with moe data", dir)
	}
	sort.Strings(paths)
	var out []*dataset.Shard
	for _, p := range paths {
		s, err := dataset.ReadShard(p)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// checkVocabulary refuses shards of another vocabulary than tok's.
func checkVocabulary(shards []*dataset.Shard, tok *tokenizer.Tokenizer) error {
	hash := dataset.VocabularyHash(tok.Spec())
	for _, s := range shards {
		if err := s.CheckVocabulary(tok.Size(), hash); err != nil {
			return err
		}
	}
	return nil
}
