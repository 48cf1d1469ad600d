package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"strconv"
	"strings"

	"moebot/moe/interp"
	"moebot/moe/model/steer"
)

const corpusUsage = "[FILE.jsonl|FILE.txt[.zst] ...]"

// inspectExperts counts which expert takes which token.
func inspectExperts(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newInspection("experts", corpusUsage, out, errOut).withCorpus(20000, keepsTokens)
	shuffles := p.Int("shuffles", 20, "shuffled routings as a null model")
	effects := p.Int("effects", 2000, "tokens over which the loss with changed routing is measured; 0 leaves it out")
	silence := p.Bool("silence", true, "also silence each expert in turn: a pass over -effects tokens each")
	with := p.String("with", "", "another model `file`, a checkpoint of the same training, whose choices are compared (saturation)")
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	corpus := p.corpus()
	x, err := p.lab.Experts(ctx, corpus, *shuffles)
	if err != nil {
		return err
	}
	if *effects > 0 {
		if x.Loss, err = p.lab.ExpertLoss(ctx, corpus, *effects, []int{1, 2, 3, 8}, *silence); err != nil {
			return err
		}
	}
	r := x.Report()
	if *with != "" {
		other, err := p.another(*with)
		if err != nil {
			return err
		}
		common, err := interp.Saturation(ctx, p.lab, other, corpus)
		if err != nil {
			return err
		}
		t := interp.Table{Name: "saturation", Header: []string{"layer", "experts_in_common", "low", "high", "at_random"}}
		number := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
		for n, e := range common {
			t.Rows = append(t.Rows, []string{strconv.Itoa(x.Layers[n].Layer), number(e.Mean), number(e.Low), number(e.High), number(float64(x.K) / float64(len(x.Layers[0].Load)))})
		}
		r.Tables = append(r.Tables, t)
	}
	return p.show(x, r)
}

// inspectAttention scores the heads.
func inspectAttention(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newInspection("attention", corpusUsage, out, errOut).withCorpus(4000, "")
	layer := p.Int("layer", -1, "with -head: the head whose pattern over -text is shown; without them it is the strongest induction head")
	head := p.Int("head", -1, "see -layer")
	text := p.String("text", sentence, "the text of the pattern")
	gaps := p.String("gaps", "0,8,32,96,192", "tokens between a sequence and its repetition")
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	distances, err := numbersOf("gaps", *gaps)
	if err != nil {
		return err
	}
	chosen := *layer != -1 || *head != -1
	if chosen { // before the long work, so that a wrong number does not cost it
		if err := errors.Join(steer.CheckLayer(p.lab.Model.Config, *layer), steer.CheckHead(p.lab.Model.Config, *head)); err != nil {
			return usageError{err}
		}
	}
	var whole []int
	for _, d := range distances {
		whole = append(whole, int(d))
	}
	a, err := p.attention(ctx, p.corpus(), *layer, *head, *text, whole)
	if err != nil {
		return err
	}
	return p.show(a, a.Report())
}

// attention scores the heads, shows the pattern of one, of the strongest induction
// head if layer and head are -1, and measures the reach.
func (p *inspection) attention(ctx context.Context, corpus *interp.Corpus, layer, head int, text string, gaps []int) (*interp.Attention, error) {
	a, err := p.lab.Attention(ctx, corpus)
	if err != nil {
		return nil, err
	}
	if layer == -1 && head == -1 {
		layer, head, _ = a.Induction()
	}
	if a.Pattern, err = p.lab.PatternOf(p.lab.Encode(text, true), layer, head); err != nil {
		return nil, err
	}
	if a.Distance, err = p.lab.Recall(ctx, gaps); err != nil {
		return nil, err
	}
	if a.Agrees, err = p.lab.Agreement(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		a.Agrees = nil // a vocabulary without these verbs: the rest stands
	}
	return a, nil
}

// inspectEmbed maps the token table.
func inspectEmbed(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newInspection("embed", corpusUsage, out, errOut).withCorpus(20000, "")
	mapped := p.Int("map", 300, "frequent tokens of the corpus that are mapped")
	words := p.String("words", " the, he, good, day, two,?", "tokens, separated by commas, a blank being part of them, whose nearest are listed; #17 is token 17")
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	var show []int32
	for w := range strings.SplitSeq(*words, ",") {
		id, err := p.lab.Token(w)
		if err != nil {
			var r *interp.RangeError
			if errors.As(err, &r) || isSet(p.FlagSet, "words") {
				return usageError{err}
			}
			continue // a vocabulary without one of the words that nobody asked for
		}
		show = append(show, id)
	}
	x, err := p.lab.Embed(ctx, p.corpus(), *mapped, show)
	if err != nil {
		return err
	}
	return p.show(x, x.Report())
}

// isSet reports whether a flag was given.
func isSet(fs *flag.FlagSet, name string) (set bool) {
	fs.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// inspectSimilarity compares the layers of one model or two.
func inspectSimilarity(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newInspection("similarity", corpusUsage, out, errOut).withCorpus(20000, "")
	with := p.String("with", "", "another model `file` of the same vocabulary: a checkpoint, another architecture, another quantisation")
	places := p.Int("places", 400, "places of the corpus that are compared")
	shuffles := p.Int("shuffles", 20, "shuffled orders as a null model")
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	var other *interp.Lab
	if *with != "" {
		var err error
		if other, err = p.another(*with); err != nil {
			return err
		}
	}
	v, err := p.lab.Similarity(ctx, other, p.corpus(), *places, *shuffles)
	if err != nil {
		return err
	}
	return p.show(v, v.Report())
}
