package discordtest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"moebot/bot/discordtest"
)

// furnished is a Discord with something of everything in it.
func furnished(t testing.TB) (d *discordtest.Server, channel string) {
	t.Helper()
	d = discordtest.New(discordtest.Options{})
	t.Cleanup(func() { d.Close() })
	ada, bob := d.AddUser("ada"), d.AddUser("bob")
	g := d.AddGuild("guild", ada.ID)
	d.AddAdmin(g.ID, bob.ID)
	category := d.AddChannelLike(g.ID, discordtest.Channel{Name: "rooms", Kind: discordtest.Category})
	c := d.AddChannelLike(g.ID, discordtest.Channel{Name: "general", Topic: "all", ParentID: category.ID, NSFW: true,
		Overwrites: []discordtest.Overwrite{{ID: g.ID, Deny: discordtest.AttachFiles}}})
	must := func(m discordtest.Message, err error) discordtest.Message {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
		return m
	}
	first := must(d.Send(c.ID, ada.ID, "hello <@"+bob.ID+">"))
	must(d.Send(c.ID, d.Bot().ID, "hi", discordtest.ReplyTo(first.ID), discordtest.WithEmbeds(discordtest.Embed{Title: "box"})))
	must(d.Edit(c.ID, first.ID, ada.ID, "hello again"))
	if err := d.React(c.ID, first.ID, bob.ID, "👍"); err != nil {
		t.Fatal(err)
	}
	must(d.Send(c.ID, bob.ID, "look", discordtest.Attach("old.txt", []byte("older")), discordtest.Attach("a b.txt", []byte("file"))))
	thread, err := d.CreateThread(c.ID, bob.ID, "thread", first.ID)
	if err != nil {
		t.Fatal(err)
	}
	must(d.Send(thread.ID, ada.ID, "in the thread"))
	dm, err := d.OpenDM(bob.ID)
	if err != nil {
		t.Fatal(err)
	}
	must(d.Send(dm.ID, bob.ID, "privately"))
	return d, c.ID
}

func TestSnapshotAndRestore(t *testing.T) {
	d, channel := furnished(t)
	b, err := d.Snapshot(discordtest.Keep{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := discordtest.Restore(discordtest.Options{}, b)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	same := func(what string, want, got any) {
		t.Helper()
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(discordtest.Message{}, discordtest.Attachment{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-before +after):\n%s", what, diff)
		}
	}
	same("bot", d.Bot(), r.Bot())
	same("users", d.Users(), r.Users())
	same("guilds", d.Guilds(), r.Guilds())
	for _, g := range d.Guilds() {
		same("roles", d.Roles(g.ID), r.Roles(g.ID))
		same("members", d.Members(g.ID), r.Members(g.ID))
	}
	same("channels", d.Channels(), r.Channels())
	for _, c := range d.Channels() {
		same("messages of "+c.Name, d.Messages(c.ID), r.Messages(c.ID))
		for i, m := range d.Messages(c.ID) {
			for k, a := range m.Attachments {
				if got := r.Messages(c.ID)[i].Attachments[k].Bytes(); !bytes.Equal(got, a.Bytes()) {
					t.Errorf("file %s is %q, was %q", a.Name, got, a.Bytes())
				}
			}
		}
	}
	// It goes on: new ids are greater, and people and the bot may write, edit and delete.
	log := r.Messages(channel)
	ada := log[0].Author.ID
	next, err := r.Send(channel, ada, "afterwards", discordtest.ReplyTo(log[0].ID))
	if err != nil || !discordtest.Before(log[len(log)-1].ID, next.ID) {
		t.Errorf("the next message is %s: %v", next.ID, err)
	}
	if err := r.Delete(channel, log[0].ID, ada); err != nil {
		t.Error(err)
	}
	again, err := r.Snapshot(discordtest.Keep{})
	if err != nil || bytes.Contains(again, []byte("hello again")) {
		t.Errorf("what was deleted is still written down: %v", err)
	}
}

func TestSnapshotBounds(t *testing.T) {
	d, channel := furnished(t)
	for i := range 20 {
		if _, err := d.Send(channel, d.Users()[1].ID, fmt.Sprint("number ", i)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := d.Snapshot(discordtest.Keep{Messages: 22, Bytes: 4, Message: func(m discordtest.Message) bool { return m.Content != "number 7" }})
	if err != nil {
		t.Fatal(err)
	}
	r, err := discordtest.Restore(discordtest.Options{}, b)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var text []string
	for _, m := range r.Messages(channel) {
		text = append(text, m.Content)
		for _, a := range m.Attachments {
			text = append(text, a.Name, string(a.Bytes()))
		}
	}
	got := strings.Join(text, " ")
	if !strings.HasSuffix(got, "number 19") || strings.Contains(got, "number 7 ") || strings.Contains(got, "older") || len(r.Messages(channel)) != 22 {
		t.Errorf("%d messages: %s", len(r.Messages(channel)), got)
	}
}

func TestRestoreRefuses(t *testing.T) {
	d, _ := furnished(t)
	good, err := d.Snapshot(discordtest.Keep{})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string]any){
		"version":        func(m map[string]any) { m["version"] = 9 },
		"bot":            func(m map[string]any) { m["bot"] = "x" },
		"user twice":     func(m map[string]any) { m["users"] = append(m["users"].([]any), m["users"].([]any)[1]) },
		"no users":       func(m map[string]any) { m["users"] = nil },
		"no guilds":      func(m map[string]any) { m["guilds"] = nil },
		"guild twice":    func(m map[string]any) { m["guilds"] = append(m["guilds"].([]any), m["guilds"].([]any)[0]) },
		"channel twice":  func(m map[string]any) { m["channels"] = append(m["channels"].([]any), m["channels"].([]any)[0]) },
		"channel's kind": func(m map[string]any) { m["channels"].([]any)[0].(map[string]any)["Kind"] = 99 },
		"messages": func(m map[string]any) {
			for _, c := range m["channels"].([]any) {
				if log, ok := c.(map[string]any)["Log"].([]any); ok && len(log) > 1 {
					log[0], log[1] = log[1], log[0]
				}
			}
		},
		"mention": func(m map[string]any) {
			for _, c := range m["channels"].([]any) {
				if log, ok := c.(map[string]any)["Log"].([]any); ok && len(log) > 0 {
					log[0].(map[string]any)["Mentions"] = []string{"5"}
				}
			}
		},
		"owner": func(m map[string]any) { m["guilds"].([]any)[0].(map[string]any)["OwnerID"] = "5" },
	} {
		var m map[string]any
		decoder := json.NewDecoder(bytes.NewReader(good))
		decoder.UseNumber()
		if err := decoder.Decode(&m); err != nil {
			t.Fatal(err)
		}
		change(m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := discordtest.Restore(discordtest.Options{}, b); err == nil {
			r.Close()
			t.Errorf("%s: it is restored", name)
		}
	}
}

// FuzzRestore looks for bytes that make a Discord that cannot be asked about itself.
func FuzzRestore(f *testing.F) {
	d, _ := furnished(f)
	b, err := d.Snapshot(discordtest.Keep{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte(`{"version":1,"bot":"1","channels":[{"ID":"2","Kind":1,"People":["1","1"]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := discordtest.Restore(discordtest.Options{}, b)
		if err != nil {
			return
		}
		defer r.Close()
		for _, c := range r.Channels() {
			for _, m := range r.Messages(c.ID) {
				_, _ = r.Edit(c.ID, m.ID, m.Author.ID, "x") // may be refused
			}
			for _, u := range r.Users() {
				_, _ = r.Send(c.ID, u.ID, "x") // may be refused
				r.CommandsFor(c.ID, u.ID)
			}
		}
		if _, err := r.Snapshot(discordtest.Keep{}); err != nil {
			t.Error(err)
		}
	})
}
