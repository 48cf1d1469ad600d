package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"moebot/moe/interp"
)

// inspectProbe reads labelled properties from every layer.
func inspectProbe(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newInspection("probe", "[PROPERTY ...]", out, errOut)
	stride := p.Int("stride", 1, "probe every so many layers, and the last")
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	sets := p.lab.ProbeSets()
	if p.NArg() > 0 {
		var chosen []interp.ProbeSet
		var names []string
		for _, s := range sets {
			names = append(names, s.Name)
		}
		for _, name := range p.Args() {
			found := false
			for _, s := range sets {
				if s.Name == name {
					chosen, found = append(chosen, s), true
				}
			}
			if !found {
				return usageError{fmt.Errorf("unknown property %q, want some of %s", name, strings.Join(names, ", "))}
			}
		}
		sets = chosen
	}
	v, err := p.lab.Probe(ctx, sets, *stride)
	if err != nil {
		return err
	}
	return p.show(v, v.Report())
}
