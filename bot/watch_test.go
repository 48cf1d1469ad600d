package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "moebot.toml")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("moebot.toml", "one")
	ctx, cancel := context.WithCancel(t.Context())
	changed := watch(ctx, path, 5*time.Millisecond)
	hears := func(what string, want bool) {
		t.Helper()
		patience := 10 * time.Second
		if !want {
			patience = 100 * time.Millisecond
		}
		select {
		case <-changed:
			if !want {
				t.Errorf("%s counts as a change", what)
			}
		case <-time.After(patience):
			if want {
				t.Fatalf("%s does not count as a change", what)
			}
		}
	}
	hears("nothing", false)
	write("moebot.toml", "two")
	hears("writing into it", true)
	write(".moebot.toml.swp", "three")
	if err := os.Rename(filepath.Join(dir, ".moebot.toml.swp"), path); err != nil {
		t.Fatal(err)
	}
	hears("another file in its place", true)
	write("moebot.toml", "three")
	hears("the same again", false)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	hears("its end", true)
	write("moebot.toml", "three")
	hears("its return", true)
	// by a link, as Kubernetes does it
	write("a.toml", "four")
	write("b.toml", "five")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.toml", path); err == nil {
		hears("a link", true)
		if err := os.Symlink("b.toml", path+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		hears("another link", true)
	}
	cancel()
	for range changed { // closed at the end
	}
}

// The running program takes over what its file says, keeps what it has when the file
// has a mistake, and says why.
func TestConfigurationFileIsWatched(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "moebot.toml")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	put("[reply]\ntemperature = 0.3\n")
	p := startProgramOf(t, "", path)
	put("[reply]\ntemperature = 0.4\n[safety]\nwords_in = [\"(?i)forbidden\"]\n")
	p.until("it is taken over", func() bool {
		return strings.Contains(p.log.String(), `was read again" changed="reply.temperature safety.words_in"`)
	})
	put("[reply]\ntemprature = 0.5\n")
	p.until("the mistake is named", func() bool {
		return strings.Contains(p.log.String(), "moebot.toml:2:1: unknown key reply.temprature")
	})
	times := 0
	stats := func() string {
		p.command("general", "Robin", "stats")
		times++
		shown := ""
		p.until("the figures", func() bool {
			_, body := p.get("/api/messages?channel=" + p.channels["general"] + "&as=" + p.people["Robin"])
			at := strings.LastIndex(body, `"embeds"`)
			shown = body[max(0, at):]
			return strings.Count(body, "Prefix cache") == times
		})
		return shown
	}
	if s := stats(); !strings.Contains(s, "moebot.toml:2:1: unknown key reply.temprature") {
		t.Errorf("/stats does not name it: %s", s)
	}
	robin := p.people["Robin"]
	p.post("/api/send", map[string]string{"channel": p.channels["general"], "as": robin, "content": "<@" + p.bot + "> a Forbidden word"})
	p.until("what held before holds", func() bool { return p.metrics()["moebot_refused_total"] == "1" })
	put("[reply]\ntemperature = 0.5\n")
	p.until("the mended one is taken over", func() bool { return bytes.Count([]byte(p.log.String()), []byte("was read again")) == 2 })
	if s := stats(); strings.Contains(s, "temprature") {
		t.Errorf("/stats still names the mistake: %s", s)
	}
}
