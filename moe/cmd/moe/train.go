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

	"moebot/moe/dataset"
	"moebot/moe/kernel"
	"moebot/moe/train"
)

// runTrain trains a model from shards; moe export writes it as a model file.
func runTrain(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("train", errOut)
	config := fs.String("config", "", "recipe, a JSON `file` (see moe/defaultmodel/recipe.json)")
	shards := fs.String("data", "", "`directory` of token shards, made by moe data")
	held := fs.String("held", "", "`directory` of held-out shards; may be empty")
	dir := fs.String("o", "", "`directory` of the run: checkpoints and log")
	resume := fs.Bool("resume", false, "go on from the run's newest checkpoint")
	threads := fs.Int("t", runtime.NumCPU(), "threads")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *config == "" || *shards == "" || *dir == "" {
		return usageError{errors.New("usage: moe train -config RECIPE.json -data DIRECTORY [-held DIRECTORY] -o DIRECTORY [-resume] [-t THREADS]")}
	}
	c, err := train.ReadConfig(*config)
	if err != nil {
		return err
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
	run.Pool = kernel.NewPool(*threads)
	defer run.Pool.Close()
	_, err = run.Do(ctx, *resume)
	return err
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
