package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"moebot/moe/interp"
	"moebot/moe/model/steer"
)

// inspectSteer changes parts of the model and shows what it says then.
func inspectSteer(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newInspection("steer", "[TEXT]", out, errOut)
	p.chat = p.Bool("chat", true, "the text is a message to the model, in its chat format if it has one; with -chat=false it goes on with the text")
	var edits []steer.Edit
	p.Func("edit", "what is changed, may be given several times: "+steer.Forms+"; a direction without a name is that of -concept, or of -with and -without", func(s string) error {
		e, err := steer.Parse(s)
		edits = append(edits, e)
		return err
	})
	concept := p.String("concept", "", "`name` of the direction: a concept, to whose sentences it leads from others, or probe- and a property")
	with := p.String("with", "", "`file` of sentences, one a line, to which the direction leads")
	without := p.String("without", "", "`file` of sentences from which it leads")
	o := interp.SteerOptions{}
	p.IntVar(&o.Tokens, "n", 40, "tokens of a reply at most")
	p.Float64Var(&o.Temperature, "temperature", 0, "0 takes the likeliest tokens")
	p.IntVar(&o.Seeds, "replies", 1, "replies, with seeds 1, 2, ...; at temperature 0, where all would be the same, one is made")
	p.IntVar(&o.Random, "random", 20, "random edits of the same kind as a null model")
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	for i, e := range edits {
		if e.Directed() {
			name := *concept
			if e.Name != "" {
				name = e.Name
			}
			d, err := p.direction(ctx, e.Layer, name, *with, *without)
			if err != nil {
				return err
			}
			edits[i].Direction = d
		}
		if err := edits[i].Check(p.lab.Model); err != nil {
			return usageError{err}
		}
	}
	if len(edits) == 0 {
		return usageError{errors.New("no -edit given; -h lists their forms")}
	}
	if !isSet(p.FlagSet, "chat") {
		_, err := p.message("") // whether the model has a chat format
		*p.chat = err == nil
	}
	ids, err := p.text("Hello, how are you today?")
	if err != nil {
		return err
	}
	s, err := p.lab.Steer(ctx, ids, edits, o)
	if err != nil {
		return err
	}
	return p.show(s, s.Report())
}

// direction is what the flags ask for: a named one, or a difference of means.
func (p *inspection) direction(ctx context.Context, layer int, name, with, without string) ([]float32, error) {
	if err := steer.CheckLayer(p.lab.Model.Config, layer); err != nil {
		return nil, usageError{err}
	}
	names := p.lab.DirectionNames()
	switch {
	case name != "" && !slices.Contains(names, name):
		return nil, usageError{fmt.Errorf("unknown direction %q, want one of %s", name, strings.Join(names, ", "))}
	case name != "":
		return p.lab.Direction(ctx, name, layer)
	case with == "" && without == "":
		return nil, usageError{fmt.Errorf("a direction needs -concept, one of %s, or -with and -without", strings.Join(names, ", "))}
	}
	a, err := sentencesOf(with)
	if err != nil {
		return nil, err
	}
	b, err := sentencesOf(without)
	if err != nil {
		return nil, err
	}
	return p.lab.MeanDifference(ctx, layer, a, b)
}
