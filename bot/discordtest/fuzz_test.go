package discordtest_test

import (
	"testing"

	"moebot/bot/discordtest"
)

// FuzzCreateMessage: no body makes the server panic, answer other than Discord could, or keep a message that
// breaks its rules.
func FuzzCreateMessage(f *testing.F) {
	const form = "multipart/form-data; boundary=b"
	for _, seed := range []struct{ kind, body string }{
		{"application/json", `{"content":"hello"}`},
		{"application/json", `{"content":null,"embeds":[{"title":"t","fields":[{"name":"n","value":"v"}],"image":{"url":"attachment://x"}}]}`},
		{"application/json", `{"content":"<@1> <@&2> @everyone","allowed_mentions":{"parse":["users"],"roles":["2"]}}`},
		{"application/json", `{"flags":32768,"components":[{"type":17,"components":[{"type":9,"components":[{"type":10,"content":"x"}],"accessory":{"type":2,"style":1,"label":"l","custom_id":"c"}}]}]}`},
		{"application/json", `{"content":"x","components":[{"type":1,"components":[{"type":3,"custom_id":"s","options":[{"label":"l","value":"v"}]}]}]}`},
		{"application/json", `{"content":"x","nonce":12,"enforce_nonce":true,"message_reference":{"message_id":"1","fail_if_not_exists":false}}`},
		{form, "--b\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{\"content\":\"x\",\"attachments\":[{\"id\":0,\"description\":\"d\"}]}\r\n--b\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"../a b.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--b--\r\n"},
	} {
		f.Add(seed.kind, []byte(seed.body))
	}
	s := discordtest.New(discordtest.Options{Limits: discordtest.Limits{Off: true}, History: 16})
	if err := s.Start(""); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	ada := s.AddUser("Ada")
	c := s.AddChannel(s.AddGuild("Home", ada.ID).ID, "general")
	w := &world{Server: s, channel: c}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		for _, r := range kind {
			if r < ' ' || r > '~' {
				t.Skip("not a header")
			}
		}
		status, _, answer := w.request(t, "POST", "/channels/"+c.ID+"/messages", kind, body)
		switch status {
		case 200:
			list := s.MessagesBefore(c.ID, "", 1)
			if m := list[0]; len([]rune(m.Content)) > 2000 || len(m.Attachments) > 10 || len(m.Embeds) > 10 ||
				m.Content == "" && len(m.Embeds)+len(m.Attachments)+len(m.Components) == 0 {
				t.Errorf("kept %+v", m)
			}
		case 400, 403, 413:
		default:
			t.Errorf("%d %s", status, answer)
		}
	})
}
