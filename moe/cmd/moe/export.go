package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"moebot/moe/backprop"
	"moebot/moe/tensor"
	"moebot/moe/train"
)

// runExport writes the weights of a training run as GGUF.
func runExport(_ context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("export", errOut)
	run := fs.String("run", "", "`directory` of the training run, or one of its checkpoints")
	vocab := fs.String("m", "", "GGUF `file` with the vocabulary the model was trained with; without it the embedded model's")
	output := fs.String("o", "", "`file` to write")
	other := fs.String("average", "", "GGUF `file` of the same shape, such as the run began with, to average the weights with")
	share := fs.Float64("share", 0.5, "of that file's weights, 0 to 1")
	cool := fs.Float64("cool", 1, "divide the logits by this: more than 1 for a model that is surer than it is right")
	typ := fs.String("type", "Q8_0", "type of the matrices: F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K, Q4_0 and others")
	about := train.About{License: "apache-2.0"}
	fs.StringVar(&about.Name, "name", "moe", "the model's name")
	fs.StringVar(&about.Version, "version", "", "the model's version")
	fs.StringVar(&about.Description, "description", "", "what the model is")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *run == "" || *output == "" {
		return usageError{errors.New("usage: moe export -run DIRECTORY [-m VOCABULARY.gguf] -o MODEL.gguf [-type Q8_0] [-average OTHER.gguf [-share 0.5]] [-cool 1]")}
	}
	if !(*share >= 0 && *share <= 1) {
		return usageError{fmt.Errorf("-share is %g, want 0 to 1", *share)}
	}
	if !coolable(*cool) {
		return usageError{fmt.Errorf("-cool is %g, want 0.1 to 10", *cool)}
	}
	t, err := exportType(*typ)
	if err != nil {
		return usageError{err}
	}
	if err := canWrite(*output); err != nil {
		return err
	}
	checkpoint := *run
	if info, err := os.Stat(checkpoint); err == nil && info.IsDir() {
		checkpoint = filepath.Join(checkpoint, "latest.ckpt")
	}
	tok, err := openTokenizer(*vocab)
	if err != nil {
		return err
	}
	c, weights, err := train.Weights(checkpoint, tok.Spec())
	if err != nil {
		return err
	}
	if *other != "" {
		if err := average(weights, c, *other, *share); err != nil {
			return err
		}
	}
	coolDown(weights, c, *cool)
	err = writeFile(*output, func(w io.Writer) error { return train.Export(w, c, weights, tok.Spec(), about, t) })
	if err != nil {
		return err
	}
	total, active := c.Parameters()
	fmt.Fprintf(out, "%s: %.2f M parameters, %.2f M active per token, %v\n", *output, float64(total)/1e6, float64(active)/1e6, t)
	return nil
}

// average mixes the weights of a model file, that share of them, into weights of shape c. Two
// ends of one training lie in one valley of the loss, and what is between them is often
// better than both (Wortsman et al., "Model soups", 2022).
func average(weights []float32, c backprop.Config, path string, share float64) error {
	have, other, _, err := importModel(path)
	if err != nil {
		return err
	}
	if !sameShape(have, c) {
		return fmt.Errorf("%s: its shape is %+v, the run's %+v", path, have, c)
	}
	for i, w := range other {
		weights[i] = float32(share*float64(w) + (1-share)*float64(weights[i]))
	}
	return nil
}

// coolable reports whether logits may be divided by that.
func coolable(cool float64) bool { return cool >= 0.1 && cool <= 10 }

// coolDown divides the logits of a model by temperature (temperature scaling; Guo et al. 2017,
// arXiv:1706.04599, section 4.2): in the gains of the last norm, which they are linear in.
func coolDown(weights []float32, c backprop.Config, temperature float64) {
	for _, p := range backprop.Params(c) {
		if p.Name != "output_norm.weight" {
			continue
		}
		gains := weights[p.Offset : p.Offset+p.Len]
		for i, g := range gains {
			gains[i] = float32(float64(g) / temperature)
		}
	}
}

// exportType is the type of a name, of those that can be written.
func exportType(name string) (tensor.Type, error) {
	var names []string
	for t := range tensor.Type(64) {
		if !t.Writable() {
			continue
		}
		if strings.EqualFold(t.String(), name) {
			return t, nil
		}
		names = append(names, t.String())
	}
	return 0, fmt.Errorf("type %q cannot be written, want one of %s", name, strings.Join(names, ", "))
}
