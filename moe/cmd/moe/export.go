package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
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
	var others []shareOf
	fs.Func("average", "`OTHER.gguf=SHARE`: mix in that share, 0 to 1, of the weights of a file of the same shape, such as the run began with; may be given again", func(s string) error {
		o, err := parseShare(s)
		others = append(others, o)
		return err
	})
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
		return usageError{errors.New("usage: moe export -run DIRECTORY [-m VOCABULARY.gguf] -o MODEL.gguf [-type Q8_0] [-average OTHER.gguf=0.5] [-cool 1]")}
	}
	if all := sharesOf(others); all > 1+1e-9 {
		return usageError{fmt.Errorf("-average: the shares come to %g, want 1 at most", all)}
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
	if err := average(weights, c, others); err != nil {
		return err
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

// shareOf is a share of the weights of a model file.
type shareOf struct {
	file  string
	share float64
}

// parseShare reads FILE=SHARE.
func parseShare(s string) (shareOf, error) {
	at := strings.LastIndexByte(s, '=')
	share, err := strconv.ParseFloat(s[at+1:], 64)
	if at < 1 || err != nil || !(share >= 0 && share <= 1) {
		return shareOf{}, errors.New("want OTHER.gguf=SHARE, the share 0 to 1")
	}
	return shareOf{s[:at], share}, nil
}

func sharesOf(others []shareOf) (all float64) {
	for _, o := range others {
		all += o.share
	}
	return all
}

// average mixes shares of the weights of model files into weights of shape c, which keep
// the rest. Ends of one training lie in one valley of the loss, and what is between them is
// often better than each (Wortsman et al., "Model soups", 2022).
func average(weights []float32, c backprop.Config, others []shareOf) error {
	if len(others) == 0 {
		return nil
	}
	sum := make([]float64, len(weights))
	for i, w := range weights {
		sum[i] = (1 - sharesOf(others)) * float64(w)
	}
	for _, o := range others {
		have, other, _, err := importModel(o.file)
		if err != nil {
			return err
		}
		if !sameShape(have, c) {
			return fmt.Errorf("%s: its shape is %+v, the run's %+v", o.file, have, c)
		}
		for i, w := range other {
			sum[i] += o.share * float64(w)
		}
	}
	for i, w := range sum {
		weights[i] = float32(w)
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
