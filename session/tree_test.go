package session_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moebot/session"
)

// randomSettings sets each field with even chance to a value it can have.
func randomSettings(r *rand.Rand) session.Settings {
	var s session.Settings
	for _, f := range session.Fields() {
		if r.IntN(2) == 0 {
			continue
		}
		v := fmt.Sprint(1 + r.IntN(2))
		switch {
		case f.Choices != nil:
			v = f.Choices[r.IntN(len(f.Choices))]
		case f.IsList():
			var list []string
			for range r.IntN(4) {
				n := 1 + r.IntN(5)
				switch f.Name {
				case "allow", "block":
					list = append(list, fmt.Sprintf("role:%d", n))
				case "steering":
					list = append(list, fmt.Sprintf("direction:%d.a-name=-0.%d", n, n))
				case "muted":
					list = append(list, fmt.Sprintf("%d 2026-01-3%dT18:00:00Z", n, r.IntN(2)))
				default:
					list = append(list, fmt.Sprintf("word %d", n))
				}
			}
			v = strings.Join(list, ",")
		case strings.Contains(f.Want, "above 0") || f.Name == "min_p" || f.Name == "chime_in" || f.Name == "chime_in_fall":
			v = "0.5"
		}
		if err := f.Set(&s, v); err != nil {
			panic(err)
		}
	}
	return s
}

func TestMergeProperties(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	none := session.Settings{}
	for n := range 500 {
		tree := session.Tree{randomSettings(r), randomSettings(r), randomSettings(r), randomSettings(r)}
		a, b, c := tree[1], tree[2], tree[3]
		if !a.Merge(b).Merge(c).Equal(a.Merge(b.Merge(c))) {
			t.Fatalf("seed %d, %d: merging is not associative for\n%+v\n%+v\n%+v", seed, n, a, b, c)
		}
		if !a.Merge(none).Equal(a) || !none.Merge(a).Equal(a) || !a.Merge(a).Equal(a) {
			t.Fatalf("seed %d, %d: merging with nothing, or with itself, changes %+v", seed, n, a)
		}
		before := a
		m := tree.Merged()
		if !a.Equal(before) || m.Validate() != nil {
			t.Fatalf("seed %d, %d: Merged changes a level or gives what is not valid: %v", seed, n, m.Validate())
		}
		for _, f := range session.Fields() {
			own := tree.Own(f)
			if len(own) == 0 {
				if f.IsSet(m) {
					t.Fatalf("%s is set by nobody, but in force", f.Name)
				}
				continue
			}
			if !f.Adds {
				if near := own[len(own)-1]; f.Value(m) != f.Value(tree[near]) {
					t.Fatalf("%s = %q; the nearest level, %v, says %q", f.Name, f.Value(m), near, f.Value(tree[near]))
				}
				continue
			}
			for _, l := range own { // nothing that is blocked anywhere is lost
				for _, v := range f.List(tree[l]) {
					if !slices.Contains(f.List(m), v) {
						t.Fatalf("%s: %q of the %v is lost", f.Name, v, l)
					}
				}
			}
		}
	}
}

func FuzzMerge(f *testing.F) {
	f.Add(`{"temperature":0.5,"block":["role:1"]}`, `{"block":["role:1","role:2"],"wake_words":[]}`, `{"mode":"pause"}`)
	f.Fuzz(func(t *testing.T, x, y, z string) {
		var s [3]session.Settings
		for i, text := range []string{x, y, z} {
			var err error
			if s[i], err = session.UnmarshalSettings([]byte(text)); err != nil {
				return
			}
			data, err := session.MarshalSettings(s[i])
			if err != nil {
				t.Fatal(err)
			}
			if back, err := session.UnmarshalSettings(data); err != nil || !back.Equal(s[i]) {
				t.Fatalf("%q is written as %s, which reads as %+v, %v", text, data, back, err)
			}
		}
		left, right := s[0].Merge(s[1]).Merge(s[2]), s[0].Merge(s[1].Merge(s[2]))
		if !left.Equal(right) {
			t.Fatalf("not associative: %+v and %+v", left, right)
		}
	})
}

func TestFieldsReadWhatTheyWrite(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	for range 200 {
		s := randomSettings(r)
		var again session.Settings
		for _, f := range session.Fields() {
			if !f.IsSet(s) {
				continue
			}
			if err := f.Set(&again, f.Value(s)); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Fatalf("set from its own words (-want +got):\n%s", diff)
		}
		text, err := session.EncodeSettings(s)
		if err != nil {
			t.Fatal(err)
		}
		if stored, err := session.DecodeSettings(text); err != nil || !stored.Equal(s) {
			t.Fatalf("stored as %s, read as %+v, %v", text, stored, err)
		}
		for _, f := range session.Fields() {
			f.Unset(&again)
		}
		if !again.IsZero() {
			t.Fatalf("everything unset is %+v", again)
		}
	}
}

func TestFieldSet(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"temperature", " 0,7 ", "0.7"}, {"temperature", "NaN", ""}, {"temperature", "3", ""}, {"temperature", "", ""},
		{"top_p", "0", ""}, {"top_p", "0.2", "0.2"}, {"top_k", "1.5", ""}, {"seed", "-1", ""}, {"seed", "18446744073709551615", "18446744073709551615"},
		{"always_on", "开", "on"}, {"always_on", "maybe", ""},
		{"wake_words", "moe , 小 狐狸，moe\n你好", "moe, 小 狐狸, 你好"}, {"wake_words", strings.Repeat("x", 61), ""}, {"wake_words", "a\x01", ""}, {"wake_words", "", ""},
		{"mode", "pause", "pause"}, {"mode", "sleep", ""},
		{"allow", "channel:12, role:3", "channel:12, role:3"}, {"allow", "channel:x", ""}, {"allow", "dog:1", ""}, {"allow", "role:0", ""},
		{"steering", "forbid:2.5, direction:1.probe-tense=-1.5", "forbid:2.5, direction:1.probe-tense=-1.5"}, {"steering", "forbid", ""}, {"steering", "Forbid:1", ""}, {"steering", "head:1.0=NaN", ""}, {"steering", "head:1.0=", ""},
		{"muted", "12 2026-01-31T18:00:00Z, 13", "12 2026-01-31T18:00:00Z, 13"}, {"muted", "12 tomorrow", ""},
		{"audit_channel", "123", "123"}, {"audit_channel", "x", ""}, {"audit_channel", "", ""},
		{"persona", strings.Repeat("x", 4001), ""},
	} {
		f, ok := session.FieldNamed(c.name)
		if !ok {
			t.Fatal(c.name)
		}
		var s session.Settings
		err := f.Set(&s, c.value)
		empty := c.want == "" && (c.name == "wake_words" || c.name == "audit_channel") && c.value == "" // none of them
		var bad *session.SettingError
		switch {
		case c.want != "" || empty:
			if err != nil || f.Value(s) != c.want || !f.IsSet(s) {
				t.Errorf("%s = %q: %q, %v; want %q", c.name, c.value, f.Value(s), err, c.want)
			}
		case !errors.As(err, &bad) || bad.Name != c.name || !s.IsZero():
			t.Errorf("%s = %.20q is taken as %q, or says %v", c.name, c.value, f.Value(s), err)
		}
	}
	if _, ok := session.FieldNamed("color"); ok {
		t.Error("there is a setting called color")
	}
}

func TestUnmarshalSettingsNamesWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		`{"temperature":3}`:        "temperature must be a number from 0 to 2, not 3",
		`{"temperature":"hot"}`:    `temperature must be a number from 0 to 2, not "hot"`,
		`{"top_k":1.5}`:            "top_k must be a whole number from 0 to 1000, not 1.5",
		`{"seed":-1}`:              "seed must be a whole number from 0 on, not -1",
		`{"always_on":null}`:       "always_on must be on or off, not null",
		`{"wake_words":["a","a"]}`: `wake_words must be at most 20 words or phrases of at most 60 characters, separated by commas, not "a" twice`,
		`{"colour":1}`:             "there is no setting called colour",
		`[]`:                       "corrupt settings: this is no JSON object",
		`null`:                     "corrupt settings: this is no JSON object",
		`{} {}`:                    "corrupt settings: something stands behind the JSON object",
		`{"temperature":1,"mode":"x","min_p":0.25}`: `mode must be on, drain or pause, not "x"`,
	} {
		s, err := session.UnmarshalSettings([]byte(text))
		if err == nil || err.Error() != want || !s.IsZero() {
			t.Errorf("%s: %+v, %v; want %s", text, s, err, want)
		}
	}
	s, err := session.UnmarshalSettings([]byte(`{"wake_words":[],"always_on":true}`))
	if err != nil || s.WakeWords == nil || len(*s.WakeWords) != 0 || !*s.AlwaysOn {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestMute(t *testing.T) {
	until := time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC)
	for _, m := range []session.Mute{{Person: "5"}, {Person: "5", Until: until}} {
		if got, ok := session.ParseMute(m.String()); !ok || !got.Until.Equal(m.Until) || got.Person != "5" {
			t.Errorf("%q reads as %+v, %v", m, got, ok)
		}
	}
	for _, bad := range []string{"", "x", "5 ", "5 x", "05", "5  2026-01-31T18:00:00Z", "5 2026-01-31T18:00:00+01:00"} {
		if m, ok := session.ParseMute(bad); ok {
			t.Errorf("%q reads as %+v", bad, m)
		}
	}
}

func TestLevels(t *testing.T) {
	for _, l := range []session.Level{session.LevelDefault, session.LevelServer, session.LevelChannel, session.LevelThread} {
		if got, ok := session.ParseLevel(l.String()); got != l || !ok {
			t.Errorf("%v reads as %v", l, got)
		}
	}
	if _, ok := session.ParseLevel("planet"); ok {
		t.Error("a planet is a level")
	}
	if session.ServerKey("5").Validate() != nil || session.ServerKey("5") == (session.Key{Channel: "5"}) {
		t.Error("a server shares the key of its first channel")
	}
}
