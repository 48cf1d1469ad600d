package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"moebot/moe/gguf"
	"moebot/moe/quant"
)

// runQuantize writes a model file with its matrices in smaller types.
func runQuantize(_ context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("quantize", errOut)
	file := fs.String("m", "", modelFlag)
	output := fs.String("o", "", "`file` to write")
	typ := fs.String("type", "Q4_K", "type of the matrices: Q8_0, Q6_K, Q5_K, Q4_K, Q4_0 or another that can be written")
	var plan quant.Plan
	fs.Func("set", "`pattern=type` for the tensors whose names match, as in -set '*.ffn_down_exps.weight=Q6_K'; may be given again, the last that matches counts", func(s string) error {
		rule, err := quantRule(s)
		plan.Rules = append(plan.Rules, rule)
		return err
	})
	if err := parse(fs, args); err != nil {
		return err
	}
	if *output == "" {
		return usageError{errors.New("usage: moe quantize [-m MODEL.gguf] -o SMALLER.gguf [-type Q4_K] [-set PATTERN=TYPE]")}
	}
	if sameFile(*file, *output) {
		return usageError{fmt.Errorf("%s cannot be read and written at once", *file)}
	}
	var err error
	if plan.Type, err = exportType(*typ); err != nil {
		return usageError{err}
	}
	if err := canWrite(*output); err != nil {
		return err
	}
	f, err := openFile(*file)
	if err != nil {
		return err
	}
	defer f.Close()
	tensors, report, err := quant.Tensors(f, plan)
	if err != nil {
		return fmt.Errorf("%s: %w", label(*file), err)
	}
	meta := slices.DeleteFunc(f.Metadata(), func(kv gguf.KV) bool {
		return kv.Key == "general.file_type" || kv.Key == "general.quantization_version"
	})
	meta = append(meta, gguf.KV{Key: "general.file_type", Value: gguf.FileType(plan.Type)}, gguf.KV{Key: "general.quantization_version", Value: uint32(2)})
	if err := writeFile(*output, func(w io.Writer) error { return gguf.Write(w, meta, tensors) }); err != nil {
		return err
	}
	return report.Write(out)
}

// quantRule reads pattern=type.
func quantRule(s string) (quant.Rule, error) {
	pattern, name, ok := strings.Cut(s, "=")
	t, err := exportType(name)
	if err == nil {
		_, err = path.Match(pattern, "")
	}
	if !ok || err != nil {
		return quant.Rule{}, errors.Join(fmt.Errorf("%q: want pattern=type", s), err)
	}
	return quant.Rule{Pattern: pattern, Type: t}, nil
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return a != "" && (filepath.Clean(a) == filepath.Clean(b) || errX == nil && errY == nil && os.SameFile(x, y))
}
