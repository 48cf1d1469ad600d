package session_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moebot/session"
)

func TestVariants(t *testing.T) {
	turn := session.Turn{ID: "2", Role: session.RoleAssistant, Text: "one", Answer: &session.Answer{To: "1", Cut: true}}
	before := turn
	turn.AddVariant(session.Variant{Text: "two"})
	if turn.Text != "two" || turn.Answer.Of() != 2 || turn.Answer.Chosen != 1 || turn.Answer.Cut || turn.Answer.Stale {
		t.Errorf("after the second: %+v, %+v", turn, turn.Answer)
	}
	if before.Text != "one" || !before.Answer.Cut || before.Answer.Variants != nil {
		t.Errorf("a copy of before has changed: %+v", before.Answer)
	}
	if err := turn.Choose(0); err != nil || turn.Text != "one" || !turn.Answer.Cut {
		t.Errorf("back to the first: %v, %+v, %+v", err, turn, turn.Answer)
	}
	for _, n := range []int{-1, 2} {
		if err := turn.Choose(n); err == nil {
			t.Errorf("alternative %d of 2 can be chosen", n)
		}
	}
	turn.Extend(session.Variant{Text: "one and more"})
	want := []session.Variant{{Text: "one and more"}, {Text: "two"}}
	if diff := cmp.Diff(want, turn.Answer.Variants); diff != "" || turn.Text != "one and more" {
		t.Errorf("gone on with: %q (-want +got):\n%s", turn.Text, diff)
	}
	for i := range 10 {
		turn.AddVariant(session.Variant{Text: fmt.Sprint("n", i)})
	}
	if turn.Answer.Of() != session.MaxVariants || turn.Text != "n9" || turn.Answer.Variants[turn.Answer.Chosen].Text != "n9" {
		t.Errorf("after many: %+v", turn.Answer)
	}
	// the chosen one is not the one that goes
	if err := turn.Choose(0); err != nil {
		t.Fatal(err)
	}
	kept := turn.Text
	turn.AddVariant(session.Variant{Text: "last"})
	if turn.Answer.Variants[0].Text != kept {
		t.Errorf("the chosen alternative went: %+v", turn.Answer.Variants)
	}
	plain := session.Turn{ID: "3", Role: session.RoleAssistant, Text: "x"}
	if err := plain.Choose(0); err != nil || plain.Text != "x" {
		t.Errorf("the only one: %v, %q", err, plain.Text)
	}
}

// What was answered before an edit is no alternative to what is answered after it.
func TestVariantsOfAnEditedQuestion(t *testing.T) {
	turn := session.Turn{ID: "2", Role: session.RoleAssistant, Text: "old", Answer: &session.Answer{To: "1", For: "9", Cut: true}}
	turn.AddVariant(session.Variant{Text: "old too"})
	before := turn
	stale := *turn.Answer
	stale.Stale = true
	turn.Answer = &stale
	turn.AddVariant(session.Variant{Text: "new", Cut: true})
	want := session.Turn{ID: "2", Role: session.RoleAssistant, Text: "new", Answer: &session.Answer{To: "1", For: "9", Cut: true}}
	if diff := cmp.Diff(want, turn); diff != "" {
		t.Errorf("after the edit (-want +got):\n%s", diff)
	}
	turn.AddVariant(session.Variant{Text: "newer"})
	if diff := cmp.Diff([]session.Variant{{Text: "new", Cut: true}, {Text: "newer"}}, turn.Answer.Variants); diff != "" || turn.Text != "newer" {
		t.Errorf("and again (-want +got):\n%s", diff)
	}
	if before.Text != "old too" || before.Answer.Of() != 2 {
		t.Errorf("a copy of before has changed: %+v", before.Answer)
	}
}

func TestAnswerCodec(t *testing.T) {
	turn := session.Turn{ID: "2", Role: session.RoleAssistant, Text: "two", Answer: &session.Answer{To: "1", For: "9", More: []string{"3", "4"}, Cut: true, Stale: true,
		Variants: []session.Variant{{Text: "one"}, {Text: "two", Cut: true}}, Chosen: 1}}
	s, err := session.EncodeTurn(turn)
	if err != nil {
		t.Fatal(err)
	}
	if want := `1{"id":"2","role":"assistant","text":"two","answer":{"to":"1","for":"9","more":["3","4"],"cut":true,"stale":true,"variants":[{"text":"one"},{"text":"two","cut":true}],"chosen":1}}`; s != want {
		t.Errorf("encoded as %s", s)
	}
	got, err := session.DecodeTurn(s)
	if diff := cmp.Diff(turn, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	got, err = session.DecodeTurn(strings.Replace(s, `"chosen":1`, `"chosen":7`, 1))
	if err != nil || got.Answer.Chosen != 0 {
		t.Errorf("a choice that is not there: %v, %+v", err, got.Answer)
	}
}

func TestAnswerTo(t *testing.T) {
	s := session.Session{Turns: []session.Turn{
		{ID: "1", Role: session.RoleUser}, {ID: "a1", Role: session.RoleAssistant, Answer: &session.Answer{To: "1", More: []string{"b1"}}},
		{ID: "2", Role: session.RoleUser}, {ID: "a2", Role: session.RoleAssistant}, // stored without what is known of it
		{ID: "3", Role: session.RoleUser}, {ID: "a9", Role: session.RoleAssistant, Answer: &session.Answer{To: "9"}},
	}}
	for q, want := range map[string]string{"1": "a1", "2": "a2", "3": "", "9": "a9", "": ""} {
		if got, ok := s.AnswerTo(q); got.ID != want || ok != (want != "") {
			t.Errorf("the answer to %q is %q, %v; want %q", q, got.ID, ok, want)
		}
	}
	for m, want := range map[string]string{"1": "1", "a1": "a1", "b1": "a1", "x": ""} {
		if got, ok := s.Turn(m); got.ID != want || ok != (want != "") {
			t.Errorf("message %q shows turn %q, %v; want %q", m, got.ID, ok, want)
		}
	}
}
