package phrasebook

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// text is one alternative: its parts one after another.
type text []part

// part is a literal, a slot or a group; only one of them is set.
type part struct {
	literal string
	slot    *slot
	group   []text // one of these
}

// slot stands for a value: column of a row of list, or the speaker's name.
type slot struct {
	list   string // "name" for the speaker's name
	which  int    // 1, or n for the nth different row of the list
	column string // "" for the first
}

const speaker = "name"

// alternatives reads a line of texts with bars between them.
func alternatives(s string) ([]text, error) {
	p := &parser{rest: s}
	out, err := p.texts()
	if err == nil && p.rest != "" {
		err = errors.New(") without (")
	}
	return out, err
}

// maxNesting bounds the groups inside one another.
const maxNesting = 16

type parser struct {
	rest  string
	depth int
}

// texts reads until the end or a ) that it leaves there.
func (p *parser) texts() ([]text, error) {
	out := []text{nil}
	last := &out[0]
	for p.rest != "" {
		i := strings.IndexAny(p.rest, "()|<>")
		if i < 0 {
			i = len(p.rest)
		}
		if i > 0 {
			*last = append(*last, part{literal: p.rest[:i]})
			p.rest = p.rest[i:]
			continue
		}
		switch p.rest[0] {
		case ')':
			return out, nil
		case '|':
			p.rest = p.rest[1:]
			out = append(out, nil)
			last = &out[len(out)-1]
			continue
		case '(':
			g, err := p.group()
			if err != nil {
				return nil, err
			}
			*last = append(*last, part{group: g})
		case '<':
			s, err := p.slot()
			if err != nil {
				return nil, err
			}
			*last = append(*last, part{slot: s})
		case '>':
			return nil, errors.New("> without <")
		}
	}
	return out, nil
}

func (p *parser) group() ([]text, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, errors.New("groups are nested too deep")
	}
	p.rest = p.rest[1:]
	g, err := p.texts()
	if err != nil {
		return nil, err
	}
	if p.rest == "" {
		return nil, errors.New("( without )")
	}
	p.rest = p.rest[1:]
	p.depth--
	if len(g) == 1 {
		g = append(g, nil)
	}
	return g, nil
}

func (p *parser) slot() (*slot, error) {
	end := strings.IndexByte(p.rest, '>')
	if end < 0 {
		return nil, errors.New("< without >")
	}
	name := p.rest[1:end]
	p.rest = p.rest[end+1:]
	s := &slot{which: 1}
	name, s.column, _ = strings.Cut(name, ".")
	s.list = strings.TrimRight(name, "0123456789")
	if digits := name[len(s.list):]; digits != "" {
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > 99 {
			return nil, fmt.Errorf("slot <%s> has a number outside 1 to 99", name)
		}
		s.which = n
	}
	return s, nil
}

// slots calls f for every slot of t.
func (t text) slots(f func(*slot)) {
	for _, p := range t {
		if p.slot != nil {
			f(p.slot)
		}
		for _, g := range p.group {
			g.slots(f)
		}
	}
}

// scene is what the slots of a stretch of talk stand for.
type scene struct {
	rng  *rand.Rand
	book *Book
	name string                 // of the speaker, may be empty
	rows map[string]map[int]int // [list][which] row
	made map[string]map[int]string
}

// value is the word that s stands for, chosen now if it was not before.
func (c *scene) value(s *slot) string {
	if s.list == speaker {
		return c.name
	}
	if c.book.made[s.list] != nil {
		return c.makes(s)
	}
	l := c.book.lists[s.list]
	chosen := c.rows[s.list]
	if chosen == nil {
		chosen = map[int]int{}
		c.rows[s.list] = chosen
	}
	row, ok := chosen[s.which]
	if !ok {
		row = c.rng.IntN(len(l.rows))
		for tries := 0; tries < len(l.rows) && taken(chosen, row); tries++ {
			row = (row + 1) % len(l.rows)
		}
		chosen[s.which] = row
	}
	return l.rows[row][l.column(s.column)]
}

// makes is the made value that s stands for. Each is made of rows of its own.
func (c *scene) makes(s *slot) string {
	have := c.made[s.list]
	if have == nil {
		have = map[int]string{}
		c.made[s.list] = have
	}
	w, ok := have[s.which]
	if !ok {
		others := slices.Collect(maps.Values(have))
		for tries := 0; tries < 20 && (w == "" || slices.Contains(others, w)); tries++ {
			own := scene{rng: c.rng, book: c.book, rows: map[string]map[int]int{}}
			w = own.say(c.book.made[s.list])
		}
		have[s.which] = w
	}
	return w
}

func taken(chosen map[int]int, row int) bool {
	for _, r := range chosen {
		if r == row {
			return true
		}
	}
	return false
}

// sayable reports whether t can be said: not if it needs the name of one who has none.
func (c *scene) sayable(t text) bool {
	if c.name != "" {
		return true
	}
	for _, p := range t {
		if p.slot != nil && p.slot.list == speaker {
			return false
		}
	}
	return true
}

// pick chooses among the alternatives that can be said, nil if there is none.
func (c *scene) pick(from []text) text {
	n := 0
	for _, t := range from {
		if c.sayable(t) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	k := c.rng.IntN(n)
	for _, t := range from {
		if c.sayable(t) {
			if k == 0 {
				return t
			}
			k--
		}
	}
	return nil
}

// say is one of the alternatives in words.
func (c *scene) say(from []text) string {
	var b strings.Builder
	c.write(&b, c.pick(from))
	return tidy(b.String())
}

func (c *scene) write(b *strings.Builder, t text) {
	for _, p := range t {
		switch {
		case p.slot != nil:
			b.WriteString(c.value(p.slot))
		case p.group != nil:
			c.write(b, c.pick(p.group))
		default:
			b.WriteString(p.literal)
		}
	}
}

// tidy folds blanks and drops those before punctuation.
func tidy(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	for _, p := range []string{",", ".", "!", "?", ";", ":"} {
		s = strings.ReplaceAll(s, " "+p, p)
	}
	return strings.TrimLeft(s, ", ")
}

// capital makes the first letter of s a capital.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
