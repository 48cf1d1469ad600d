package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"moebot/moe/interp"
)

// inspectCircuit looks for the parts that carry a behaviour.
func inspectCircuit(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newInspection("circuit", "\nWithout -clean the pairs are subjects in two numbers before a verb.", out, errOut)
	clean := p.String("clean", "", "prompt behind which -answer is right")
	corrupt := p.String("corrupt", "", "prompt of as many tokens behind which -other is right")
	answer := p.String("answer", "", "token, a blank being part of it; #17 is token 17")
	other := p.String("other", "", "token")
	passes := p.Int("passes", 0, "passes through the model, roughly; where they do not suffice, parts are sampled; 0 takes as many as it takes")
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	if p.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", p.Arg(0))}
	}
	pairs := p.lab.AgreementPairs()
	if *clean != "" || *corrupt != "" || *answer != "" || *other != "" {
		if *clean == "" || *corrupt == "" || *answer == "" || *other == "" {
			return usageError{errors.New("-clean, -corrupt, -answer and -other need each other")}
		}
		a, err := p.lab.Token(*answer)
		b, err2 := p.lab.Token(*other)
		if err := errors.Join(err, err2); err != nil {
			return usageError{err}
		}
		pairs = []interp.Pair{{Clean: p.lab.Encode(*clean, true), Corrupt: p.lab.Encode(*corrupt, true), Answer: a, Other: b}}
	}
	c, err := p.lab.Circuit(ctx, pairs, *passes)
	if err != nil {
		return err
	}
	return p.show(c, c.Report())
}
