package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"moebot/moe/interp"
	"moebot/moe/model/steer"
)

// reportPart is one section of the report and how it is measured.
type reportPart struct {
	name, about, command string
	measure              func(ctx context.Context) (any, interp.Report, error)
}

// inspectReport runs all instruments and writes a page.
func inspectReport(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newWholeInspection("report", corpusUsage, out, errOut).withCorpus(6000, keepsTokens)
	output := p.String("o", "report.html", "`file` to write")
	run := p.String("run", "", "`directory` of the model's training, for its history")
	minutes := p.Float64("minutes", 30, "about how long it may take; where that does not suffice, less is looked at, and the page says so; 0 sets no bound")
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	if err := canWrite(*output); err != nil {
		return err
	}
	if !(*minutes >= 0) {
		return usageError{fmt.Errorf("-minutes is %v, want 0 or more", *minutes)}
	}
	row, err := p.row(*run)
	if err != nil {
		return err
	}
	work, err := p.bounded(ctx, wholeReport(*p.tokens), len(row), *minutes)
	if err != nil {
		return err
	}
	began := time.Now()
	page := interp.Page{Title: "Inside " + label(*p.path)}
	data := map[string]any{}
	for _, part := range p.parts(row, work) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.bar.clear()
		fmt.Fprintf(errOut, "%s\n", part.name)
		p.bar.start = time.Now()
		s := interp.Section{Name: part.name, About: part.about, Command: part.command}
		d, r, err := part.measure(ctx)
		switch {
		case err != nil && (ctx.Err() != nil || errors.Is(err, os.ErrNotExist)):
			return err
		case err != nil:
			s.Problem = err.Error()
		default:
			s.Report, data[part.name] = r, d
		}
		page.Sections = append(page.Sections, s)
	}
	p.bar.clear()
	p.told()
	total, active := p.lab.Model.Parameters()
	c := p.lab.Model.Config
	text := "a small text that comes with the program"
	if p.NArg() > 0 {
		text = strings.Join(p.Args(), ", ")
	}
	page.Facts = []string{
		fmt.Sprintf("%.2f million parameters, %.2f million at work for a token: %d layers of width %d, %d heads, %d experts of width %d, %d for each token, %d tokens in the vocabulary", float64(total)/1e6, float64(active)/1e6, c.Layers, c.Dim, c.Heads, max(c.Experts, 1), c.Hidden, max(c.TopK, 1), c.Vocab),
		fmt.Sprintf("Text read: %s, up to %d tokens", text, work.tokens),
		fmt.Sprintf("Measured in %.0f seconds", time.Since(began).Seconds()),
	}
	if work.note != "" {
		page.Facts = append(page.Facts, work.note)
	}
	var b bytes.Buffer
	if err := page.HTML(&b); err != nil {
		return err
	}
	if err := writeFile(*output, func(w io.Writer) error { _, err := w.Write(b.Bytes()); return err }); err != nil {
		return err
	}
	if *p.json {
		return json.NewEncoder(out).Encode(data)
	}
	for _, s := range page.Sections {
		if s.Problem != "" {
			s.Report.Finding = "not measured: " + s.Problem
		}
		fmt.Fprintf(out, "%s: %s\n\n", s.Name, s.Report.Finding)
	}
	fmt.Fprintf(out, "%s: %d KiB\n", *output, b.Len()>>10)
	return nil
}

// parts are all instruments with settings that suit a report.
func (p *inspection) parts(row []stageFile, work workload) []reportPart {
	lab, corpus := p.lab, p.corpusOf(p.Args(), work.tokens)
	command := func(rest string) string {
		s := "moe inspect " + rest
		if *p.path != "" {
			s += " -m " + *p.path
		}
		return s
	}
	return []reportPart{
		{"chain", "A text as a chain of tokens: how much each one surprises. The null model is the same tokens in random order.", command("chain"), func(ctx context.Context) (any, interp.Report, error) {
			c, err := lab.Chain(ctx, lab.Encode(sentence, true), []float64{0.5, 1, 1.5}, 5, 20)
			if err != nil {
				return nil, interp.Report{}, err
			}
			return c, c.Report(), nil
		}},
		{"lens", "What each layer would say next if it were the last. The null model reads the layer at another position.", command("lens"), func(ctx context.Context) (any, interp.Report, error) {
			v, err := lab.Lens(ctx, lab.Encode(sentence, true))
			if err != nil {
				return nil, interp.Report{}, err
			}
			return v, v.Report(), nil
		}},
		{"attention", "What the heads attend to, and how far back the model remembers. Null models: attention that is even, sequences that were not shown, and one half.", command("attention"), func(ctx context.Context) (any, interp.Report, error) {
			a, err := p.attention(ctx, corpus, -1, -1, sentence, work.gaps)
			if err != nil {
				return nil, interp.Report{}, err
			}
			return a, a.Report(), nil
		}},
		{"experts", "Which expert takes which token, and what it is worth. The null model shuffles the choices among the tokens.", command("experts"), func(ctx context.Context) (any, interp.Report, error) {
			x, err := lab.Experts(ctx, corpus, 20)
			if err != nil {
				return nil, interp.Report{}, err
			}
			if x.Loss, err = lab.ExpertLoss(ctx, corpus, work.effects, []int{1, 2, 3, 8}, work.silence); err != nil {
				return nil, interp.Report{}, err
			}
			return x, x.Report(), nil
		}},
		{"neurons", "How the neurons of the experts are used. The null model is normal noise.", command("neuron"), func(ctx context.Context) (any, interp.Report, error) {
			x, err := lab.Neurons(ctx, corpus)
			if err != nil {
				return nil, interp.Report{}, err
			}
			return x, x.Report(), nil
		}},
		{"concepts", "Which neurons tell the sentences of a concept from others. The null model takes the best of all neurons for shuffled labels.", command("neuron -concept all"), func(ctx context.Context) (any, interp.Report, error) {
			all, err := p.concepts(ctx, "all", "", "", work.shuffle)
			if err != nil {
				return nil, interp.Report{}, err
			}
			return all, interp.ConceptReport(all), nil
		}},
		{"embedding", "The geometry of the token table and how layers keep its neighbourhoods. Null models: shuffled elements, random maps, the third word of an analogy alone.", command("embed"), func(ctx context.Context) (any, interp.Report, error) {
			x, err := lab.Embed(ctx, corpus, min(300, lab.Model.Config.Vocab), nil)
			if err != nil {
				return nil, interp.Report{}, err
			}
			return x, x.Report(), nil
		}},
		{"similarity", "How alike the layers see the same places. The null model shuffles the places.", command("similarity"), func(ctx context.Context) (any, interp.Report, error) {
			v, err := lab.Similarity(ctx, nil, corpus, 300, 10)
			if err != nil {
				return nil, interp.Report{}, err
			}
			return v, v.Report(), nil
		}},
		{"probes", "What a linear probe reads from each layer, on groups of texts it did not learn from. Null models: the embedding, and shuffled labels.", command("probe"), func(ctx context.Context) (any, interp.Report, error) {
			v, err := lab.Probe(ctx, lab.ProbeSets(), work.stride)
			if err != nil {
				return nil, interp.Report{}, err
			}
			return v, v.Report(), nil
		}},
		{"circuit", "Which parts make the verb agree with its subject. Null models: parts from random tokens, and as many parts drawn at random.", command("circuit"), func(ctx context.Context) (any, interp.Report, error) {
			c, err := lab.Circuit(ctx, lab.AgreementPairs(), work.passes)
			if err != nil {
				return nil, interp.Report{}, err
			}
			return c, c.Report(), nil
		}},
		{"steering", "The direction from other sentences to those with numbers, added behind a layer in the middle. The null model adds random directions of the same length.", command("steer -edit direction:LAYER=2 -concept numbers"), p.steerPart},
		{"history", "What training made of it. The null model has the same weights in random places.", command("history"), func(ctx context.Context) (any, interp.Report, error) {
			g, err := p.growth(ctx, row, work.history)
			if err != nil {
				return nil, interp.Report{}, err
			}
			return g, g.Report(), nil
		}},
	}
}

func (p *inspection) steerPart(ctx context.Context) (any, interp.Report, error) {
	layer := p.lab.Model.Config.Layers / 2
	d, err := p.direction(ctx, layer, "numbers", "", "")
	if err != nil {
		return nil, interp.Report{}, err
	}
	ids := p.lab.Encode("Hello, how are you today?", true)
	if said, err := p.message("Hello, how are you today?"); err == nil {
		ids = said
	}
	s, err := p.lab.Steer(ctx, ids, []steer.Edit{{Kind: steer.Add, Layer: layer, Amount: 2, Direction: d}}, interp.SteerOptions{Tokens: 30, Seeds: 1, Random: 20})
	if err != nil {
		return nil, interp.Report{}, err
	}
	return s, s.Report(), nil
}

// row is the models of a run, or the model alone, the null model first.
func (p *inspection) row(run string) ([]stageFile, error) {
	row := []stageFile{{path: *p.path, step: -1}}
	if run != "" {
		var err error
		if row, err = stagesOf([]string{run}); err != nil {
			return nil, err
		}
	}
	return append([]stageFile{{path: row[0].path, null: true}}, row...), nil
}

// growth is the history of a row.
func (p *inspection) growth(ctx context.Context, row []stageFile, tokens int) (*interp.Growth, error) {
	open := func(i int) (interp.Opened, error) { return p.stage(row[i], i) }
	return interp.History(ctx, len(row), open, &interp.Corpus{Files: p.Args(), Tokens: tokens}, p.bar.show)
}
