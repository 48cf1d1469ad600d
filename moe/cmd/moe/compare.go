package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"

	"moebot/moe/kernel"
	"moebot/moe/train/compare"
)

// compareResult is DIRECTORY/compare.json.
type compareResult struct {
	Rows    []compare.Row    `json:"rows"`
	Results []compare.Result `json:"results"`
}

// runCompare trains variants of a recipe with several seeds and tabulates them.
func runCompare(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("compare", errOut)
	config := fs.String("config", "", `comparison, a JSON `+"`file`"+`: {"base": RECIPE, "seeds": [1,2,3], "variants": [{"name": "experts"}, {"name": "dense", "set": {"model": {"experts": 1, "top_k": 1, "hidden": 512}}}]}`)
	shards := fs.String("data", "", "`directory` of token shards")
	held := fs.String("held", "", "`directory` of held-out shards, on which the variants are compared")
	dir := fs.String("o", "", "`directory` for the runs, compare.json, compare.png and compare.svg; a comparison that was stopped goes on there")
	threads := fs.Int("t", runtime.NumCPU(), "threads")
	asJSON := fs.Bool("json", false, "print JSON instead of the table and the progress")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *config == "" || *shards == "" || *held == "" || *dir == "" {
		return usageError{errors.New("usage: moe compare -config COMPARISON.json -data DIRECTORY -held DIRECTORY -o DIRECTORY [-json]")}
	}
	if err := canFill(*dir); err != nil {
		return err
	}
	c := compare.Comparison{Dir: *dir, Out: out}
	if *asJSON {
		c.Out = io.Discard
	}
	var err error
	if c.Config, err = compare.Read(*config); err != nil {
		return err
	}
	if c.Train, err = readShards(*shards); err != nil {
		return err
	}
	if c.Held, err = readShards(*held); err != nil {
		return err
	}
	c.Pool = kernel.NewPool(*threads)
	defer c.Pool.Close()
	results, err := c.Do(ctx)
	if err != nil {
		return err
	}
	res := compareResult{compare.Rows(results), results}
	panels, err := c.Panels()
	if err != nil {
		return err
	}
	for _, name := range []string{"compare.png", "compare.svg"} {
		if err := writeChart(filepath.Join(*dir, name), panels, 2); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(res, "", " ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(*dir, "compare.json"), func(w io.Writer) error { _, err := w.Write(append(b, '\n')); return err }); err != nil {
		return err
	}
	if *asJSON {
		_, err := fmt.Fprintf(out, "%s\n", b)
		return err
	}
	fmt.Fprintln(out)
	compare.Table(out, res.Rows)
	return nil
}
