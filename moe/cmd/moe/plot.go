package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"moebot/moe/train"
	"moebot/moe/train/chart"
)

// runPlot draws the curves of a training from its log.
func runPlot(_ context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("plot", errOut)
	run := fs.String("run", "", "`directory` of the training run, or its log")
	output := fs.String("o", "", "`file` to write, .png or .svg; without it curves.png and curves.svg in the run's directory")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *run == "" {
		return usageError{errors.New("usage: moe plot -run DIRECTORY [-o FILE.png|FILE.svg]")}
	}
	log := *run
	if info, err := os.Stat(log); err == nil && info.IsDir() {
		log = filepath.Join(log, "log.jsonl")
	}
	files := []string{*output}
	if *output == "" {
		dir := filepath.Dir(log)
		files = []string{filepath.Join(dir, "curves.png"), filepath.Join(dir, "curves.svg")}
	}
	for _, file := range files {
		if err := plotLog(log, file); err != nil {
			return err
		}
		fmt.Fprintln(out, file)
	}
	return nil
}

// plotLog draws the log at path into file, whose ending says the format.
func plotLog(path, file string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	recs, err := train.ReadLog(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return writeChart(file, chart.Run(recs), 2)
}

// writeChart draws panels into file, whole or not at all.
func writeChart(file string, panels []chart.Panel, columns int) error {
	if format(file) == "" {
		return usageError{fmt.Errorf("%s: want a name that ends in .png or .svg", file)}
	}
	return writeFile(file, func(w io.Writer) error { return chart.Draw(w, format(file), panels, columns) })
}
