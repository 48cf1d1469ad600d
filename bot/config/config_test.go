package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func noEnv(string) (string, bool) { return "", false }

func env(m map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheFileInTheRepositoryIsTheDefault(t *testing.T) {
	got, err := Load(filepath.Join("..", "..", "config.toml"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Load("", noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	b, err := os.ReadFile(filepath.Join("..", "..", "config.toml"))
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	fields(&c, func(key string, _ reflect.Value) {
		_, name, _ := strings.Cut(key, ".")
		if !strings.Contains(string(b), "\n"+name+" = ") {
			t.Errorf("config.toml lacks %s", key)
		}
	})
}

func TestMistakesNameThePlace(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"unknown keys", "[http]\nadr = \"x\"\n[nonsense]\na = 1\n", []string{":2:1: unknown key http.adr", "nonsense"}},
		{"wrong type", "[model]\nthreads = \"two\"\n", []string{":2:", "model.threads wants a whole number"}},
		{"a number for a text", "[log]\n\nlevel = 3\n", []string{":3:", "log.level wants a text"}},
		{"a duration without unit", "[reply]\ntimeout = \"5\"\n", []string{":2:", "duration"}},
		{"broken syntax", "[http\n", []string{":1:"}},
		{"a secret in the file", "[discord]\ntoken = \"abc\"\n", []string{"unknown key discord.token", "DISCORD_TOKEN"}},
		{"keys in the file", "[session]\nkeys = \"a:b\"\n", []string{"MOEBOT_SESSION_KEYS"}},
		{"a Redis address in the file", "[session]\nredis_url = \"redis://\"\n", []string{"REDIS_URL"}},
		{"out of range", "[reply]\ntemperature = 3\nmax_tokens = 0\n", []string{"reply.temperature is 3, want 0 to 2", "reply.max_tokens is 0"}},
		{"a session shorter than the queue", "[session]\nmax_turns = 10\n", []string{"session.max_turns is 10, want at least 18"}},
		{"a persona too long", "[reply]\npersona = \"" + strings.Repeat("é", 4001) + "\"\n", []string{"reply.persona is 4001 characters, want 4000 at most"}},
		{"not a number", "[reply]\ntemperature = nan\n", []string{"reply.temperature is NaN"}},
		{"no place", "[where]\nblock = [\"role:x\"]\nchime_in = 2.0\nbot_turns = 0\n", []string{`where.block is "role:x"`, "where.chime_in is 2", "where.bot_turns is 0"}},
		{"an unknown word", "[discord]\ntemperature_role = \"boss\"\n", []string{`discord.temperature_role is "boss"`}},
	} {
		path := write(t, tc.text)
		_, err := Load(path, noEnv)
		if err == nil {
			t.Errorf("%s: no error", tc.name)
			continue
		}
		for _, w := range tc.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %q does not say %q", tc.name, err, w)
			}
		}
		if strings.Contains(err.Error(), "config.") && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %q shows Go types", tc.name, err)
		}
	}
	if _, err := Load("/no/such/file.toml", noEnv); err == nil || !strings.Contains(err.Error(), "/no/such/file.toml") {
		t.Errorf("a missing file gives %v", err)
	}
}

func TestTheEnvironmentWins(t *testing.T) {
	path := write(t, "[http]\naddr = \"127.0.0.1:1\"\n[reply]\ntemperature = 1\n")
	c, err := Load(path, env(map[string]string{"MOEBOT_HTTP_ADDR": "127.0.0.1:0", "MOEBOT_REPLY_TIMEOUT": "5s", "MOEBOT_DISCORD_MESSAGE_CONTENT": "false",
		"MOEBOT_MODEL_THREADS": "3", "MOEBOT_REPLY_TOP_P": "0.5", "DISCORD_TOKEN": " tok ", "REDIS_URL": "redis://h", "MOEBOT_SESSION_KEYS": "a:b"}))
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.Addr != "127.0.0.1:0" || c.Reply.Temperature != 1 || time.Duration(c.Reply.Timeout) != 5*time.Second || c.Discord.MessageContent || c.Model.Threads != 3 || c.Reply.TopP != 0.5 {
		t.Errorf("configuration is %+v", c)
	}
	if c.Token.Reveal() != "tok" || c.RedisURL.Reveal() != "redis://h" || c.SessionKeys.Reveal() != "a:b" {
		t.Error("secrets are not read")
	}
	_, err = Load("", env(map[string]string{"MOEBOT_REPLY_TEMPERATURE": "hot", "MOEBOT_MODEL_SLOTS": "many"}))
	for _, w := range []string{`MOEBOT_REPLY_TEMPERATURE is "hot"`, `MOEBOT_MODEL_SLOTS is "many"`} {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %v does not say %q", err, w)
		}
	}
}

func TestSecretsStayHidden(t *testing.T) {
	c := Default()
	c.Token = "s3cr3t"
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", c.Token, "all", c)
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %s %v %q", c, c, c.Token, c.Token, c.Token), log.String()} {
		if strings.Contains(s, "s3cr3t") {
			t.Errorf("the secret shows in %q", s)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("[http]\naddr = \"x\"\n"))
	f.Add([]byte("reply.timeout = '1s'"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := Default()
		if err := decode("f.toml", b, &c); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
