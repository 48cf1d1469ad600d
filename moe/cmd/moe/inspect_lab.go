package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"moebot/moe/gguf"
	"moebot/moe/interp"
	"moebot/moe/kernel"
	"moebot/moe/model"
	"moebot/moe/prompt"
	"moebot/moe/tokenizer"
)

// inspection is one run of an instrument: the flags they share, the model, and how
// results are shown.
type inspection struct {
	*flag.FlagSet
	name        string
	out, errOut io.Writer

	path            *string
	length, threads *int
	json, csv       *bool
	table, plot     *string
	rows            *int
	tokens          *int  // of instruments that read a corpus
	chat            *bool // of instruments that read one text

	read *interp.Corpus // the last
	lab  *interp.Lab
	pool *kernel.Pool
	open []*gguf.File
	bar  *bar
}

// newInspection has the flags of instruments whose result show prints.
func newInspection(name, usage string, out, errOut io.Writer) *inspection {
	p := newWholeInspection(name, usage, out, errOut)
	p.BoolVar(p.csv, "csv", false, "print a table as CSV")
	p.StringVar(p.table, "table", "", "the `name` of the table to print; without it -csv prints the first, else all are shown")
	p.IntVar(p.rows, "rows", 30, "rows shown of each table; 0 shows all")
	p.StringVar(p.plot, "plot", "", "draw a picture into this `file`, .png or .svg")
	return p
}

// newWholeInspection has the flags of all inspections.
func newWholeInspection(name, usage string, out, errOut io.Writer) *inspection {
	p := &inspection{FlagSet: newFlags("inspect "+name, errOut), name: name, out: out, errOut: errOut, csv: new(bool), table: new(string), rows: new(int), plot: new(string)}
	p.path = p.String("m", "", modelFlag)
	p.length = p.Int("length", 256, "tokens of a sequence at most")
	p.threads = p.Int("t", 0, "threads; 0 is one for each processor")
	p.json = p.Bool("json", false, "print the data as JSON")
	p.Usage = func() {
		fmt.Fprintf(errOut, "usage: moe inspect %s [flags] %s\n", name, usage)
		p.PrintDefaults()
	}
	return p
}

// keepsTokens is said of instruments that need more memory for more text.
const keepsTokens = "; the routing of each is kept in memory, 8 bytes for each layer and 40 more"

// withCorpus adds the flag of instruments that read a corpus, whose files are the
// arguments; more is said of the flag in its help.
func (p *inspection) withCorpus(tokens int, more string) *inspection {
	p.tokens = p.Int("tokens", tokens, "tokens of the corpus read at most, the same from each file; 0 reads all"+more)
	return p
}

// withText adds the flag of instruments that read one text, their arguments.
func (p *inspection) withText() *inspection {
	p.chat = p.Bool("chat", false, "the text is a message to the model, in its chat format")
	return p
}

// start reads the flags and opens the model. close must be called after it, whatever it returns.
func (p *inspection) start(args []string) error {
	if err := parseArgs(p.FlagSet, args); err != nil {
		return err
	}
	if format(*p.plot) == "" && *p.plot != "" {
		return usageError{fmt.Errorf("-plot is %q, want a file .png or .svg", *p.plot)}
	}
	if *p.json && *p.csv {
		return usageError{errors.New("-json and -csv exclude each other")}
	}
	if *p.threads < 0 || *p.length < 2 || p.tokens != nil && *p.tokens < 0 {
		return usageError{errors.New("-t and -tokens must not be negative, -length is 2 at least")}
	}
	if err := canWrite(*p.plot); err != nil {
		return err
	}
	p.pool = kernel.NewPool(*p.threads)
	p.bar = newBar(p.errOut)
	lab, err := p.another(*p.path)
	p.lab = lab
	return err
}

// another opens a further model.
func (p *inspection) another(path string) (*interp.Lab, error) {
	m, f, err := openModel(path)
	if err != nil {
		return nil, err
	}
	p.open = append(p.open, f)
	tok, err := tokenizerOf(path, f)
	if err != nil {
		return nil, err
	}
	lab, err := p.labOf(m, tok)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", label(path), err)
	}
	return lab, nil
}

func (p *inspection) labOf(m *model.Model, tok *tokenizer.Tokenizer) (*interp.Lab, error) {
	lab, err := interp.New(m, tok, p.pool, *p.length)
	if err == nil {
		lab.Progress = p.bar.show
	}
	return lab, err
}

func (p *inspection) close() {
	if p.bar != nil {
		p.bar.clear()
	}
	for _, f := range p.open {
		f.Close()
	}
	if p.pool != nil {
		p.pool.Close()
	}
}

// corpus is that of the arguments.
func (p *inspection) corpus() *interp.Corpus { return p.corpusOf(p.Args(), *p.tokens) }

// corpusOf is a corpus whose malformed lines told names in the end.
func (p *inspection) corpusOf(files []string, tokens int) *interp.Corpus {
	p.read = &interp.Corpus{Files: files, Tokens: tokens}
	return p.read
}

// told says on the error output what the last corpus had that could not be read.
func (p *inspection) told() {
	if c := p.read; c != nil && c.Skipped > 0 {
		fmt.Fprintf(p.errOut, "%d lines of the corpus skipped, the first: %v\n", c.Skipped, c.First)
	}
}

// text is the arguments as tokens, or a sentence of our own if there are none.
func (p *inspection) text(otherwise string) ([]int32, error) {
	text := strings.Join(p.Args(), " ")
	if text == "" {
		text = otherwise
	}
	if !*p.chat {
		return p.lab.Encode(text, true), nil
	}
	return p.message(text)
}

// message is a prompt that holds one message.
func (p *inspection) message(text string) ([]int32, error) {
	tmpl, err := prompt.New(p.lab.Tok)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", label(*p.path), err)
	}
	ids := tmpl.Render([]prompt.Turn{{Role: prompt.User, Text: text}})
	if len(ids) > p.lab.Length() {
		return nil, fmt.Errorf("the message is %d tokens long, want %d at most", len(ids), p.lab.Length())
	}
	return ids, nil
}

// format is that of a picture file, "" for none known.
func format(path string) string {
	switch f := strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), "."); f {
	case "png", "svg":
		return f
	}
	return ""
}

// show prints an instrument's result the way the flags ask for and draws it.
func (p *inspection) show(data any, r interp.Report) error {
	p.bar.clear()
	p.told()
	if *p.plot != "" {
		if err := writeFile(*p.plot, func(w io.Writer) error { return interp.Draw(w, format(*p.plot), r.Figures) }); err != nil {
			return err
		}
	}
	tables := r.Tables
	if *p.table != "" || *p.csv {
		var names []string
		tables = nil
		for _, t := range r.Tables {
			if names = append(names, t.Name); t.Name == *p.table || *p.table == "" && tables == nil {
				tables = []interp.Table{t}
			}
		}
		if tables == nil {
			return usageError{fmt.Errorf("no table %q, want one of %s", *p.table, strings.Join(names, ", "))}
		}
	}
	switch {
	case *p.json:
		e := json.NewEncoder(p.out)
		return e.Encode(struct {
			Instrument string `json:"instrument"`
			Model      string `json:"model"`
			Finding    string `json:"finding"`
			Data       any    `json:"data"`
		}{p.name, label(*p.path), r.Finding, data})
	case *p.csv:
		return tables[0].CSV(p.out)
	}
	fmt.Fprintln(p.out, r.Finding)
	for _, t := range tables {
		if err := p.print(t); err != nil {
			return err
		}
	}
	return nil
}

func (p *inspection) print(t interp.Table) error {
	fmt.Fprintf(p.out, "\n%s:\n", t.Name)
	w := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(t.Header, "\t"))
	for i, row := range t.Rows {
		if *p.rows > 0 && i == *p.rows {
			break
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if more := len(t.Rows) - *p.rows; *p.rows > 0 && more > 0 {
		fmt.Fprintf(p.out, "and %d more (-rows 0 shows all)\n", more)
	}
	return nil
}
