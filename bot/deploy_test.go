package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"moebot/bot/config"
)

// What the files for containers set must be there to be set.
func TestDeploySetsWhatThereIs(t *testing.T) {
	known := map[string]bool{"MOEBOT_SESSION_KEYS": true}
	for _, v := range config.Values(config.Default()) {
		known[config.Variable(v.Key)] = true
	}
	files, err := filepath.Glob("deploy/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	variables, roles := regexp.MustCompile(`MOEBOT_[A-Z_]+`), regexp.MustCompile(`"-role", "(\w+)"`)
	for _, file := range append(files, "../Dockerfile") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range variables.FindAllString(string(text), -1) {
			if !known[name] {
				t.Errorf("%s sets %s, which there is not", file, name)
			}
		}
		for _, role := range roles.FindAllStringSubmatch(string(text), -1) {
			env := func(name string) (string, bool) {
				v, ok := map[string]string{"MOEBOT_ROLES_ROLE": role[1], "REDIS_URL": "redis://redis:6379/0", "DISCORD_TOKEN": "x"}[name]
				return v, ok
			}
			if _, err := config.Load("", env); err != nil {
				t.Errorf("%s: role %s: %v", file, role[1], err)
			}
		}
	}
}
