package main

import (
	"context"
	"fmt"
	"io"
)

// sentence is read where no text is given: it repeats itself, so that there is
// something to be expected.
const sentence = "Once upon a time there was a king who had three daughters. The king loved his daughters, and the daughters loved the king."

// inspectChain follows a text token by token.
func inspectChain(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newInspection("chain", "[TEXT]", out, errOut).withText()
	temperatures := p.String("temperatures", "0.5,1,1.5", "temperatures to compare, above 0")
	alternatives := p.Int("alternatives", 5, "likeliest tokens named")
	shuffles := p.Int("shuffles", 20, "random orders of the same tokens as a null model")
	more := p.Int("n", 0, "tokens that the model says itself behind the text, the likeliest each")
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	ts, err := numbersOf("temperatures", *temperatures)
	if err != nil {
		return err
	}
	ids, err := p.text(sentence)
	if err != nil {
		return err
	}
	if *more < 0 || *more > p.lab.Length()-len(ids) {
		return usageError{fmt.Errorf("-n is %d, want 0 to %d", *more, p.lab.Length()-len(ids))}
	}
	if *more > 0 {
		ids = append(ids, p.lab.Continue(ids, *more, 0, 0, nil)...)
	}
	c, err := p.lab.Chain(ctx, ids, ts, *alternatives, *shuffles)
	if err != nil {
		return err
	}
	return p.show(c, c.Report())
}

// inspectLens reads out every layer.
func inspectLens(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newInspection("lens", "[TEXT]", out, errOut).withText()
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	ids, err := p.text(sentence)
	if err != nil {
		return err
	}
	v, err := p.lab.Lens(ctx, ids)
	if err != nil {
		return err
	}
	return p.show(v, v.Report())
}
