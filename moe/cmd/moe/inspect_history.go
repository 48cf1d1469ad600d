package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moebot/moe/checkpoint"
	"moebot/moe/gguf"
	"moebot/moe/interp"
	"moebot/moe/model"
	"moebot/moe/tensor"
	"moebot/moe/train"
)

// stageFile is one model of a history.
type stageFile struct {
	path string
	step int // -1 if the file does not say
	null bool
}

// inspectHistory measures a row of checkpoints or models.
func inspectHistory(ctx context.Context, args []string, out, errOut io.Writer) error {
	p := newInspection("history", "RUN|CHECKPOINT.ckpt|MODEL.gguf ...\nA RUN is a directory of moe train: its checkpoints, by their step. -m names the file with the vocabulary of checkpoints.", out, errOut).withCorpus(3000, keepsTokens)
	var files []string
	p.Func("corpus", corpusUsage+" to read; may be given several times", func(s string) error { files = append(files, s); return nil })
	null := p.Bool("null", true, "begin with the first model's weights shuffled, the null model")
	defer p.close()
	if err := p.start(args); err != nil {
		return err
	}
	row, err := stagesOf(p.Args())
	if err != nil {
		return err
	}
	if *null {
		row = append([]stageFile{{path: row[0].path, null: true}}, row...)
	}
	open := func(i int) (interp.Opened, error) { return p.stage(row[i], i) }
	g, err := interp.History(ctx, len(row), open, p.corpusOf(files, *p.tokens), p.bar.show)
	if err != nil {
		return err
	}
	return p.show(g, g.Report())
}

// stagesOf finds the models that the arguments name.
func stagesOf(args []string) (row []stageFile, err error) {
	if len(args) == 0 {
		return nil, usageError{errors.New("usage: moe inspect history [flags] RUN|CHECKPOINT.ckpt|MODEL.gguf and more")}
	}
	for _, path := range args {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		found := []string{path}
		if info.IsDir() {
			if found, err = filepath.Glob(filepath.Join(path, "*.ckpt")); err != nil {
				return nil, err
			}
			found = slices.DeleteFunc(found, func(f string) bool { return strings.HasPrefix(filepath.Base(f), ".") }) // what a kill left of a save
			if len(found) == 0 {
				return nil, fmt.Errorf("%s: no checkpoints (*.ckpt) in this directory", path)
			}
		}
		var part []stageFile
		for _, f := range found {
			s := stageFile{path: f, step: -1}
			if strings.HasSuffix(f, ".ckpt") {
				var st struct {
					Step int `json:"step"`
				}
				c, err := checkpoint.Open(f, &st)
				if err != nil {
					return nil, err
				}
				c.Close()
				s.step = st.Step
			}
			part = append(part, s)
		}
		slices.SortStableFunc(part, func(a, b stageFile) int { return cmp.Compare(a.step, b.step) })
		row = append(row, part...)
	}
	return row, nil
}

// stage opens the i-th model of the row.
func (p *inspection) stage(s stageFile, i int) (interp.Opened, error) {
	f, err := p.stageFile(s.path)
	if err != nil {
		return interp.Opened{}, err
	}
	o := interp.Opened{Name: filepath.Base(label(s.path)), Step: s.step, Null: s.null, Close: func() { f.Close() }}
	var src model.Source = f
	if s.null {
		o.Name += ", weights shuffled"
		src = interp.Shuffled(f, 1)
	}
	if o.Step < 0 {
		o.Step = i
	}
	fail := func(err error) (interp.Opened, error) {
		f.Close()
		return interp.Opened{}, fmt.Errorf("%s: %w", s.path, err)
	}
	m, err := model.Load(src)
	if err != nil {
		return fail(err)
	}
	tok, err := model.Tokenizer(f)
	if err != nil {
		return fail(err)
	}
	if o.Lab, err = p.labOf(m, tok); err != nil {
		return fail(err)
	}
	return o, nil
}

// stageFile opens a model file, or a checkpoint as one with the vocabulary of -m.
func (p *inspection) stageFile(path string) (*gguf.File, error) {
	if !strings.HasSuffix(path, ".ckpt") {
		return openFile(path)
	}
	c, weights, err := train.Weights(path, p.lab.Tok.Spec())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := train.Export(&b, c, weights, p.lab.Tok.Spec(), train.About{}, tensor.F32); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return gguf.Parse(b.Bytes())
}
