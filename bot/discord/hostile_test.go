package discord

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bwmarrin/discordgo"
)

// handled are the events that have handlers, but for READY and GUILD_CREATE: discordgo
// goes through their lists before it hands anything on, and does not survive a null there.
var handled = []string{"MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK", "INTERACTION_CREATE",
	"THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE", "THREAD_LIST_SYNC", "THREAD_MEMBER_UPDATE", "THREAD_MEMBERS_UPDATE"}

// nasty are values where others are expected.
var nasty = []string{`null`, `""`, `"x"`, `0`, `-1`, `1e400`, `9007199254740993`, `true`, `[]`, `[null]`, `{}`, `{"id":null}`, `"\u0000"`, `"@everyone <@1> <@&3>"`}

// payloads are well formed, each with something of all that handlers read.
func (h *madhouse) payloads() map[string][]string {
	out := map[string][]string{
		"MESSAGE_CREATE": {`{"id":"100","channel_id":"2","guild_id":"9","type":19,"content":"<@1> hi","timestamp":"2026-01-01T00:00:00Z","author":{"id":"7","username":"mia","bot":false},"member":{"nick":"M","roles":["3"]},"mentions":[{"id":"1","username":"moebot"}],"mention_roles":[],"mention_everyone":false,"attachments":[],"sticker_items":[],"referenced_message":{"id":"99","author":{"id":"1"},"content":"x"},"webhook_id":""}`},
		"MESSAGE_UPDATE": {`{"id":"100","channel_id":"2","guild_id":"9","content":"<@1> ho","edited_timestamp":"2026-01-01T00:00:01Z","author":{"id":"7"},"mentions":[]}`},
		"MESSAGE_DELETE": {`{"id":"100","channel_id":"2","guild_id":"9"}`}, "MESSAGE_DELETE_BULK": {`{"ids":["100","101"],"channel_id":"2","guild_id":"9"}`},
		"THREAD_CREATE": {`{"id":"4","guild_id":"9","parent_id":"2","type":11,"member":{"id":"4","user_id":"1"}}`}, "THREAD_UPDATE": {`{"id":"4","guild_id":"9","parent_id":"2","type":11,"thread_metadata":{"archived":true}}`}, "THREAD_DELETE": {`{"id":"4","guild_id":"9","parent_id":"2","type":11}`},
		"THREAD_LIST_SYNC": {`{"guild_id":"9","threads":[{"id":"4","guild_id":"9","parent_id":"2","type":11}],"members":[{"id":"4","user_id":"1"}]}`}, "THREAD_MEMBER_UPDATE": {`{"id":"4","guild_id":"9","user_id":"1"}`},
		"THREAD_MEMBERS_UPDATE": {`{"id":"4","guild_id":"9","member_count":2,"added_members":[{"id":"4","user_id":"1"}],"removed_member_ids":["7"]}`},
	}
	const who = `"id":"200","application_id":"1","token":"t","channel_id":"2","guild_id":"9","locale":"zh-CN","channel":{"id":"2","type":0},"member":{"permissions":"2147483647","roles":[],"user":{"id":"7","username":"mia"}}`
	message := `{"id":"55","channel_id":"2","content":"x","author":{"id":"7","username":"mia"},"timestamp":"2026-01-01T00:00:00Z"}`
	for _, c := range h.bot.commands() {
		data := fmt.Sprintf(`"id":"3","name":%q,"type":%d`, c.Name, max(1, int(c.Type)))
		if c.Type == discordgo.MessageApplicationCommand {
			data += `,"target_id":"55","resolved":{"messages":{"55":` + message + `}}`
		} else {
			data += `,"resolved":{},"options":` + options(c.Options)
		}
		out["INTERACTION_CREATE"] = append(out["INTERACTION_CREATE"], fmt.Sprintf(`{"type":2,%s,"data":{%s}}`, who, data), fmt.Sprintf(`{"type":4,%s,"data":{%s}}`, who, data))
		for _, o := range c.Options {
			if o.Type == discordgo.ApplicationCommandOptionSubCommand || o.Type == discordgo.ApplicationCommandOptionSubCommandGroup {
				data := fmt.Sprintf(`"id":"3","name":%q,"type":1,"options":[{"name":%q,"type":%d,"options":%s}]`, c.Name, o.Name, o.Type, options(o.Options))
				out["INTERACTION_CREATE"] = append(out["INTERACTION_CREATE"], fmt.Sprintf(`{"type":2,%s,"data":{%s}}`, who, data))
			}
		}
	}
	for _, id := range []string{"stop:100:7:0", "again:100:7:0", "more:100:7:0", "pick:100:7:1", "edited:100:7:0", "undo:7", "about:55", "persona", "", "::::", strings.Repeat("x", 100)} {
		out["INTERACTION_CREATE"] = append(out["INTERACTION_CREATE"],
			fmt.Sprintf(`{"type":3,%s,"message":%s,"data":{"custom_id":%q,"component_type":2,"values":["1"]}}`, who, message, id),
			fmt.Sprintf(`{"type":5,%s,"message":%s,"data":{"custom_id":%q,"components":[{"type":1,"components":[{"type":4,"custom_id":"text","value":"@everyone"}]}]}}`, who, message, id))
	}
	return out
}

// options fills in options of a command.
func options(list []*discordgo.ApplicationCommandOption) string {
	var out []string
	for _, o := range list {
		value := `"7"`
		switch o.Type {
		case discordgo.ApplicationCommandOptionInteger, discordgo.ApplicationCommandOptionNumber:
			value = "1"
		case discordgo.ApplicationCommandOptionBoolean:
			value = "true"
		case discordgo.ApplicationCommandOptionSubCommand, discordgo.ApplicationCommandOptionSubCommandGroup:
			out = append(out, fmt.Sprintf(`{"name":%q,"type":%d,"options":%s}`, o.Name, o.Type, options(o.Options)))
			continue
		}
		out = append(out, fmt.Sprintf(`{"name":%q,"type":%d,"value":%s,"focused":true}`, o.Name, o.Type, value))
	}
	return "[" + strings.Join(out, ",") + "]"
}

// mutants are a payload with each of its values, one at a time, left out or replaced by
// nasty ones.
func mutants(payload string) (out []string) {
	var v any
	if err := json.Unmarshal([]byte(payload), &v); err != nil {
		panic(err)
	}
	const hole = "\"\u2603\""
	write := func() string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	fill := func(text string) {
		for _, n := range nasty {
			out = append(out, strings.Replace(text, hole, n, 1))
		}
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, old := range v {
				v[k] = "\u2603"
				fill(write())
				delete(v, k)
				out = append(out, write())
				v[k] = old
				walk(old)
			}
		case []any:
			for i, old := range v {
				v[i] = "\u2603"
				fill(write())
				v[i] = old
				walk(old)
			}
		}
	}
	walk(v)
	return out
}

// Every handler gets every value of its payloads wrong in every way: nothing panics, not
// even contained, and what is said stays within Discord's limits and pings nobody. With
// MOEBOT_SOAK set it is all of them, and else one in 17.
func TestHostilePayloads(t *testing.T) {
	h := newMadhouse(t)
	n := 0
	for name, list := range h.payloads() {
		for _, p := range list {
			h.dispatch(t, name, p)
			all := mutants(p)
			for i, m := range all {
				if os.Getenv("MOEBOT_SOAK") == "" && i%17 > 0 {
					continue
				}
				h.dispatch(t, name, m)
				n++
			}
			if c := h.complaints(); c != "" {
				t.Fatalf("%s %s: %s", name, p, c)
			}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t.Logf("%d payloads; requests of the bot: %v", n, h.sent)
	if h.sent[http.MethodPost] < 10 {
		t.Error("hardly anything was answered")
	}
}

// FuzzGateway sends what no Discord should.
func FuzzGateway(f *testing.F) {
	h := newMadhouse(f)
	for name, list := range h.payloads() {
		for _, p := range list {
			f.Add(uint8(slices.Index(handled, name)), p)
		}
	}
	f.Fuzz(func(t *testing.T, event uint8, payload string) {
		if !json.Valid([]byte(payload)) { // discordgo drops it
			payload = `null`
		}
		h.dispatch(t, handled[int(event)%len(handled)], payload)
		if c := h.complaints(); c != "" {
			t.Fatal(c)
		}
	})
}
