package discordtest_test

import (
	"fmt"
	"strings"
	"testing"

	"moebot/bot/discordtest"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	option := func(kind int, more object) object {
		o := object{"type": kind, "name": "o", "description": "d"}
		for k, v := range more {
			o[k] = v
		}
		return o
	}
	with := func(options ...any) object {
		return object{"name": "cmd", "description": "d", "options": list(options)}
	}
	named := func(name string, o object) object { o["name"] = name; return o }
	many := make(list, 26)
	for i := range many {
		many[i] = named(fmt.Sprint("o", i), option(3, nil))
	}
	for _, test := range []struct {
		name    string
		command object
		status  int
		code    int
	}{
		{"slash command", object{"name": "cmd", "description": "d"}, 201, 0},
		{"localised", object{"name": "cmd", "description": "d", "name_localizations": object{"zh-CN": "温度"}}, 201, 0},
		{"unknown locale", object{"name": "cmd", "description": "d", "name_localizations": object{"xx": "x"}}, 400, 50035},
		{"upper case", object{"name": "Cmd", "description": "d"}, 400, 50035},
		{"space", object{"name": "c md", "description": "d"}, 400, 50035},
		{"name of 33", object{"name": strings.Repeat("x", 33), "description": "d"}, 400, 50035},
		{"no name", object{"description": "d"}, 400, 50035},
		{"no description", object{"name": "cmd"}, 400, 50035},
		{"description of 101", object{"name": "cmd", "description": strings.Repeat("x", 101)}, 400, 50035},
		{"message command", object{"name": "Ask about this", "type": 3}, 201, 0},
		{"message command with description", object{"name": "Ask", "type": 3, "description": "d"}, 400, 50035},
		{"unknown type", object{"name": "cmd", "type": 9, "description": "d"}, 400, 50035},
		{"25 options", with(many[:25]...), 201, 0},
		{"26 options", with(many...), 400, 50035},
		{"same option twice", with(option(3, nil), option(3, nil)), 400, 50035},
		{"required after optional", with(named("a", option(3, nil)), named("b", option(3, object{"required": true}))), 400, 50035},
		{"range of text", with(option(3, object{"min_value": 1})), 400, 50035},
		{"range upside down", with(option(10, object{"min_value": 2, "max_value": 1})), 400, 50035},
		{"choices", with(option(3, object{"choices": list{object{"name": "n", "value": "v"}}})), 201, 0},
		{"26 choices", with(option(3, object{"choices": repeat(object{"name": "n", "value": "v"}, 26)})), 400, 50035},
		{"choice of the wrong type", with(option(4, object{"choices": list{object{"name": "n", "value": "v"}}})), 400, 50035},
		{"choices and autocomplete", with(option(3, object{"autocomplete": true, "choices": list{object{"name": "n", "value": "v"}}})), 400, 50035},
		{"sub-command beside an option", with(named("a", option(1, nil)), named("b", option(3, nil))), 400, 50035},
		{"sub-command in a group", with(option(2, object{"options": list{option(1, nil)}})), 201, 0},
		{"group in a group", with(option(2, object{"options": list{option(2, nil)}})), 400, 50035},
		{"permissions", object{"name": "cmd", "description": "d", "default_member_permissions": "8"}, 201, 0},
		{"no permissions", object{"name": "cmd", "description": "d", "default_member_permissions": "many"}, 400, 50035},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, discordtest.Options{Limits: unlimited})
			status, answer := w.json(t, "POST", "/applications/"+w.Bot().ID+"/commands", test.command)
			code, _ := answer["code"].(float64)
			if status != test.status || int(code) != test.code {
				t.Errorf("got %d %v, want %d with code %d", status, answer, test.status, test.code)
			}
		})
	}
}

func TestRegistrationLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Limits: unlimited})
	base := "/applications/" + w.Bot().ID + "/guilds/" + w.guild.ID + "/commands"
	commands := func(prefix string, n int) list {
		l := make(list, n)
		for i := range l {
			l[i] = object{"name": fmt.Sprint(prefix, i), "description": "d"}
		}
		return l
	}
	put := func(l list) (int, string) {
		status, _, body := w.request(t, "PUT", base, "application/json", encode(t, l))
		return status, string(body)
	}
	if status, body := put(commands("a", 101)); status != 400 || !strings.Contains(body, "30032") {
		t.Errorf("101 commands: %d %s", status, body)
	}
	if status, _ := put(commands("a", 100)); status != 200 {
		t.Errorf("100 commands: %d", status)
	}
	before := w.Commands(w.guild.ID)
	if status, _ := put(commands("a", 100)); status != 200 {
		t.Errorf("the same again: %d", status)
	}
	after := w.Commands(w.guild.ID)
	if len(after) != 100 || after[0].ID != before[0].ID || after[0].Version != before[0].Version {
		t.Errorf("an overwrite with the same changed ids or versions")
	}
	if status, _ := put(commands("b", 100)); status != 200 {
		t.Errorf("100 others: %d", status)
	}
	// 200 creates a day are used up.
	if status, body := put(commands("c", 1)); status != 429 || !strings.Contains(body, "30034") {
		t.Errorf("create 201: %d %s", status, body)
	}
	if status, body := put(list{}); status != 200 || body != "[]" {
		t.Errorf("overwrite with nothing: %d %s", status, body)
	}
	// A 201st global command is another count.
	status, created := w.json(t, "POST", "/applications/"+w.Bot().ID+"/commands", object{"name": "x", "description": "d"})
	if status != 201 {
		t.Fatalf("global command: %d %v", status, created)
	}
	at := "/applications/" + w.Bot().ID + "/commands/" + fmt.Sprint(created["id"])
	if status, edited := w.json(t, "PATCH", at, object{"description": "other"}); status != 200 || edited["description"] != "other" || edited["name"] != "x" {
		t.Errorf("edit: %d %v", status, edited)
	}
	if status, _ := w.json(t, "DELETE", at, ""); status != 204 {
		t.Errorf("delete: %d", status)
	}
	if status, answer := w.json(t, "DELETE", at, ""); status != 404 || answer["code"] != 10063.0 {
		t.Errorf("delete again: %d %v", status, answer)
	}
}
