package phrasebook

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Book is one file of intents with their lists and styles.
type Book struct {
	Name    string
	lists   map[string]*list
	made    map[string][]text
	styles  map[string][]text
	intents []*intent
	named   map[string]*intent
}

// list is a list of words, or a table; every row has a cell for each column.
type list struct {
	columns []string // the first is the list's own name
	rows    [][]string
}

// column is the index of a column, 0 for the unnamed first, -1 if there is none.
func (l *list) column(name string) int {
	if name == "" {
		return 0
	}
	for i, c := range l.columns {
		if c == name {
			return i
		}
	}
	return -1
}

type intent struct {
	name  string
	line  int
	start float64
	says  []text            // the person
	reply map[string][]text // the bot, by style; "" is the plain one
	next  []step
}

type step struct {
	name   string
	weight float64
	to     *intent
}

// Intents is the number of intents in the book.
func (b *Book) Intents() int { return len(b.intents) }

// LineError is a fault in a book.
type LineError struct {
	Book string
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.Book, e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// Read reads a book; name is for messages. All faults are in one error.
func Read(name string, r io.Reader) (*Book, error) {
	b := &reader{Book: Book{Name: name, lists: map[string]*list{}, made: map[string][]text{}, styles: map[string][]text{}, named: map[string]*intent{}}}
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		b.line++
		if err := b.statement(strings.TrimSpace(s.Text())); err != nil {
			b.fail(b.line, err)
		}
	}
	if err := s.Err(); err != nil {
		b.fail(b.line+1, err)
	}
	b.check()
	if len(b.errs) > 0 {
		return nil, errors.Join(b.errs...)
	}
	return &b.Book, nil
}

type reader struct {
	Book
	line int
	cur  *intent
	errs []error
}

func (b *reader) fail(line int, err error) {
	if len(b.errs) < 50 {
		b.errs = append(b.errs, &LineError{b.Name, line, err})
	}
}

func (b *reader) statement(s string) error {
	if s == "" || s[0] == '#' {
		return nil
	}
	word, rest, _ := strings.Cut(s, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "list", "table", "made", "style", "intent":
		b.cur = nil
	default:
		if b.cur == nil {
			return fmt.Errorf("%q stands outside an intent", word)
		}
	}
	switch {
	case word == "list":
		return b.list(rest)
	case word == "table":
		return b.table(rest)
	case word == "made":
		return b.makes(rest)
	case word == "style":
		name, texts, ok := strings.Cut(rest, ":")
		if !ok || name == "" {
			return errors.New("want style NAME: text | text")
		}
		alts, err := alternatives(texts)
		b.styles[strings.TrimSpace(name)] = append(b.styles[strings.TrimSpace(name)], alts...)
		return err
	case word == "intent":
		return b.intent(rest)
	case word == "start":
		w, err := strconv.ParseFloat(rest, 64)
		if err != nil || !(w >= 0 && w <= 1e6) {
			return fmt.Errorf("start %q is no weight", rest)
		}
		b.cur.start = w
		return nil
	case word == "next":
		return b.next(rest)
	case word == "u":
		alts, err := alternatives(rest)
		b.cur.says = append(b.cur.says, alts...)
		return err
	case word == "m" || strings.HasPrefix(word, "m@"):
		style := strings.TrimPrefix(strings.TrimPrefix(word, "m"), "@")
		alts, err := alternatives(rest)
		b.cur.reply[style] = append(b.cur.reply[style], alts...)
		return err
	}
	return fmt.Errorf("unknown statement %q", word)
}

var listName = regexp.MustCompile(`^[a-z][a-z-]*$`)

func (b *reader) define(name string, l *list) error {
	if err := b.free("list", name); err != nil {
		return err
	}
	if len(l.rows) == 0 {
		return fmt.Errorf("list %q is empty", name)
	}
	b.lists[name] = l
	return nil
}

// free reports what is wrong with a name for something that slots may stand for.
func (b *reader) free(what, name string) error {
	switch {
	case !listName.MatchString(name) || name == speaker:
		return fmt.Errorf("%s name %q: want lower case letters and hyphens, and not %q", what, name, speaker)
	case b.lists[name] != nil || b.made[name] != nil:
		return fmt.Errorf("%s %q is there twice", what, name)
	}
	return nil
}

func (b *reader) list(s string) error {
	name, rest, _ := strings.Cut(s, ":")
	name = strings.TrimSpace(name)
	l := &list{columns: []string{name}}
	for w := range strings.SplitSeq(rest, "|") {
		if w = strings.TrimSpace(w); w != "" {
			l.rows = append(l.rows, []string{w})
		}
	}
	return b.define(name, l)
}

func (b *reader) table(s string) error {
	head, rest, ok := strings.Cut(s, ":")
	name, columns, ok2 := strings.Cut(strings.TrimSpace(head), "(")
	if !ok || !ok2 || !strings.HasSuffix(columns, ")") {
		return errors.New("want table NAME(COLUMN, ...): row | row")
	}
	name = strings.TrimSpace(name)
	l := &list{columns: []string{name}}
	for c := range strings.SplitSeq(strings.TrimSuffix(columns, ")"), ",") {
		l.columns = append(l.columns, strings.TrimSpace(c))
	}
	for r := range strings.SplitSeq(rest, "|") {
		if strings.TrimSpace(r) == "" {
			continue
		}
		var row []string
		for c := range strings.SplitSeq(r, ",") {
			row = append(row, strings.TrimSpace(c))
		}
		if len(row) != len(l.columns) {
			return fmt.Errorf("row %q has %d cells, the table %d columns", strings.TrimSpace(r), len(row), len(l.columns))
		}
		l.rows = append(l.rows, row)
	}
	return b.define(name, l)
}

// makes reads a made value. It may use lists that stand above it, and no made ones, so that none is made of itself.
func (b *reader) makes(s string) error {
	name, rest, _ := strings.Cut(s, ":")
	name, rest = strings.TrimSpace(name), strings.TrimSpace(rest)
	if err := b.free("made", name); err != nil {
		return err
	}
	if rest == "" {
		return fmt.Errorf("made %q is empty", name)
	}
	alts, err := alternatives(rest)
	for _, t := range alts {
		t.slots(func(s *slot) {
			if err == nil {
				err = b.known(s)
			}
		})
	}
	if err != nil {
		return fmt.Errorf("made %q: %w", name, err)
	}
	b.made[name] = alts
	return nil
}

// known reports what is wrong with a slot that is to stand for a list's value.
func (b *reader) known(s *slot) error {
	l := b.lists[s.list]
	switch {
	case l == nil:
		return fmt.Errorf("no list %q", s.list)
	case l.column(s.column) < 0:
		return fmt.Errorf("list %q has no column %q", s.list, s.column)
	}
	return nil
}

func (b *reader) intent(name string) error {
	if name == "" || strings.ContainsAny(name, " ,") {
		return fmt.Errorf("intent name %q", name)
	}
	if old := b.named[name]; old != nil {
		return fmt.Errorf("intent %q is there twice, first in line %d", name, old.line)
	}
	b.cur = &intent{name: name, line: b.line, start: 1, reply: map[string][]text{}}
	b.intents = append(b.intents, b.cur)
	b.named[name] = b.cur
	return nil
}

func (b *reader) next(s string) error {
	for e := range strings.SplitSeq(s, ",") {
		f := strings.Fields(e)
		w := 1.0
		if len(f) == 2 {
			var err error
			if w, err = strconv.ParseFloat(f[1], 64); err != nil || !(w > 0 && w <= 1e6) {
				return fmt.Errorf("next %q: %q is no weight", f[0], f[1])
			}
		} else if len(f) != 1 {
			return fmt.Errorf("next: want NAME or NAME WEIGHT, have %q", strings.TrimSpace(e))
		}
		b.cur.next = append(b.cur.next, step{name: f[0], weight: w})
	}
	return nil
}

// check resolves names and sees to it that talk can begin.
func (b *reader) check() {
	if len(b.errs) == 0 && !slices.ContainsFunc(b.intents, func(in *intent) bool { return in.start > 0 }) {
		b.fail(max(1, b.line), errors.New("no intent begins a conversation: there is none, or all have start 0"))
	}
	for _, in := range b.intents {
		if len(in.says) == 0 || len(in.reply) == 0 {
			b.fail(in.line, fmt.Errorf("intent %q needs u and m lines", in.name))
		}
		for i := range in.next {
			if in.next[i].to = b.named[in.next[i].name]; in.next[i].to == nil {
				b.fail(in.line, fmt.Errorf("intent %q: next names no intent: %q", in.name, in.next[i].name))
			}
		}
		for style, texts := range in.reply {
			if style != "" && b.styles[style] == nil {
				b.fail(in.line, fmt.Errorf("intent %q: style %q is not defined", in.name, style))
			}
			b.checkSlots(in, texts)
		}
		b.checkSlots(in, in.says)
	}
}

func (b *reader) checkSlots(in *intent, texts []text) {
	for _, t := range texts {
		t.slots(func(s *slot) {
			if (s.list == speaker && s.which == 1 || b.made[s.list] != nil) && s.column == "" {
				return
			}
			if err := b.known(s); err != nil {
				b.fail(in.line, fmt.Errorf("intent %q: %w", in.name, err))
			}
		})
	}
}
