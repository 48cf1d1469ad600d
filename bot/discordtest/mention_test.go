package discordtest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moebot/bot/discordtest"
)

// TestPings asks who is notified by a message of the bot.
func TestPings(t *testing.T) {
	t.Parallel()
	type pings struct {
		Users    []string
		Roles    []string
		Everyone bool
	}
	for _, test := range []struct {
		name    string
		content string
		allowed any // allowed_mentions; nil: missing
		admin   bool
		reply   bool
		want    pings
	}{
		{"no names", "hello", nil, false, false, pings{}},
		{"user by default", "<@BOB>", nil, false, false, pings{Users: []string{"BOB"}}},
		{"old form", "<@!BOB>", nil, false, false, pings{Users: []string{"BOB"}}},
		{"nothing allowed", "<@BOB> <@&OPEN> @everyone", object{"parse": list{}}, true, false, pings{}},
		{"null parse", "<@BOB> @everyone", object{"parse": nil}, true, false, pings{}},
		{"empty object", "<@BOB> @everyone", object{}, true, false, pings{}},
		{"one user listed", "<@BOB> <@ADA>", object{"users": list{"ADA"}}, false, false, pings{Users: []string{"ADA"}}},
		{"listed but not named", "hello", object{"users": list{"ADA"}}, false, false, pings{}},
		{"everyone without permission", "@everyone @here", nil, false, false, pings{}},
		{"everyone with permission", "@everyone", nil, true, false, pings{Everyone: true}},
		{"everyone not parsed", "@everyone <@BOB>", object{"parse": list{"users"}}, true, false, pings{Users: []string{"BOB"}}},
		{"mentionable role", "<@&OPEN>", nil, false, false, pings{Roles: []string{"OPEN"}}},
		{"closed role", "<@&CLOSED>", nil, false, false, pings{}},
		{"closed role with permission", "<@&CLOSED>", nil, true, false, pings{Roles: []string{"CLOSED"}}},
		{"closed role listed", "<@&CLOSED>", object{"roles": list{"CLOSED"}}, true, false, pings{Roles: []string{"CLOSED"}}},
		{"itself", "<@BOT>", nil, false, false, pings{}},
		{"reply by default", "hello", nil, false, true, pings{Users: []string{"BOB"}}},
		{"reply without replied_user", "hello", object{"parse": list{}}, false, true, pings{}},
		{"reply with replied_user", "hello @everyone", object{"parse": list{}, "replied_user": true}, true, true, pings{Users: []string{"BOB"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, discordtest.Options{Limits: unlimited})
			role := w.AddRole(w.guild.ID, "open", 0)
			role.Mentionable = true
			w.SetRole(w.guild.ID, role)
			closed := w.AddRole(w.guild.ID, "closed", 0)
			w.AddMember(w.guild.ID, w.bob.ID, role.ID, closed.ID)
			if test.admin {
				w.AddAdmin(w.guild.ID, w.Bot().ID)
			}
			names := map[string]string{"BOB": w.bob.ID, "ADA": w.ada.ID, "BOT": w.Bot().ID, "OPEN": role.ID, "CLOSED": closed.ID}
			q, _ := w.Send(w.channel.ID, w.bob.ID, "question")
			body := object{"content": test.content}
			if test.allowed != nil {
				body["allowed_mentions"] = test.allowed
			}
			if test.reply {
				body["message_reference"] = object{"message_id": q.ID}
			}
			if status, answer := w.json(t, "POST", "/channels/"+w.channel.ID+"/messages", expand(body, names)); status != 200 {
				t.Fatalf("%d %v", status, answer)
			}
			var got pings
			for _, p := range w.BotPings() {
				got = pings{p.Users, p.Roles, p.Everyone}
				if p.Everyone && len(p.Reached) != 2 {
					t.Errorf("everyone reached %v", p.Reached)
				}
				if len(p.Roles) > 0 && !slices.Contains(p.Reached, w.bob.ID) {
					t.Errorf("role reached %v", p.Reached)
				}
			}
			want := pings{expandAll(test.want.Users, names), expandAll(test.want.Roles, names), test.want.Everyone}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("pings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEditsDoNotPing: an edit that adds names notifies nobody.
func TestEditsDoNotPing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Limits: unlimited})
	dg := w.client(t)
	m, err := dg.ChannelMessageSend(w.channel.ID, "hello")
	if err != nil {
		t.Fatal(err)
	}
	edited, err := dg.ChannelMessageEdit(w.channel.ID, m.ID, "hello <@"+w.bob.ID+">")
	if err != nil || len(edited.Mentions) != 1 {
		t.Errorf("edit names %v, %v", edited.Mentions, err)
	}
	if p := w.Pings(); len(p) != 0 {
		t.Errorf("pings %+v", p)
	}
}

// expand replaces names by ids in a JSON value.
func expand(v any, names map[string]string) any {
	switch v := v.(type) {
	case string:
		for name, id := range names {
			v = strings.ReplaceAll(v, name, id)
		}
		return v
	case list:
		out := make(list, len(v))
		for i := range v {
			out[i] = expand(v[i], names)
		}
		return out
	case object:
		out := make(object, len(v))
		for k := range v {
			out[k] = expand(v[k], names)
		}
		return out
	}
	return v
}

func expandAll(list []string, names map[string]string) []string {
	var out []string
	for _, s := range list {
		out = append(out, names[s])
	}
	return out
}
