package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"moebot/moe/interp"
)

// inspectNeuron shows one neuron, or how all are used and which know a concept.
func inspectNeuron(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newInspection("neuron", corpusUsage, out, errOut).withCorpus(20000, "")
	layer := p.Int("layer", -1, "with -neuron: the neuron to look at; without them all are surveyed")
	expert := p.Int("expert", 0, "see -layer; a dense FFN is expert 0")
	neuron := p.Int("neuron", -1, "see -layer")
	contexts := p.Int("contexts", 20, "places shown where the neuron is strongest")
	concept := p.String("concept", "", "one of the concepts that come with the program, or all; with it the neurons specific to it are looked for")
	with := p.String("with", "", "`file` of sentences, one a line, that have a concept of your own")
	without := p.String("without", "", "`file` of sentences that do not have it")
	shuffles := p.Int("shuffles", 200, "relabellings as a null model of concepts")
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	switch {
	case isSet(p.FlagSet, "layer") || isSet(p.FlagSet, "expert") || isSet(p.FlagSet, "neuron"):
		n, err := p.lab.Neuron(ctx, p.corpus(), *layer, *expert, *neuron, *contexts)
		if err != nil {
			return err
		}
		return p.show(n, n.Report())
	case *concept != "" || *with != "" || *without != "":
		all, err := p.concepts(ctx, *concept, *with, *without, *shuffles)
		if err != nil {
			return err
		}
		return p.show(all, interp.ConceptReport(all))
	}
	x, err := p.lab.Neurons(ctx, p.corpus())
	if err != nil {
		return err
	}
	return p.show(x, x.Report())
}

// concepts tests one concept, or all of the program's, each against the sentences of
// the others.
func (p *inspection) concepts(ctx context.Context, name, with, without string, shuffles int) ([]*interp.Concept, error) {
	if with != "" || without != "" {
		a, err := sentencesOf(with)
		if err != nil {
			return nil, err
		}
		b, err := sentencesOf(without)
		if err != nil {
			return nil, err
		}
		if name == "" {
			name = with
		}
		c, err := p.lab.Concept(ctx, name, a, b, shuffles, 10)
		return []*interp.Concept{c}, err
	}
	names, sentences := interp.Concepts()
	if name != "all" && !slices.Contains(names, name) {
		return nil, usageError{fmt.Errorf("unknown concept %q, want one of %s, or all", name, strings.Join(names, ", "))}
	}
	var out []*interp.Concept
	for _, n := range names {
		if n == "plain" && name == "all" || name != "all" && n != name {
			continue
		}
		var rest []string
		for _, other := range names {
			if other != n {
				rest = append(rest, sentences[other]...)
			}
		}
		c, err := p.lab.Concept(ctx, n, sentences[n], rest, shuffles, 10)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func sentencesOf(path string) ([]string, error) {
	if path == "" {
		return nil, usageError{errors.New("-with and -without need each other")}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.SplitSeq(string(b), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out, nil
}
