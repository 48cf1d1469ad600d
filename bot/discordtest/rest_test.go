package discordtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/discordtest"
)

// request makes a raw REST request as the bot.
func (w *world) request(t testing.TB, method, path, contentType string, body []byte) (int, http.Header, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://discord.com/api/v9"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bot "+w.Token())
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	resp, err := w.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, data
}

// json makes a request with a JSON body and decodes the answer.
func (w *world) json(t testing.TB, method, path string, body any) (int, map[string]any) {
	t.Helper()
	data, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		data = string(b)
	}
	status, _, answer := w.request(t, method, path, "application/json", []byte(data))
	var out map[string]any
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &out); err != nil {
			t.Fatalf("%s %s answered %s: %v", method, path, answer, err)
		}
	}
	return status, out
}

var unlimited = discordtest.Limits{Off: true}

type object = map[string]any
type list = []any

func button(id string) object { return object{"type": 2, "style": 1, "label": "x", "custom_id": id} }

func row(children ...any) object { return object{"type": 1, "components": children} }

func repeat(x any, n int) list {
	l := make(list, n)
	for i := range l {
		l[i] = x
	}
	return l
}

func TestCreateMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Limits: unlimited})
	hidden := w.AddChannelLike(w.guild.ID, discordtest.Channel{Name: "hidden",
		Overwrites: []discordtest.Overwrite{{ID: w.guild.ID, Deny: discordtest.ViewChannel}, {ID: w.Bot().ID, Kind: 1, Deny: discordtest.ViewChannel}}})
	readOnly := w.AddChannelLike(w.guild.ID, discordtest.Channel{Name: "read-only",
		Overwrites: []discordtest.Overwrite{{ID: w.Bot().ID, Kind: 1, Deny: discordtest.SendMessages}}})
	noFuture := w.AddChannelLike(w.guild.ID, discordtest.Channel{Name: "no-history",
		Overwrites: []discordtest.Overwrite{{ID: w.Bot().ID, Kind: 1, Deny: discordtest.ReadHistory}}})
	old, _ := w.Send(w.channel.ID, w.bob.ID, "old")
	past, _ := w.Send(noFuture.ID, w.bob.ID, "past")
	say := func(s string) object { return object{"content": s} }
	for _, test := range []struct {
		name    string
		channel string
		body    any
		status  int
		code    int
		field   string // in errors
	}{
		{"plain", "", say("hi"), 200, 0, ""},
		{"2000 characters", "", say(strings.Repeat("x", 2000)), 200, 0, ""},
		{"2001 characters", "", say(strings.Repeat("x", 2001)), 400, 50035, "content"},
		{"2000 emoji", "", say(strings.Repeat("😀", 2000)), 200, 0, ""},
		{"2001 emoji", "", say(strings.Repeat("😀", 2001)), 400, 50035, "content"},
		{"empty", "", say(""), 400, 50006, ""},
		{"nothing", "", object{}, 400, 50006, ""},
		{"blank", "", say(" \n\t"), 400, 50006, ""},
		{"null content", "", object{"content": nil}, 400, 50006, ""},
		{"no JSON", "", `{"content":`, 400, 50109, ""},
		{"wrong type", "", object{"content": 7}, 400, 50035, ""},
		{"unknown channel", "1", say("hi"), 404, 10003, ""},
		{"hidden channel", hidden.ID, say("hi"), 403, 50001, ""},
		{"read-only channel", readOnly.ID, say("hi"), 403, 50013, ""},
		{"TTS without permission", "", object{"content": "x", "tts": true}, 403, 50013, ""},
		{"embed", "", object{"embeds": list{object{"title": "t"}}}, 200, 0, ""},
		{"empty embed", "", object{"embeds": list{object{}}}, 400, 50035, "embeds.0.description"},
		{"embed title of 257", "", object{"embeds": list{object{"title": strings.Repeat("x", 257)}}}, 400, 50035, "embeds.0.title"},
		{"embed description of 4097", "", object{"embeds": list{object{"description": strings.Repeat("x", 4097)}}}, 400, 50035, "embeds.0.description"},
		{"embed field without value", "", object{"embeds": list{object{"fields": list{object{"name": "n"}}}}}, 400, 50035, "embeds.0.fields.0.value"},
		{"26 embed fields", "", object{"embeds": list{object{"fields": repeat(object{"name": "n", "value": "v"}, 26)}}}, 400, 50035, "embeds.0.fields"},
		{"11 embeds", "", object{"embeds": repeat(object{"title": "t"}, 11)}, 400, 50035, "embeds"},
		{"6001 characters in embeds", "", object{"embeds": repeat(object{"description": strings.Repeat("x", 3001)}, 2)}, 400, 50035, "embeds"},
		{"embed with a bad URL", "", object{"embeds": list{object{"title": "t", "url": "javascript:x"}}}, 400, 50035, "embeds.0.url"},
		{"nonce of 26", "", object{"content": "x", "nonce": strings.Repeat("n", 26)}, 400, 50035, "nonce"},
		{"numeric nonce", "", object{"content": "x", "nonce": 12345}, 200, 0, ""},
		{"reply", "", object{"content": "x", "message_reference": object{"message_id": old.ID}}, 200, 0, ""},
		{"reply to nothing", "", object{"content": "x", "message_reference": object{"message_id": "5"}}, 400, 50035, "message_reference"},
		{"soft reply to nothing", "", object{"content": "x", "message_reference": object{"message_id": "5", "fail_if_not_exists": false}}, 200, 0, ""},
		{"reply across channels", "", object{"content": "x", "message_reference": object{"message_id": past.ID}}, 400, 50035, "message_reference"},
		{"reply without history", noFuture.ID, object{"content": "x", "message_reference": object{"message_id": past.ID}}, 403, 160002, ""},
		{"parse and users", "", object{"content": "x", "allowed_mentions": object{"parse": list{"users"}, "users": list{w.bob.ID}}}, 400, 50035, "allowed_mentions"},
		{"parse and empty users", "", object{"content": "x", "allowed_mentions": object{"parse": list{"users"}, "users": list{}}}, 200, 0, ""},
		{"parse of another kind", "", object{"content": "x", "allowed_mentions": object{"parse": list{"all"}}}, 400, 50035, "allowed_mentions.parse.0"},
		{"101 users", "", object{"content": "x", "allowed_mentions": object{"users": repeat("1", 101)}}, 400, 50035, "allowed_mentions.users"},
		{"button", "", object{"content": "x", "components": list{row(button("a"))}}, 200, 0, ""},
		{"components only", "", object{"components": list{row(button("a"))}}, 200, 0, ""},
		{"6 rows", "", object{"components": repeat(row(object{"type": 2, "style": 5, "label": "l", "url": "https://x.y"}), 6)}, 400, 50035, "components"},
		{"6 buttons in a row", "", object{"components": list{row(button("a"), button("b"), button("c"), button("d"), button("e"), button("f"))}}, 400, 50035, "components.0.components"},
		{"same custom id", "", object{"components": list{row(button("a"), button("a"))}}, 400, 50035, "components.0.components.1.custom_id"},
		{"custom id of 101", "", object{"components": list{row(button(strings.Repeat("i", 101)))}}, 400, 50035, "components.0.components.0.custom_id"},
		{"label of 81", "", object{"components": list{row(object{"type": 2, "style": 1, "custom_id": "a", "label": strings.Repeat("l", 81)})}}, 400, 50035, "components.0.components.0.label"},
		{"button outside a row", "", object{"components": list{button("a")}}, 400, 50035, "components.0.type"},
		{"text display without the flag", "", object{"components": list{object{"type": 10, "content": "x"}}}, 400, 50035, "components.0.type"},
		{"components v2", "", object{"flags": 1 << 15, "components": list{object{"type": 10, "content": "x"}}}, 200, 0, ""},
		{"components v2 with content", "", object{"flags": 1 << 15, "content": "c", "components": list{object{"type": 10, "content": "x"}}}, 400, 50035, "content"},
		{"41 components v2", "", object{"flags": 1 << 15, "components": repeat(object{"type": 10, "content": "x"}, 41)}, 400, 50035, "components"},
		{"attachment without file", "", object{"content": "x", "attachments": list{object{"id": 0}}}, 400, 50035, "attachments.0.id"},
	} {
		t.Run(test.name, func(t *testing.T) {
			channel := test.channel
			if channel == "" {
				channel = w.channel.ID
			}
			status, answer := w.json(t, "POST", "/channels/"+channel+"/messages", test.body)
			code, _ := answer["code"].(float64)
			if status != test.status || int(code) != test.code {
				t.Fatalf("got %d %v, want %d with code %d", status, answer, test.status, test.code)
			}
			if test.field == "" {
				return
			}
			at := answer["errors"]
			for part := range strings.SplitSeq(test.field, ".") {
				m, _ := at.(map[string]any)
				at = m[part]
			}
			if m, _ := at.(map[string]any); m["_errors"] == nil {
				t.Errorf("errors %v, want one at %s", answer["errors"], test.field)
			}
		})
	}
}

func TestUnauthorized(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	dg := w.client(t)
	dg.Token = "Bot wrong"
	_, err := dg.Channel(w.channel.ID)
	var rest *discordgo.RESTError
	if !errors.As(err, &rest) || rest.Response.StatusCode != 401 {
		t.Errorf("got %v, want 401", err)
	}
	if n := w.InvalidRequests(); n != 1 {
		t.Errorf("%d invalid requests, want 1", n)
	}
}

func TestNonce(t *testing.T) {
	t.Parallel()
	clock := discordtest.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	w := newWorld(t, discordtest.Options{Limits: unlimited, Clock: clock})
	create := func(enforce bool) string {
		_, m := w.json(t, "POST", "/channels/"+w.channel.ID+"/messages", object{"content": "x", "nonce": "n1", "enforce_nonce": enforce})
		if m["nonce"] != "n1" {
			t.Errorf("nonce came back as %v", m["nonce"])
		}
		return fmt.Sprint(m["id"])
	}
	first := create(true)
	if again := create(true); again != first {
		t.Errorf("same nonce made another message")
	}
	if other := create(false); other == first {
		t.Errorf("not enforced, the nonce still found the first message")
	}
	clock.Advance(6 * time.Minute)
	if later := create(true); later == first {
		t.Errorf("after six minutes the nonce still found the first message")
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Limits: unlimited})
	dg := w.client(t)
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 4, 3))); err != nil {
		t.Fatal(err)
	}
	m, err := dg.ChannelMessageSendComplex(w.channel.ID, &discordgo.MessageSend{Content: "look",
		Files:  []*discordgo.File{{Name: "load chart.png", ContentType: "image/png", Reader: bytes.NewReader(picture.Bytes())}},
		Embeds: []*discordgo.MessageEmbed{{Image: &discordgo.MessageEmbedImage{URL: "attachment://load_chart.png"}}}})
	if err != nil {
		t.Fatal(err)
	}
	a := m.Attachments[0]
	if a.Filename != "load_chart.png" || a.Width != 4 || a.Height != 3 || a.Size != picture.Len() || m.Embeds[0].Image.URL != a.URL {
		t.Errorf("attachment %+v, embed %+v", a, m.Embeds[0].Image)
	}
	resp, err := dg.Client.Get(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	data, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !bytes.Equal(data, picture.Bytes()) || resp.Header.Get("Content-Type") != "image/png" {
		t.Errorf("the CDN gave %d bytes of %s", len(data), resp.Header.Get("Content-Type"))
	}
	// An edit appends, and drops what it does not list.
	m, err = dg.ChannelMessageEditComplex(&discordgo.MessageEdit{Channel: w.channel.ID, ID: m.ID,
		Files: []*discordgo.File{{Name: "a.txt", Reader: strings.NewReader("text")}}})
	if err != nil || len(m.Attachments) != 2 {
		t.Fatalf("edit: %v %+v", err, m)
	}
	kept := []*discordgo.MessageAttachment{m.Attachments[1]}
	m, err = dg.ChannelMessageEditComplex(&discordgo.MessageEdit{Channel: w.channel.ID, ID: m.ID, Attachments: &kept})
	if err != nil || len(m.Attachments) != 1 || m.Attachments[0].Filename != "a.txt" {
		t.Fatalf("edit: %v %+v", err, m)
	}
	if resp, err = dg.Client.Get(a.URL); err != nil || resp.StatusCode != 404 {
		t.Errorf("dropped file: %v %v", resp.Status, err)
	}
	resp.Body.Close()
	if got := w.Messages(w.channel.ID)[0].Attachments[0].Bytes(); string(got) != "text" {
		t.Errorf("bytes %q", got)
	}

	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, _ := form.CreateFormFile("files[0]", "big.bin")
	part.Write(make([]byte, 10<<20+1))
	form.Close()
	if status, _, answer := w.request(t, "POST", "/channels/"+w.channel.ID+"/messages", form.FormDataContentType(), body.Bytes()); status != 413 {
		t.Errorf("file over 10 MiB: %d %s", status, answer)
	}
}

func TestListMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Limits: unlimited})
	dg := w.client(t)
	var ids []string
	for i := range 10 {
		m, _ := w.Send(w.channel.ID, w.bob.ID, fmt.Sprint(i))
		ids = append(ids, m.ID)
	}
	for _, test := range []struct {
		name                  string
		limit                 int
		before, after, around string
		want                  string
	}{
		{"newest", 3, "", "", "", "987"},
		{"before", 2, ids[4], "", "", "32"},
		{"after", 2, "", ids[4], "", "65"},
		{"around", 3, "", "", ids[4], "543"},
		{"before the first", 2, ids[0], "", "", ""},
		{"after a missing one", 1, "", "1", "", "0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			list, err := dg.ChannelMessages(w.channel.ID, test.limit, test.before, test.after, test.around)
			got := ""
			for _, m := range list {
				got += m.Content
			}
			if err != nil || got != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
	if _, err := dg.ChannelMessages(w.channel.ID, 101, "", "", ""); err == nil {
		t.Error("a limit of 101 was accepted")
	}
}

func TestEditAndDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Limits: unlimited})
	mine, _ := w.Send(w.channel.ID, w.Bot().ID, "mine")
	his, _ := w.Send(w.channel.ID, w.bob.ID, "his")
	at := func(id string) string { return "/channels/" + w.channel.ID + "/messages/" + id }
	expect := func(name string, status, code int, method, path string, body any) {
		t.Helper()
		got, answer := w.json(t, method, path, body)
		if c, _ := answer["code"].(float64); got != status || int(c) != code {
			t.Errorf("%s: got %d %v, want %d code %d", name, got, answer, status, code)
		}
	}
	expect("edit", 200, 0, "PATCH", at(mine.ID), object{"content": "mine again"})
	expect("edit to nothing", 400, 50006, "PATCH", at(mine.ID), object{"content": ""})
	expect("edit another's", 403, 50005, "PATCH", at(his.ID), object{"content": "x"})
	expect("edit unknown", 404, 10008, "PATCH", at("5"), object{"content": "x"})
	expect("edit too long", 400, 50035, "PATCH", at(mine.ID), object{"content": strings.Repeat("x", 2001)})
	expect("delete another's", 403, 50013, "DELETE", at(his.ID), "")
	expect("bulk delete without permission", 403, 50013, "POST", at("bulk-delete"), object{"messages": list{mine.ID, his.ID}})
	moderator := w.AddRole(w.guild.ID, "moderator", discordtest.ManageMessages)
	w.AddMember(w.guild.ID, w.Bot().ID, moderator.ID)
	expect("bulk delete of one", 400, 50016, "POST", at("bulk-delete"), object{"messages": list{mine.ID}})
	expect("bulk delete of the past", 400, 50034, "POST", at("bulk-delete"), object{"messages": list{"5", "6"}})
	expect("bulk delete", 204, 0, "POST", at("bulk-delete"), object{"messages": list{mine.ID, his.ID}})
	if n := len(w.Messages(w.channel.ID)); n != 0 {
		t.Errorf("%d messages left", n)
	}
	// People are held to the same rules.
	his, _ = w.Send(w.channel.ID, w.bob.ID, "his")
	if _, err := w.Edit(w.channel.ID, his.ID, w.ada.ID, "x"); !errors.Is(err, discordtest.ErrOtherAuthor) {
		t.Errorf("owner edits another's message: %v", err)
	}
	if err := w.Delete(w.channel.ID, his.ID, w.ada.ID); err != nil {
		t.Errorf("owner deletes another's message: %v", err)
	}
}

func TestReactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Limits: unlimited})
	dg := w.client(t)
	added := listen[discordgo.MessageReactionAdd](dg)
	open(t, dg)
	m, _ := w.Send(w.channel.ID, w.bob.ID, "hm")
	if err := dg.MessageReactionAdd(w.channel.ID, m.ID, "👍"); err != nil {
		t.Fatal(err)
	}
	if err := w.React(w.channel.ID, m.ID, w.ada.ID, "👍"); err != nil {
		t.Fatal(err)
	}
	next(t, added)
	if e := next(t, added); e.UserID != w.ada.ID || e.Emoji.Name != "👍" {
		t.Errorf("reaction event %+v", e.MessageReaction)
	}
	if got := w.Messages(w.channel.ID)[0].Reactions; len(got) != 1 || len(got[0].Users) != 2 {
		t.Errorf("reactions %+v", got)
	}
	if err := dg.MessageReactionRemove(w.channel.ID, m.ID, "👍", "@me"); err != nil {
		t.Fatal(err)
	}
	users, err := dg.MessageReactions(w.channel.ID, m.ID, "👍", 10, "", "")
	if err != nil || len(users) != 1 || users[0].ID != w.ada.ID {
		t.Errorf("who reacted: %v %v", users, err)
	}
	if err := w.React(w.channel.ID, m.ID, w.ada.ID, "x"); !errors.Is(err, discordtest.ErrUnknownEmoji) {
		t.Errorf("letter as emoji: %v", err)
	}
}
