package phrasebook

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const small = `
# a book
list pet: cat | dog | hamster
table country(capital, language): France, Paris, French | Japan, Tokyo, Japanese
style pirate: Talk like a pirate. | You are a pirate.

intent owner
  start 2
  u i have a (very old|young|) <pet>
  m A <pet>(, <name>)! Not a <pet2>?
  m@pirate Arr, a <pet>!
  next name 3, name2
intent name
  start 0
  u the <pet> is called <name-of-pet>
  m What a name for a <pet>.
list name-of-pet: Tom | Tim
intent name2
  start 0
  u yes | no
  m I see .
intent capital
  u capital of <country>? | and of <country>
  m The capital of <country> is <country.capital>.
`

func mustRead(t *testing.T, s string) *Book {
	t.Helper()
	b, err := Read("book", strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestConversationsKeepToTheBook(t *testing.T) {
	w := NewWriter([]*Book{mustRead(t, small)}, 1)
	capitals := map[string]string{"France": "Paris", "Japan": "Tokyo"}
	seen := map[string]int{}
	for range 3000 {
		d := w.Next()
		m := d.Messages
		pirate := m[0].Role == "system"
		if pirate {
			seen["pirate"]++
			m = m[1:]
		}
		if len(m) == 0 || len(m)%2 != 0 {
			t.Fatalf("%d messages: %+v", len(m), d)
		}
		names := map[string]bool{}
		pet := ""
		for i := 0; i < len(m); i += 2 {
			u, a := m[i], m[i+1]
			names[u.Name] = true
			if strings.ContainsAny(u.Content+a.Content, "()|<>") || strings.Contains(a.Content, "  ") || strings.Contains(a.Content, " .") {
				t.Fatalf("%q → %q", u.Content, a.Content)
			}
			low := strings.ToLower(u.Content)
			switch {
			case strings.Contains(low, "capital of"):
				seen["capital"]++
				for c, city := range capitals {
					if strings.Contains(u.Content, c) && a.Content != "The capital of "+c+" is "+city+"." {
						t.Fatalf("%q → %q", u.Content, a.Content)
					}
				}
			case strings.Contains(low, "i have a "):
				words := strings.Fields(strings.TrimRight(low, ".?!"))
				pet = words[len(words)-1]
				want := []string{"A " + pet + "! Not a "}
				if u.Name != "" {
					want = append(want, "A "+pet+", "+u.Name+"! Not a ")
					if strings.Contains(a.Content, u.Name) {
						seen["by name"]++
					}
				}
				if pirate {
					want = []string{"Arr, a " + pet + "!"}
				}
				ok := false
				for _, x := range want {
					ok = ok || strings.HasPrefix(a.Content, x)
				}
				if !ok || strings.Contains(a.Content, "Not a "+pet) {
					t.Fatalf("%+v → %q, want %q and another pet", u, a.Content, want)
				}
			case strings.Contains(low, "is called"):
				seen["same pet"]++
				if a.Content != "What a name for a "+pet+"." {
					t.Fatalf("pet %s: %q → %q", pet, u.Content, a.Content)
				}
			}
		}
		seen[fmt.Sprintf("%d people", len(names))]++
	}
	for _, k := range []string{"pirate", "capital", "by name", "same pet", "1 people", "2 people"} {
		if seen[k] < 20 {
			t.Errorf("%s was seen %d times: %v", k, seen[k], seen)
		}
	}
}

func TestSameSeedSameConversations(t *testing.T) {
	b := mustRead(t, small)
	one, two, other := NewWriter([]*Book{b}, 7), NewWriter([]*Book{b}, 7), NewWriter([]*Book{b}, 8)
	differ := false
	for range 200 {
		d := one.Next()
		if e := two.Next(); !reflect.DeepEqual(d, e) {
			t.Fatalf("%+v\n%+v", d, e)
		}
		differ = differ || !reflect.DeepEqual(d, other.Next())
	}
	if !differ {
		t.Error("another seed writes the same")
	}
}

// What is made stays the same in a conversation's stretch, is another one the second time, and is seldom the same in two.
func TestMadeValuesAreSaidAgain(t *testing.T) {
	b := mustRead(t, `list end: ka | lo | mi | nu | pa | re
made word: (ba|de|fi|go|hu|ju)(sa|to|vi|we|xa|yu)<end><end2>
intent tell
  u <word> and <word2>
  m <word2> <word>
  next ask
intent ask
  start 0
  u what was it
  m <word>`)
	w := NewWriter([]*Book{b}, 5)
	first := map[string]bool{}
	asked := 0
	for range 300 {
		m := w.Next().Messages
		one, two, ok := strings.Cut(strings.ToLower(strings.TrimRight(m[0].Content[strings.Index(m[0].Content, " and ")-8:], ".")), " and ")
		if !ok || one == two || len(one) != 8 || len(two) != 8 {
			t.Fatalf("said %q", m[0].Content)
		}
		if got := strings.ToLower(m[1].Content); got != two+" "+one {
			t.Fatalf("%q → %q", m[0].Content, m[1].Content)
		}
		if len(m) > 2 && strings.HasPrefix(strings.ToLower(m[2].Content), "what was it") {
			asked++
			if got := strings.ToLower(m[3].Content); got != one {
				t.Fatalf("%q, asked: %q", m[0].Content, got)
			}
		}
		first[one] = true
	}
	if len(first) < 200 || asked < 50 {
		t.Errorf("%d different words in 300 conversations, %d asked for", len(first), asked)
	}
}

func TestFaultsAreNamed(t *testing.T) {
	for _, c := range []struct{ book, want string }{
		{"intent a\nu x\nm y <dog>", `book:1: intent "a": no list "dog"`},
		{"table t(c): a, b\nintent a\nu <t.d>\nm y", `book:2: intent "a": list "t" has no column "d"`},
		{"intent a\nu x\nm y\nnext b", `book:1: intent "a": next names no intent: "b"`},
		{"intent a\nu (x\nm y", "book:2: ( without )"},
		{"intent a\nu x)\nm y", "book:2: ) without ("},
		{"intent a\nu <x\nm y", "book:2: < without >"},
		{"intent a\nu x", `book:1: intent "a" needs u and m lines`},
		{"intent a\nu x\nm@z y", `book:1: intent "a": style "z" is not defined`},
		{"intent a\nu x\nm y\nintent a\nu x\nm y", `book:4: intent "a" is there twice, first in line 1`},
		{"u x", `book:1: "u" stands outside an intent`},
		{"list Pet: a", `book:1: list name "Pet"`},
		{"table t(c): a", `book:1: row "a" has 1 cells, the table 2 columns`},
		{"intent a\nstart 0\nu x\nm y", "book:4: no intent begins a conversation"},
		{"# nothing", "book:1: no intent begins"},
		{"intent a\nstart x", `book:2: start "x" is no weight`},
		{"made x: <y>\nlist y: a", `book:1: made "x": no list "y"`},
		{"made x: <name>", `book:1: made "x": no list "name"`},
		{"made x: a\nmade y: <x>", `book:2: made "y": no list "x"`},
		{"list x: a\nmade x: b", `book:2: made "x" is there twice`},
		{"made x: a\nlist x: b", `book:2: list "x" is there twice`},
		{"made x:", `book:1: made "x" is empty`},
		{"made x: (a", `book:1: made "x": ( without )`},
		{"made X: a", `book:1: made name "X": want lower case`},
		{"made x: a\nintent a\nu <x.y>\nm y", `book:2: intent "a": no list "x"`},
	} {
		_, err := Read("book", strings.NewReader(c.book))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %s", c.book, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(small)
	f.Add("intent a\nu ((((\nm <x9>")
	f.Add("list y: b | c\nmade x: (a|<y><y2>)\nintent a\nu <x>\nm <x2>")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := Read("book", strings.NewReader(s))
		if err != nil {
			return
		}
		w := NewWriter([]*Book{b}, 1)
		for range 3 {
			if d := w.Next(); len(d.Messages) < 2 {
				t.Fatalf("%+v", d)
			}
		}
	})
}
