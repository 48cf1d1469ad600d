package session_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"moebot/session"
)

// newKey is "id:base64" with a key of 32 equal bytes.
func newKey(id string, b byte) string {
	return id + ":" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(b)), 32)))
}

func keys(t testing.TB, list ...string) *session.Keys {
	t.Helper()
	k, err := session.ParseKeys(strings.Join(list, ","))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSeal(t *testing.T) {
	a, b := newKey("a", 1), newKey("b-2", 2)
	old, both := keys(t, a), keys(t, b, a)
	for _, value := range []string{"", "x", `1{"id":"1","role":"user","text":"a secret"}`, strings.Repeat("\x00\xff", 5000)} {
		sealed := old.Seal("turn", "42", value)
		if again := old.Seal("turn", "42", value); again == sealed {
			t.Errorf("%.20q sealed twice is the same", value)
		}
		if len(value) > 3 && strings.Contains(sealed, value[1:4]) {
			t.Errorf("%.20q can be read in %.50q", value, sealed)
		}
		for name, k := range map[string]*session.Keys{"the key": old, "with a newer key": both} {
			if got, err := k.Open("turn", "42", sealed); err != nil || got != value {
				t.Errorf("%.20q opened by %s = %.20q, %v", value, name, got, err)
			}
		}
		if got := both.Seal("turn", "42", value); !strings.HasPrefix(got, "2:b-2.") {
			t.Errorf("sealed by the wrong key: %.20q", got)
		}
	}
	// What is not sealed is readable with keys and without.
	for _, k := range []*session.Keys{nil, both} {
		if got, err := k.Open("turn", "42", `1{"id":"1"}`); err != nil || got != `1{"id":"1"}` {
			t.Errorf("a plain value = %q, %v", got, err)
		}
	}
	var none *session.Keys
	if got := none.Seal("turn", "42", "x"); got != "x" || none.Headers() != nil {
		t.Errorf("without keys: %q, %q", got, none.Headers())
	}
	if h := both.Headers(); len(h) != 2 {
		t.Errorf("headers %q", h)
	}
	// A program of before says what is the matter.
	var ve *session.VersionError
	if _, err := session.DecodeTurn(old.Seal("turn", "42", "x")); !errors.As(err, &ve) {
		t.Errorf("DecodeTurn of a sealed one = %v; want a VersionError", err)
	}
}

func TestSealErrors(t *testing.T) {
	a := keys(t, newKey("a", 1))
	sealed := a.Seal("turn", "42", "a secret")
	changed := []byte(sealed)
	changed[len(changed)-1] ^= 1
	for name, c := range map[string]struct {
		k                   *session.Keys
		what, place, stored string
		want                string
	}{
		"no keys":       {nil, "turn", "42", sealed, "turn is sealed with key a, and there are no keys"},
		"another key":   {keys(t, newKey("b", 1)), "turn", "42", sealed, "turn is sealed with key a, which is not among the keys"},
		"a wrong key":   {keys(t, newKey("a", 2)), "turn", "42", sealed, "turn is sealed with key a, and the key of that name is another one"},
		"other channel": {a, "turn", "43", sealed, "turn is sealed with key a, but not for this place, or it was changed since"},
		"other thing":   {a, "settings", "42", sealed, "settings is sealed with key a, but not for this place, or it was changed since"},
		"changed":       {a, "turn", "42", string(changed), "turn is sealed with key a, but not for this place, or it was changed since"},
		"cut":           {a, "turn", "42", sealed[:len(sealed)-3], "turn is sealed with key a, but not for this place, or it was changed since"},
		"cut short":     {a, "turn", "42", a.Headers()[0] + "x", "turn is sealed with key a, but not for this place, or it was changed since"},
	} {
		got, err := c.k.Open(c.what, c.place, c.stored)
		if got != "" || !session.IsKeyError(err) || err.Error() != c.want {
			t.Errorf("%s: %q, %v; want the KeyError %q", name, got, err, c.want)
		}
	}
	for _, bad := range []string{"2:", "2:a", "2:a:", "2:a.12345678", "2:ä.12345678:x", "2:a.1234567:x", "2:.12345678:x", "2:" + strings.Repeat("a", 33) + ".12345678:x"} {
		var fe *session.FormatError
		if _, err := a.Open("turn", "42", bad); !errors.As(err, &fe) {
			t.Errorf("%q: %v; want a FormatError", bad, err)
		}
	}
}

func TestParseKeys(t *testing.T) {
	good := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	for name, text := range map[string]string{"padded": "a:" + good + "=", "bare": " a:" + good + " , b:" + good, "long name": strings.Repeat("x", 32) + ":" + good} {
		if k, err := session.ParseKeys(text); err != nil || k == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, none := range []string{"", "  "} {
		if k, err := session.ParseKeys(none); err != nil || k != nil {
			t.Errorf("%q: %v, %v; want none", none, k, err)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"no name":    {good, "key 1"},
		"empty":      {"a:" + good + ",", "key 2"},
		"bad name":   {"a b:" + good, "name:base64"},
		"long name":  {strings.Repeat("x", 33) + ":" + good, "name:base64"},
		"short":      {"a:" + good[:20], "32 bytes"},
		"no base64":  {"a:" + good[:42] + "!", "32 bytes"},
		"twice":      {"a:" + good + ",a:" + good, "two of the name a"},
		"unfinished": {"a:" + good + ",b", "key 2"},
	} {
		_, err := session.ParseKeys(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), good[:8]) {
			t.Errorf("%s: %v; want something on %q and nothing of the key", name, err, c.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	k, err := session.ParseKeys(newKey("a", 1) + "," + newKey("b", 2))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(k.Seal("turn", "42", "a secret"))
	f.Add(k.Headers()[0])
	f.Add("2:a.00000000:")
	f.Add(`1{"id":"5","role":"user"}`)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := k.Open("turn", "42", s)
		var fe *session.FormatError
		switch {
		case err != nil && !session.IsKeyError(err) && !errors.As(err, &fe):
			t.Fatalf("%q: %v, neither a KeyError nor a FormatError", s, err)
		case err != nil:
			return
		case !strings.HasPrefix(s, "2:") && got != s:
			t.Fatalf("%q is not sealed and reads as %q", s, got)
		case strings.HasPrefix(s, "2:") && got != "a secret":
			t.Fatalf("%q was sealed by nobody and reads as %q", s, got)
		}
		back, err := k.Open("turn", "42", k.Seal("turn", "42", s))
		if err != nil || back != s {
			t.Fatalf("%q sealed and opened is %q, %v", s, back, err)
		}
	})
}
