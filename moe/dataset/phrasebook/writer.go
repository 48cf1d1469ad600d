package phrasebook

import (
	"math/rand/v2"
	"slices"
	"strings"

	"moebot/moe/dataset"
)

// Writer writes conversations at random. The same books and seed give the same
// conversations.
type Writer struct {
	rng    *rand.Rand
	topics []topic
	total  float64 // of the start weights
	styled []styled
}

// topic is an intent that may open a conversation.
type topic struct {
	book *Book
	in   *intent
}

// styled is a style with the intents that have replies in it.
type styled struct {
	book   *Book
	name   string
	topics []topic
}

// The shares of conversations with some trait, from 0 to 1.
const (
	namedShare  = 0.5  // people have names
	crowdShare  = 0.2  // of those: several people take turns
	styledShare = 0.06 // a system text asks for a style
	goOn        = 0.85 // an intent with next goes on with one of them
	newTopic    = 0.45 // else another topic follows
	maxTurns    = 8    // exchanges of a conversation
)

// NewWriter returns a writer over books.
func NewWriter(books []*Book, seed uint64) *Writer {
	w := &Writer{rng: rand.New(rand.NewPCG(seed, 0x626f6f6b))}
	for _, b := range books {
		for _, in := range b.intents {
			w.topics = append(w.topics, topic{b, in})
			w.total += in.start
		}
		for _, name := range b.styleNames() {
			s := styled{book: b, name: name}
			for _, in := range b.intents {
				if in.start > 0 && len(in.reply[name]) > 0 {
					s.topics = append(s.topics, topic{b, in})
				}
			}
			if len(s.topics) > 0 {
				w.styled = append(w.styled, s)
			}
		}
	}
	return w
}

func (b *Book) styleNames() []string {
	var out []string
	for name := range b.styles {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Next writes one conversation; it has at least one exchange. There must be a book.
func (w *Writer) Next() dataset.Document {
	t := &talk{w: w, hand: w.hand()}
	t.people = w.people()
	t.doc = dataset.Document{Source: "phrasebook", Kind: "own"}
	var style string
	draw := w.topic
	if len(w.styled) > 0 && w.rng.Float64() < styledShare {
		s := w.styled[w.rng.IntN(len(w.styled))]
		style = s.name
		draw = func() topic { return s.topics[w.rng.IntN(len(s.topics))] }
		c := w.scene(s.book, "")
		t.doc.Messages = append(t.doc.Messages, dataset.Message{Role: "system", Content: c.say(s.book.styles[style])})
	}
	t.topics(draw, style)
	return t.doc
}

// topic draws an opening by weight.
func (w *Writer) topic() topic {
	x := w.rng.Float64() * w.total
	for _, t := range w.topics {
		if x -= t.in.start; x < 0 {
			return t
		}
	}
	for _, t := range w.topics { // rounding
		if t.in.start > 0 {
			return t
		}
	}
	panic("phrasebook: no intent may open a conversation")
}

func (w *Writer) scene(b *Book, name string) *scene {
	return &scene{rng: w.rng, book: b, name: name, rows: map[string]map[int]int{}, made: map[string]map[int]string{}}
}

// people are the names of those who talk; one nameless person is "".
func (w *Writer) people() []string {
	if w.rng.Float64() >= namedShare {
		return []string{""}
	}
	n := 1
	if w.rng.Float64() < crowdShare {
		n = 2 + w.rng.IntN(2)
	}
	var out []string
	for len(out) < n {
		if name := w.nick(); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// talk is a conversation in the making.
type talk struct {
	w      *Writer
	hand   hand
	people []string
	doc    dataset.Document
}

// topics fills the conversation with topics that draw gives.
func (t *talk) topics(draw func() topic, style string) {
	rng := t.w.rng
	used := map[*intent]bool{}
	for turns := 0; turns < maxTurns; {
		at := draw()
		if used[at.in] && turns > 0 {
			return
		}
		name := t.people[rng.IntN(len(t.people))]
		c := t.w.scene(at.book, name)
		for in := at.in; in != nil && turns < maxTurns; turns++ {
			used[in] = true
			t.exchange(c, in, style)
			in = t.follow(in, style, used)
		}
		if rng.Float64() >= newTopic {
			return
		}
	}
}

func (t *talk) exchange(c *scene, in *intent, style string) {
	says := t.hand.write(t.w.rng, c.say(in.says))
	t.doc.Messages = append(t.doc.Messages,
		dataset.Message{Role: "user", Name: c.name, Content: says},
		dataset.Message{Role: "assistant", Content: capital(c.say(in.answers(style)))})
}

// answers are the replies in a style, or the plain ones where it has none.
func (in *intent) answers(style string) []text {
	if r := in.reply[style]; len(r) > 0 {
		return r
	}
	for _, style := range append([]string{""}, in.styles()...) {
		if r := in.reply[style]; len(r) > 0 {
			return r
		}
	}
	return nil
}

func (in *intent) styles() []string {
	var out []string
	for s := range in.reply {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// follow draws what comes after in, nil for nothing.
func (t *talk) follow(in *intent, style string, used map[*intent]bool) *intent {
	if len(in.next) == 0 || t.w.rng.Float64() >= goOn {
		return nil
	}
	total := 0.0
	for _, s := range in.next {
		total += s.weight
	}
	x := t.w.rng.Float64() * total
	for _, s := range in.next {
		if x -= s.weight; x < 0 {
			if used[s.to] || style != "" && len(s.to.reply[style]) == 0 {
				return nil
			}
			return s.to
		}
	}
	return nil
}

// hand is how a person writes.
type hand struct{ capitals, stops, calls bool }

func (w *Writer) hand() hand {
	return hand{capitals: w.rng.Float64() < 0.35, stops: w.rng.Float64() < 0.3, calls: w.rng.Float64() < 0.1}
}

// write is s as the person writes it.
func (h hand) write(rng *rand.Rand, s string) string {
	if h.calls && rng.Float64() < 0.5 && !strings.Contains(s, "moebot") {
		s = []string{"moebot, ", "hey moebot, ", "moebot ", "ok moebot, "}[rng.IntN(4)] + s
	}
	if h.capitals {
		s = capital(s)
		for _, w := range []struct{ low, high string }{{" i ", " I "}, {" i'm", " I'm"}, {" i'd", " I'd"}, {" i've", " I've"}, {" i'll", " I'll"}} {
			s = strings.ReplaceAll(s, w.low, w.high)
		}
	}
	if h.stops && s != "" && !strings.ContainsAny(s[len(s)-1:], ".?!:)") {
		s += "."
	}
	if !h.stops && !h.capitals && rng.Float64() < 0.25 {
		s = strings.TrimSuffix(s, "?")
	}
	return s
}

// nick is a name as people have them in chats.
func (w *Writer) nick() string {
	n := nicks[w.rng.IntN(len(nicks))]
	switch w.rng.IntN(8) {
	case 0:
		return strings.ToLower(n)
	case 1:
		return strings.ToLower(n) + [...]string{"7", "42", "99", "_x", "123", "_the_cat", "2010", "ish"}[w.rng.IntN(8)]
	}
	return n
}

var nicks = strings.Fields(`Aaron Abby Ada Adam Aiko Alan Alex Alice Alma Amir Amy Ana Andrei Angela Anna Arjun Arthur Astrid Ayla Ben Bella
Bianca Bob Boris Bruno Cara Carl Carla Cathy Chen Chris Clara Claire Colin Dan Dana Daniel Dave David Deniz Diana Diego Dina Dora Ed Elena
Eli Elif Ella Emil Emily Emma Eric Erik Eva Fabian Felix Fiona Frank Frida Gabriel George Gina Grace Greg Hannah Harry Hassan Heidi Helen
Henry Hugo Ian Igor Ines Ingrid Iris Isabel Ivan Jack Jacob James Jana Jane Jason Jen Jens Jim Joe John Jonas Josh Julia Jun Kai Karen Karl
Kate Ken Kenji Kevin Kim Kira Lara Laura Lea Lee Lena Leo Lev Lily Lin Linda Lisa Liv Louis Lucy Luis Lukas Luna Maja Marc Marco Maria Mario
Mark Marta Martin Mary Mateo Matt Max Maya Mei Mia Mike Mila Milo Mira Miro Mohamed Mona Nadia Naomi Nick Nico Nina Noah Nora Olaf Olivia Omar
Oscar Otto Pat Paul Paula Pavel Pedro Peter Pia Priya Rachel Ralf Ravi Ray Rita Rob Robin Rosa Ruby Ruth Ryan Sam Sara Sasha Sean Sofia Sonia
Steve Sue Sven Tania Tara Ted Tim Tina Tom Toni Ugo Uma Vera Victor Viola Wei Will Yan Yuki Yusuf Zara Zoe shadow pixel noodle biscuit
comet raven frog panda muffin ghost tiger pancake robo cosmo echo nova storm maple`)
