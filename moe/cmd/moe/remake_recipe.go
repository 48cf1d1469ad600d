package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"moebot/moe/train"
)

// remakeRun is recipe-N.json, and what else there is to say of that run.
type remakeRun struct {
	train.Config
	more remakeMore
}

// remakeMore is recipe-N-more.json, which a run need not have: what run N reads otherwise
// than the others, and what its end is averaged with before the next begins.
type remakeMore struct {
	Seed    int            `json:"seed"`    // of the conversations from the phrasebooks; 0 is 1
	Again   map[string]int `json:"again"`   // {"some text": 9} are nine of each conversation in which that is said
	Once    []string       `json:"once"`    // sources without pieces that mostly repeat earlier ones
	Average shares         `json:"average"` // what is averaged into its end
}

// shares says how much of the weights of other runs, as the next run began with them, is
// averaged into the end of one: {"7": 0.25} is a quarter of run 7's.
type shares map[int]float64

// reads reports whether the run has shards of its own.
func (m remakeMore) reads() bool { return m.Seed > 0 || len(m.Again) > 0 || len(m.Once) > 0 }

// remakeEnd is recipe-end.json: what becomes of the weights that the last run ends with.
type remakeEnd struct {
	Name    string   `json:"name"`    // of the model
	Average shares   `json:"average"` // what is averaged into it
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
		m.runs = append(m.runs, remakeRun{Config: c})
		if err := m.readMore(n); err != nil {
			return err
		}
	}
	file := filepath.Join(m.recipe, "recipe-end.json")
	if err := readStrictly(file, &m.end); err != nil {
		return err
	}
	last := len(m.runs)
	if len(m.runs[last-1].more.Average) > 0 {
		return fmt.Errorf("%s: what the last run is averaged with belongs into recipe-end.json", m.moreFile(last))
	}
	switch e := m.end; {
	case e.Name == "":
		return fmt.Errorf("%s: no name", file)
	case !coolable(e.Cool):
		return fmt.Errorf("%s: cool is %g, want 0.1 to 10", file, e.Cool)
	}
	err := m.averageable(last, m.end.Average)
	if err == nil {
		_, err = exportType(m.end.Type)
	}
	for _, rule := range m.end.Set {
		_, e := quantRule(rule)
		err = errors.Join(err, e)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func (m *remake) moreFile(n int) string {
	return filepath.Join(m.recipe, fmt.Sprintf("recipe-%d-more.json", n))
}

// readMore reads recipe-N-more.json, if there is one.
func (m *remake) readMore(n int) error {
	more, file := &m.runs[n-1].more, m.moreFile(n)
	if err := readStrictly(file, more); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if more.Seed < 0 {
		return fmt.Errorf("%s: seed is %d, want a number from 0", file, more.Seed)
	}
	for text, times := range more.Again {
		if text == "" || times < 1 {
			return fmt.Errorf("%s: again: %q: %d: want a text and a number from 1", file, text, times)
		}
	}
	for _, source := range more.Once {
		if !slices.ContainsFunc(m.runs[n-1].Phases, func(p train.Phase) bool { return p.Mix.Weights[source] > 0 }) {
			return fmt.Errorf("%s: once: the run reads no source %q", file, source)
		}
	}
	if err := m.averageable(n, more.Average); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// averageable is an error unless shares of those runs can be averaged into the end of run n.
func (m *remake) averageable(n int, others shares) error {
	all := 0.0
	for _, other := range slices.Sorted(maps.Keys(others)) {
		share := others[other]
		switch all += share; {
		case other < 1 || other >= n:
			return fmt.Errorf("average has run %d, want one of those before run %d", other, n)
		case !sameShape(m.runs[other-1].Model, m.runs[n-1].Model):
			return fmt.Errorf("average has run %d, whose model has another shape than that of run %d", other, n)
		case !(share > 0 && share <= 1), all > 1+1e-9:
			return fmt.Errorf("average has %g of run %d, want more than 0 and 1 at most of all together", share, other)
		}
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
