package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// instrument is one subcommand of inspect.
type instrument struct {
	name, about string
	run         func(ctx context.Context, args []string, out, errOut io.Writer) error
}

func instruments() []instrument {
	return []instrument{
		{"chain", "each next token of a text: probability, alternatives, entropy, surprise", inspectChain},
		{"lens", "what each layer would say next", inspectLens},
		{"experts", "which expert takes which token, and what it is worth", inspectExperts},
		{"attention", "what each head attends to, and how far back a model remembers", inspectAttention},
		{"neuron", "what a neuron of an expert fires on and says; which neurons know a concept", inspectNeuron},
		{"embed", "neighbours, map and analogies of the token table", inspectEmbed},
		{"similarity", "how alike layers, or two models, see the same text (CKA, RSA)", inspectSimilarity},
		{"probe", "what linear probes read from each layer: question, tense, number, topic...", inspectProbe},
		{"circuit", "which heads and experts carry a behaviour: patching, attribution, smallest set", inspectCircuit},
		{"steer", "change parts of the model and see what it says then", inspectSteer},
		{"history", "how all this grows over the checkpoints of a training", inspectHistory},
		{"report", "all of it as one HTML file with pictures", inspectReport},
	}
}

// runInspect prints what a model file holds, or looks inside a model by one of the
// instruments of package interp.
func runInspect(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		for _, i := range instruments() {
			if i.name == args[0] {
				return i.run(ctx, args[1:], out, errOut)
			}
		}
		var names []string
		for _, i := range instruments() {
			names = append(names, i.name)
		}
		return usageError{fmt.Errorf("unknown instrument %q, want one of %s, or none for the metadata of a file, which -m names", args[0], strings.Join(names, ", "))}
	}
	fs := newFlags("inspect", errOut)
	path := fs.String("m", "", modelFlag)
	fs.Usage = func() {
		fmt.Fprintln(errOut, "usage: moe inspect [-m FILE] shows metadata and tensors; moe inspect INSTRUMENT [flags] looks inside, -h lists its flags\n\ninstruments:")
		for _, i := range instruments() {
			fmt.Fprintf(errOut, "  %-11s %s\n", i.name, i.about)
		}
	}
	if err := parse(fs, args); err != nil {
		return err
	}
	return inspectFile(*path, out)
}

func inspectFile(path string, out io.Writer) error {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintf(out, "%s: GGUF version %d\n\nmetadata:\n", label(path), f.Version)
	for _, key := range f.Keys() {
		fmt.Fprintf(out, "  %-44s %s\n", key, f.Show(key, 100))
	}
	fmt.Fprintln(out, "\ntensors:")
	bytes, elements := 0, 0
	for _, name := range f.Names() {
		t, _ := f.Tensor(name)
		fmt.Fprintf(out, "  %-36s %-6v %-18s %12d bytes\n", name, t.Type, fmt.Sprint(t.Shape), len(t.Data))
		bytes, elements = bytes+len(t.Data), elements+t.Len()
	}
	fmt.Fprintf(out, "\n%d tensors, %d elements, %d bytes\n", len(f.Names()), elements, bytes)
	return nil
}

// numbersOf reads numbers separated by commas.
func numbersOf(flag, text string) (out []float64, err error) {
	for _, s := range strings.Split(text, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		var v float64
		var rest string
		if n, _ := fmt.Sscanf(s+" .", "%g %s", &v, &rest); n != 2 || rest != "." {
			return nil, usageError{fmt.Errorf("-%s has %q, want numbers separated by commas", flag, s)}
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		return nil, usageError{errors.New("-" + flag + " is empty")}
	}
	return out, nil
}
