package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"moebot/moe/train"
)

// remakeRun is recipe-N.json, and what of the phrasebooks that run reads several times,
// by recipe-N-again.json: {"some text": 9} are nine of each conversation in which that is
// said. Without that file it is nil.
type remakeRun struct {
	train.Config
	again map[string]int
}

// remakeEnd is recipe-end.json: what becomes of the weights that the last run ends with.
type remakeEnd struct {
	Name    string   `json:"name"`    // of the model
	Average int      `json:"average"` // the run whose end is averaged in; 0 for none
	Share   float64  `json:"share"`   // of that run's weights, 0 to 1
	Cool    float64  `json:"cool"`    // what the logits are divided by
	Type    string   `json:"type"`    // of the file's matrices
	Set     []string `json:"set"`     // others of some, as moe quantize -set wants them
}

// readRecipe reads the whole recipe, so that a slip in its last file is not found hours
// after the first run was begun.
func (m *remake) readRecipe() error {
	for n := 1; ; n++ {
		file := filepath.Join(m.recipe, fmt.Sprintf("recipe-%d.json", n))
		if _, err := os.Stat(file); n > 1 && errors.Is(err, os.ErrNotExist) {
			break
		}
		c, err := train.ReadConfig(file)
		if err != nil {
			return err
		}
		if m.steps > 0 {
			c.Steps, c.Minutes = m.steps, 0
		}
		run := remakeRun{Config: c}
		list := filepath.Join(m.recipe, fmt.Sprintf("recipe-%d-again.json", n))
		if err := readStrictly(list, &run.again); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for text, times := range run.again {
			if text == "" || times < 1 {
				return fmt.Errorf("%s: %q: %d: want a text and a number from 1", list, text, times)
			}
		}
		m.runs = append(m.runs, run)
	}
	file := filepath.Join(m.recipe, "recipe-end.json")
	if err := readStrictly(file, &m.end); err != nil {
		return err
	}
	switch e := m.end; {
	case e.Name == "":
		return fmt.Errorf("%s: no name", file)
	case e.Average < 0 || e.Average >= len(m.runs):
		return fmt.Errorf("%s: average is run %d, want one of those before the last of %d, or 0", file, e.Average, len(m.runs))
	case e.Average > 0 && !sameShape(m.runs[e.Average-1].Model, m.runs[len(m.runs)-1].Model):
		return fmt.Errorf("%s: average is run %d, whose model has another shape than the last", file, e.Average)
	case !(e.Share >= 0 && e.Share <= 1), (e.Share > 0) != (e.Average > 0):
		return fmt.Errorf("%s: share is %g of run %d, want 0 to 1, and 0 without a run", file, e.Share, e.Average)
	case !coolable(e.Cool):
		return fmt.Errorf("%s: cool is %g, want 0.1 to 10", file, e.Cool)
	}
	_, err := exportType(m.end.Type)
	for _, rule := range m.end.Set {
		_, e := quantRule(rule)
		err = errors.Join(err, e)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// readStrictly reads a file of JSON without unknown keys.
func readStrictly(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%s: something follows the JSON value", path)
	}
	return nil
}
