package redisstore_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"moebot/session"
	"moebot/session/sessiontest"
)

// keys are keys of these names, the same for the same name; none are nil.
func keys(t testing.TB, names ...string) *session.Keys {
	t.Helper()
	var list []string
	for _, name := range names {
		id, _, _ := strings.Cut(name, "'") // a' is another key that is called a
		list = append(list, id+":"+base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("%32s", name))))
	}
	k, err := session.ParseKeys(strings.Join(list, ","))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// dump is all that a Redis holds, a line for each value.
func dump(t testing.TB, m *miniredis.Miniredis) string {
	t.Helper()
	var b strings.Builder
	for _, key := range m.Keys() {
		var values []string
		var err error
		switch kind := m.Type(key); kind {
		case "string":
			var v string
			v, err = m.Get(key)
			values = append(values, v)
		case "list":
			values, err = m.List(key)
		case "zset":
			values, err = m.ZMembers(key)
		case "hash":
			var names []string
			names, err = m.HKeys(key)
			for _, n := range names {
				values = append(values, n, m.HGet(key, n))
			}
		default:
			t.Fatalf("key %s has type %s", key, kind)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			fmt.Fprintf(&b, "%s %q\n", key, v)
		}
	}
	return b.String()
}

// TestSealedWords looks for what people said in all that is stored.
func TestSealedWords(t *testing.T) {
	m := miniredis.RunT(t)
	s := openSealed(t, "redis://"+m.Addr(), sessiontest.Limits{}, keys(t, "a"))
	k, ctx := session.Key{Channel: "4711"}, t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ask := func(id string) {
		t.Helper()
		q := session.Turn{ID: id, Role: session.RoleUser, AuthorID: "5150", Author: "Shibboleth", Text: "a secret question"}
		if _, ok, err := s.Accept(ctx, k, q); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	ask("1")
	a := session.Turn{ID: "2", Role: session.RoleAssistant, AuthorID: "1", Author: "Moe", Text: "a secret answer",
		Answer: &session.Answer{To: "1", For: "5150", Variants: []session.Variant{{Text: "a secret answer"}, {Text: "another secret"}}}}
	if _, err := s.Finish(ctx, k, "1", a); err != nil {
		t.Fatal(err)
	}
	must(s.Reset(ctx, k))
	ask("3") // open, while the others can be brought back
	persona := "a secret persona"
	must(s.SetSettings(ctx, k, session.Settings{Persona: &persona}))
	must(s.Remember(ctx, "fact", "a secret fact"))
	text := dump(t, m)
	for _, word := range []string{"secret", "Shibboleth", "Moe", "5150", "user", "assistant"} {
		if strings.Contains(text, word) {
			t.Errorf("%q can be read in\n%s", word, text)
		}
	}
	for _, key := range []string{"4711", "2:a."} {
		if !strings.Contains(text, key) {
			t.Errorf("there is no %q in\n%s", key, text)
		}
	}
	// All of it can be read with the key.
	sess, err := s.Load(ctx, k)
	if err != nil || len(sess.Turns) != 1 || sess.Turns[0].Author != "Shibboleth" || *sess.Settings.Persona != persona {
		t.Errorf("Load = %+v, %v", sess, err)
	}
	if n, err := s.Undo(ctx, k); err != nil || n != 2 {
		t.Errorf("Undo = %d, %v; want 2", n, err)
	}
	if p, err := s.Pending(ctx); err != nil || len(p) != 1 || p[0].Turn.Text != "a secret question" {
		t.Errorf("Pending = %v, %v", p, err)
	}
	if v, err := s.Recall(ctx, "fact"); err != nil || v != "a secret fact" {
		t.Errorf("Recall = %q, %v", v, err)
	}
}

// TestKeysRotate writes without keys, with one, and with a newer one before it, and
// reads all of it.
func TestKeysRotate(t *testing.T) {
	m := miniredis.RunT(t)
	k, ctx := session.Key{Channel: "1"}, t.Context()
	var want []string
	for i, names := range []string{"", "a", "b a", "c b a", "c a"} {
		s := openSealed(t, "redis://"+m.Addr(), sessiontest.Limits{}, keys(t, strings.Fields(names)...))
		id := fmt.Sprint(i)
		sess, ok, err := s.Accept(ctx, k, question(id))
		if names == "c a" { // b sealed something in the middle
			if !session.IsKeyError(err) || !strings.Contains(err.Error(), "key b") {
				t.Errorf("without b: %v; want a KeyError that names it", err)
			}
			continue
		}
		if err != nil || !ok {
			t.Fatalf("keys %q: %v, %v", names, ok, err)
		}
		if done, err := s.Finish(ctx, k, id, answer(id)); err != nil || !done {
			t.Fatalf("keys %q: Finish = %v, %v", names, done, err)
		}
		var got []string
		for _, turn := range sess.Turns {
			got = append(got, turn.ID)
		}
		if diff := cmp.Diff(append(want, id), got); diff != "" {
			t.Errorf("keys %q (-want +got):\n%s", names, diff)
		}
		want = append(want, id, "a"+id)
		_, err = s.UpdateTurn(ctx, k, "0", func(t *session.Turn) error { t.Text += "!"; return nil })
		if err != nil {
			t.Errorf("keys %q: UpdateTurn of the oldest: %v", names, err)
		}
		_, err = s.UpdateSettings(ctx, k, func(set *session.Settings) error {
			if n := i; set.TopK != nil && *set.TopK != n-1 {
				t.Errorf("keys %q: top_k is %d", names, *set.TopK)
			}
			set.TopK = &i
			return nil
		})
		if err != nil {
			t.Errorf("keys %q: %v", names, err)
		}
	}
}

// TestWrongKeys does everything with a key that is missing or another: each call says
// which key and where, and afterwards the right one finds all as it was.
func TestWrongKeys(t *testing.T) {
	m := miniredis.RunT(t)
	k, ctx := session.Key{Channel: "4711"}, t.Context()
	right := openSealed(t, "redis://"+m.Addr(), sessiontest.Limits{MaxTurns: 4}, keys(t, "a"))
	for i := range 3 {
		id := fmt.Sprint(i)
		if _, ok, err := right.Accept(ctx, k, session.Turn{ID: id, Role: session.RoleUser, AuthorID: "77", Text: "q"}); err != nil || !ok {
			t.Fatal(ok, err)
		}
		if i < 2 {
			if _, err := right.Finish(ctx, k, id, answer(id)); err != nil {
				t.Fatal(err)
			}
		}
	}
	topK := 3
	if err := errors.Join(right.SetSettings(ctx, k, session.Settings{TopK: &topK}), right.Remember(ctx, "fact", "v")); err != nil {
		t.Fatal(err)
	}
	before := dump(t, m)
	for names, reason := range map[string]string{"": "no keys", "b": "not among", "a'": "another one"} {
		s := openSealed(t, "redis://"+m.Addr(), sessiontest.Limits{MaxTurns: 4}, keys(t, strings.Fields(names)...))
		change := func(*session.Turn) error { return nil }
		_, _, accept := s.Accept(ctx, k, question("9"))
		_, load := s.Load(ctx, k)
		_, update := s.UpdateTurn(ctx, k, "0", change)
		_, set := s.Settings(ctx, k)
		_, sets := s.SettingsOf(ctx, k)
		_, setting := s.UpdateSettings(ctx, k, func(*session.Settings) error { return nil })
		_, forget := s.Forget(ctx, "77")
		_, remove := s.Remove(ctx, k, "0")
		for what, err := range map[string]error{"Accept": accept, "Load": load, "UpdateTurn": update, "Remove": remove,
			"Settings": set, "SettingsOf": sets, "UpdateSettings": setting, "Forget": forget} {
			if !session.IsKeyError(err) || !strings.Contains(err.Error(), "4711") || !strings.Contains(err.Error(), "key a") || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s with keys %q: %v; want a KeyError that names the channel, the key and why", what, names, err)
			}
		}
		if _, err := s.Recall(ctx, "fact"); !session.IsKeyError(err) {
			t.Errorf("Recall with keys %q: %v", names, err)
		}
		// Other channels go on, and a question that cannot be read holds up none that can.
		other := session.Key{Channel: "1"}
		if _, ok, err := s.Accept(ctx, other, question("1")); err != nil || !ok {
			t.Errorf("Accept elsewhere with keys %q: %v, %v", names, ok, err)
		}
		if p, err := s.Pending(ctx); err != nil || len(p) != 1 || p[0].Key != other {
			t.Errorf("Pending with keys %q: %v, %v; want the readable one", names, p, err)
		}
		for _, key := range m.Keys() { // what the other channel brought
			if strings.HasSuffix(key, ":1") || strings.Contains(key, ":1:") {
				m.Del(key)
			}
		}
	}
	if p, err := right.Pending(ctx); err != nil || len(p) != 1 || p[0].Turn.ID != "2" {
		t.Errorf("Pending with the right key = %v, %v", p, err)
	}
	sess, err := right.Load(ctx, k)
	if err != nil || len(sess.Turns) != 4 || *sess.Settings.TopK != 3 {
		t.Errorf("with the right key: %v, %v", sess, err)
	}
	after := dump(t, m)
	for _, line := range strings.Split(before, "\n") {
		if strings.Contains(line, "2:a.") && !strings.Contains(after, line) {
			t.Errorf("lost or changed: %s", line)
		}
	}
}

// TestSealedIsBound: what was sealed for one channel is no other's.
func TestSealedIsBound(t *testing.T) {
	m := miniredis.RunT(t)
	s := openSealed(t, "redis://"+m.Addr(), sessiontest.Limits{}, keys(t, "a"))
	k, other, ctx := session.Key{Channel: "1"}, session.Key{Channel: "2"}, t.Context()
	for _, k := range []session.Key{k, other} {
		if _, _, err := s.Accept(ctx, k, question("5")); err != nil {
			t.Fatal(err)
		}
	}
	var logs []string
	for _, key := range m.Keys() {
		if strings.Contains(key, ":log:") {
			logs = append(logs, key)
		}
	}
	theirs, err := m.List(logs[0])
	if err != nil || len(logs) != 2 {
		t.Fatal(logs, err)
	}
	m.Del(logs[1])
	if _, err := m.RPush(logs[1], theirs...); err != nil {
		t.Fatal(err)
	}
	_, err1 := s.Load(ctx, k)
	_, err2 := s.Load(ctx, other)
	if (err1 == nil) == (err2 == nil) || !session.IsKeyError(errors.Join(err1, err2)) {
		t.Errorf("a turn moved to another channel: %v, %v; want one KeyError", err1, err2)
	}
}
