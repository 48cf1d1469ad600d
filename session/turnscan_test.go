package session

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// slow reads an object with encoding/json.
func slow(s string) (Turn, error) {
	var v turnV1
	dec := json.NewDecoder(strings.NewReader(s))
	if err := dec.Decode(&v); err != nil {
		return Turn{}, err
	}
	return v.turn(), nil
}

// TestScanTurn: what EncodeTurn writes is read by hand, but for what is rare.
func TestScanTurn(t *testing.T) {
	for name, c := range map[string]struct {
		turn Turn
		hand bool
	}{
		"least":    {Turn{ID: "1", Role: RoleUser}, true},
		"question": {Turn{ID: "1", Role: RoleUser, AuthorID: "2", Author: "Ann", Text: "a \"b\"\\\n\t\r/ é🦊 <c>", Time: time.UnixMilli(1700000000123).UTC()}, true},
		"answer":   {Turn{ID: "1", Role: RoleAssistant, Text: "x", Answer: &Answer{To: "1", For: "2", More: []string{"3", "4"}, Cut: true, Stale: true}}, true},
		"some":     {Turn{ID: "1", Role: RoleAssistant, Text: "x", Answer: &Answer{More: []string{"3"}}}, true},
		"cut":      {Turn{ID: "1", Role: RoleAssistant, Text: "x", Answer: &Answer{Cut: true}}, true},
		"nothing":  {Turn{ID: "1", Role: RoleAssistant, Text: "x", Answer: &Answer{}}, true},
		"variants": {Turn{ID: "1", Role: RoleAssistant, Text: "x", Answer: &Answer{To: "1", Variants: []Variant{{Text: "x"}, {Text: "y"}}}}, false},
		"control":  {Turn{ID: "1", Role: RoleUser, Text: "a\x01b"}, false},
		"before":   {Turn{ID: "1", Role: RoleUser, Time: time.UnixMilli(-5).UTC()}, true},
	} {
		s, err := EncodeTurn(c.turn)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := scanTurn(s[1:])
		if ok != c.hand {
			t.Errorf("%s: %s is read by hand: %v, want %v", name, s, ok, c.hand)
		}
		if ok && !reflect.DeepEqual(got, c.turn) {
			t.Errorf("%s: %s reads as %+v, %+v; want %+v", name, s, got, got.Answer, c.turn)
		}
		if got, err := DecodeTurn(s); err != nil || !reflect.DeepEqual(got, c.turn) {
			t.Errorf("%s: %s decodes as %+v, %v; want %+v", name, s, got, err, c.turn)
		}
	}
	for _, bad := range []string{``, `{`, `{}`, `{"id":"1"`, `{"id":"1","role":"user","text":"x"`, `{"id":"1","role":"user","text":"x"}}`, `{"id":"1","role":"user","text":"x"} `,
		`{"id":"1","role":"user","text":"x","time":}`, `{"id":"1","role":"user","text":"x","time":01}`, `{"id":"1","role":"user","text":"x","time":-}`,
		`{"id":"1","role":"user","text":"x","time":99999999999999999999}`, `{"id":"1","role":"user","text":"a` + "\n" + `"}`, `{"id":"1","role":"user","text":"a\n` + "\n" + `"}`,
		`{"id":"1","role":"user","text":"\`, `{"id":"1","role":"user","text":"\n`, `{"id":"1","role":"user","text":"x","answer":{,"to":"1"}}`,
		`{"id":"1","role":"user","text":"x","answer":{"to":"1""for":"2"}}`, `{"id":"1","role":"user","text":"x","answer":{"more":["1",]}}`, `{"id":"1","role":"user","text":"x","answer":{"more":["1"`, "{\"id\":\"\xff\"}"} {
		if got, ok := scanTurn(bad); ok {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

// randomTurn is one with any of the fields that EncodeTurn writes.
func randomTurn(r *rand.Rand) Turn {
	text := func() string {
		var b strings.Builder
		for range r.IntN(12) {
			pieces := []string{"a", "word ", "\"", "\\", "/", "\n", "\t", "\r", "\x7f", "é", "🦊", "<&>", `\u00e9`, "{", "}", ",", "\xff"}
			if r.IntN(50) == 0 { // what is left to encoding/json
				pieces = []string{"\b", "\x00", "\u2028"}
			}
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		return b.String()
	}
	some := func() bool { return r.IntN(2) == 0 }
	t := Turn{ID: fmt.Sprint(1 + r.Uint64N(1<<60)), Role: RoleUser, Text: text()}
	if some() {
		t.AuthorID, t.Author = fmt.Sprint(r.IntN(10)), text()
	}
	if some() {
		t.Time = time.UnixMilli(r.Int64() >> r.IntN(63)).UTC()
	}
	if some() {
		t.Role, t.Answer = RoleAssistant, &Answer{Cut: some(), Stale: some()}
		if some() {
			t.Answer.To, t.Answer.For = text(), text()
		}
		for range r.IntN(3) {
			t.Answer.More = append(t.Answer.More, text())
		}
		if r.IntN(8) == 0 {
			t.Answer.Variants = []Variant{{Text: text()}, {Text: text(), Cut: true}}
		}
	}
	return t
}

// TestScanTurnTwin: random turns are the same by hand and by encoding/json, and so is
// what is read by hand although something in it was changed, left out or put twice.
func TestScanTurnTwin(t *testing.T) {
	const seed, turns = 1, 3000
	r := rand.New(rand.NewPCG(seed, 0))
	hand, changed := 0, 0
	same := func(s string) bool {
		got, ok := scanTurn(s)
		if !ok {
			return false
		}
		if want, err := slow(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q by hand: %+v %+v\nby encoding/json: %+v %+v, %v", s, got, got.Answer, want, want.Answer, err)
		}
		return true
	}
	for range turns {
		s, err := EncodeTurn(randomTurn(r))
		if err != nil {
			t.Fatal(err)
		}
		s = s[1:]
		if same(s) {
			hand++
		}
		for range 20 {
			from := r.IntN(len(s))
			to := min(len(s), from+r.IntN(4))
			piece := s[from:to]
			bad := s[:from] + []string{"", piece + piece, string(s[r.IntN(len(s))]), string(rune(r.IntN(128)))}[r.IntN(4)] + s[to:]
			if same(bad) {
				changed++
			}
		}
	}
	if hand < turns/2 || changed < turns {
		t.Errorf("of %d turns %d were read by hand, and %d that were changed: too few to say something", turns, hand, changed)
	}
}

// FuzzScanTurn: what is read by hand is what encoding/json reads.
func FuzzScanTurn(f *testing.F) {
	f.Add(`{"id":"5","role":"user","author_id":"7","author":"Ann","text":"h\n\"i","time":1700000000123}`)
	f.Add(`{"id":"5","role":"assistant","text":"","answer":{"to":"1","for":"2","more":["3","4"],"cut":true,"stale":true}}`)
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := scanTurn(s)
		if !ok {
			return
		}
		if want, err := slow(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q by hand: %+v %+v\nby encoding/json: %+v %+v, %v", s, got, got.Answer, want, want.Answer, err)
		}
	})
}

// BenchmarkDecodeTurn reads a turn of 300 bytes, as a store does 60 times a message.
func BenchmarkDecodeTurn(b *testing.B) {
	for kind, words := range map[string]string{"": "twelve bytes", " with escapes": "twelve\nbytes"} {
		s, err := EncodeTurn(Turn{ID: "123456789012345678", Role: RoleUser, AuthorID: "77", Author: "Ann", Text: strings.Repeat(words, 25), Time: time.UnixMilli(1700000000123)})
		if err != nil {
			b.Fatal(err)
		}
		for name, read := range map[string]func() error{
			"by hand": func() error { _, err := DecodeTurn(s); return err },
			"json":    func() error { _, err := slow(s[1:]); return err },
		} {
			b.Run(name+kind, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := read(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
