package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// settingsFile is what /settings export gives and /settings import reads, JSON. A level
// that is absent was not exported, and is left as it is.
type settingsFile struct {
	Moebot  string          `json:"moebot"` // "settings"
	Version int             `json:"version"`
	Server  json.RawMessage `json:"server,omitempty"`
	Channel json.RawMessage `json:"channel,omitempty"`
	Thread  json.RawMessage `json:"thread,omitempty"`
}

func (f *settingsFile) level(l session.Level) *json.RawMessage {
	switch l {
	case session.LevelServer:
		return &f.Server
	case session.LevelChannel:
		return &f.Channel
	}
	return &f.Thread
}

// maxSettingsFile bounds what is read of a file, bytes.
const maxSettingsFile = 256 << 10

// exportSettings gives the settings that were made here, each level's own, as a file.
// Those of the server are for who may manage it.
func (b *Bot) exportSettings(ctx context.Context, i *discordgo.Interaction) error {
	p, t, err := b.here(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	file := settingsFile{Moebot: "settings", Version: 1}
	var had []string
	for l := session.LevelServer; l <= session.LevelThread; l++ {
		if _, ok := p.at(l); !ok {
			continue
		}
		set := t[l]
		for _, f := range session.Fields() {
			if f.Group == session.GroupAdmin && !b.mayField(i, l, f) {
				f.Unset(&set)
			}
		}
		if *file.level(l), err = session.MarshalSettings(set); err != nil {
			return err
		}
		had = append(had, levelName(i, l))
	}
	data, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	return b.respondWith(ctx, i, &discordgo.InteractionResponseData{
		Content: in(i, "The settings made here, of: ", "此处各级的设置：") + strings.Join(had, ", ") + in(i, ". /settings import reads them.", "。可用 /settings import 读取。"),
		Files:   []*discordgo.File{{Name: "settings-" + i.ChannelID + ".json", ContentType: "application/json", Reader: bytes.NewReader(append(data, '\n'))}},
	}, true)
}

// importSettings replaces the settings of levels by those of a file; without one it
// opens a form.
func (b *Bot) importSettings(ctx context.Context, i *discordgo.Interaction, values map[string]any) error {
	level, _ := values["level"].(string)
	id, ok := values["file"].(string)
	if !ok {
		return b.openForm(ctx, i, formImport+":"+level, in(i, "Read settings", "读取设置"), discordgo.TextInput{CustomID: inputText, Label: in(i, "What /settings export gave", "/settings export 的内容"),
			Style: discordgo.TextInputParagraph, Placeholder: `{"channel": {"temperature": 0.7}}`, Required: true, MaxLength: 4000})
	}
	b.doubtAll(i)
	if err := b.deferred(ctx, i, true); err != nil {
		return err
	}
	text, err := b.attached(ctx, i, id)
	if err != nil {
		b.log.Warn("a file of settings could not be read", "channel", i.ChannelID, "err", err)
		return b.fillText(ctx, i, in(i, "I could not read that file. Nothing was changed.", "无法读取该文件。未作任何更改。"))
	}
	said, err := b.importText(ctx, i, level, text)
	return errors.Join(err, b.fillText(ctx, i, said))
}

// importForm is importSettings from a form.
func (b *Bot) importForm(ctx context.Context, i *discordgo.Interaction, level, text string) error {
	b.doubtAll(i)
	if err := b.deferred(ctx, i, true); err != nil {
		return err
	}
	said, err := b.importText(ctx, i, level, text)
	return errors.Join(err, b.fillText(ctx, i, said))
}

// doubtAll has all settings of a place read each time for a while.
func (b *Bot) doubtAll(i *discordgo.Interaction) {
	p, _ := b.placeOf(i.GuildID, i.ChannelID)
	for l := session.LevelServer; l <= session.LevelThread; l++ {
		if k, ok := p.at(l); ok {
			b.levels.doubt(k, time.Now())
		}
	}
}

// importText changes the settings of all levels in a text, or none; said is what came
// of it.
func (b *Bot) importText(ctx context.Context, i *discordgo.Interaction, only, text string) (said string, err error) {
	p := b.findPlace(ctx, i.GuildID, i.ChannelID)
	t, err := b.freshTree(ctx, p)
	if err != nil {
		return sayStoreAway.in(i), err
	}
	levels, bad := readSettings(p, only, text)
	for l, set := range levels { // all of it is checked before anything is changed
		if bad == nil {
			own := t[l]
			bad = b.checked(i, l, b.replace(i, l, set))(&own)
		}
	}
	if bad != nil {
		if said = refused(i, bad); said == "" {
			said = nothingChanged(i, bad)
		}
		return said, nil
	}
	var lines []string
	for l := session.LevelServer; l <= session.LevelThread; l++ {
		set, ok := levels[l]
		if !ok {
			continue
		}
		key, _ := p.at(l)
		a, err := b.alterMore(ctx, i, p, l, key, b.checked(i, l, b.replace(i, l, set)))
		if err != nil {
			return strings.Join(append(lines, fmt.Sprintf(in(i, "My memory went away before the settings of the %s were changed; please import again.", "在更改%s的设置之前存储不可用；请重新导入。"), levelName(i, l))), "\n"), err
		}
		changes := differences(i, a.before, a.after)
		lines = append(lines, fmt.Sprintf("**%s**: %d", levelName(i, l), len(changes)))
		for _, c := range changes {
			if line := c.line(i); length(strings.Join(lines, "\n"))+length(line) < maxContent-100 {
				lines = append(lines, line)
			}
		}
	}
	return in(i, "Settings read; so many have changed:", "已读取设置；更改数目：") + "\n" + strings.Join(lines, "\n"), nil
}

// replace makes settings those of a level. What the person may not see, and so was not
// in the file, stays.
func (b *Bot) replace(i *discordgo.Interaction, l session.Level, set session.Settings) func(*session.Settings) error {
	return func(s *session.Settings) error {
		next := set
		for _, f := range session.Fields() {
			if f.Group == session.GroupAdmin && !f.IsSet(set) && !b.mayField(i, l, f) {
				f.Copy(&next, *s)
			}
		}
		*s = next
		return nil
	}
}

// readSettings reads the levels of a text, or, if it is settings without a level, those
// of the level only, or of the nearest.
func readSettings(p place, only, text string) (map[session.Level]session.Settings, error) {
	wrong := func(english, zh string, args ...any) (map[session.Level]session.Settings, error) {
		return nil, wrongf(english, zh, args...)
	}
	level := p.level()
	if only != "" {
		var ok bool
		if level, ok = session.ParseLevel(only); !ok {
			return wrong("there is no level %.20q", "没有 %.20q 这一级", only)
		}
		if _, ok = p.at(level); !ok {
			return wrong("there is no %s here", "此处没有 %s 这一级", level)
		}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil || object == nil {
		return wrong("this is no JSON object", "这不是一个 JSON 对象")
	}
	leveled := false
	for _, name := range []string{"moebot", "version", "server", "channel", "thread"} {
		if _, ok := object[name]; ok {
			leveled = true
		}
	}
	if !leveled {
		set, err := session.UnmarshalSettings([]byte(text))
		return map[session.Level]session.Settings{level: set}, err
	}
	var file settingsFile
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return wrong("this is no file of settings: %.100s", "这不是设置文件：`%.100s`", strings.TrimPrefix(err.Error(), "json: "))
	}
	if file.Moebot != "" && file.Moebot != "settings" || file.Version > 1 {
		return wrong("this is a file of another kind, or of a newer version of me", "这是另一种文件，或来自我的更新版本")
	}
	out := map[session.Level]session.Settings{}
	var errs []error
	for l := session.LevelServer; l <= session.LevelThread; l++ {
		raw := *file.level(l)
		if raw == nil || only != "" && l != level {
			continue
		}
		if _, ok := p.at(l); !ok {
			return wrong("the file has settings of a %s, and there is none here; choose one level of it", "文件含有 %s 级的设置，而此处没有这一级；请只选择其中一级", l)
		}
		set, err := session.UnmarshalSettings(raw)
		if joined, ok := unjoin(err); ok {
			errs = append(errs, joined...)
		} else if err != nil {
			errs = append(errs, err)
		}
		out[l] = set
	}
	if len(out) == 0 {
		return wrong("there are no settings of that level in it", "其中没有这一级的设置")
	}
	return out, errors.Join(errs...)
}

// attached reads the file of an option.
func (b *Bot) attached(ctx context.Context, i *discordgo.Interaction, id string) (string, error) {
	d := i.ApplicationCommandData()
	if d.Resolved == nil || d.Resolved.Attachments[id] == nil {
		return "", errors.New("discord: the interaction has no such file")
	}
	return b.fetch(ctx, d.Resolved.Attachments[id].URL, maxSettingsFile)
}
