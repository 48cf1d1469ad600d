package discord

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// forbidden is a setting that the person may not change at a level.
type forbidden struct {
	level session.Level
	field session.Field
}

func (e *forbidden) Error() string { return "discord: may not change " + e.field.Name }

// misplaced is a setting that there is not at a level.
type misplaced struct{ field session.Field }

func (e *misplaced) Error() string { return "discord: " + e.field.Name + " is a server's" }

// errNoServer is returned where another server's model is wished for, and the
// configuration names none.
var errNoServer = errors.New("discord: there is no other server")

// mayField reports whether the person may change a setting at a level: what concerns a
// whole server, or who is answered, takes Manage Server; the rest Manage Channels, or,
// where the configuration has everybody set how answers are made, nothing. What is
// changed inside the model takes an administrator.
func (b *Bot) mayField(i *discordgo.Interaction, l session.Level, f session.Field) bool {
	switch {
	case f.Name == "steering": // see steer.go
		return i.GuildID != "" && may(i, discordgo.PermissionAdministrator)
	case i.GuildID == "":
		return true
	case l == session.LevelServer || f.Group == session.GroupAdmin:
		return may(i, discordgo.PermissionManageGuild)
	case f.Group == session.GroupAnswers:
		return b.maySet(i)
	}
	return may(i, discordgo.PermissionManageChannels)
}

// checked has a change of settings refused that is not the person's to make, or that
// this bot cannot follow. What is stored already stays.
func (b *Bot) checked(i *discordgo.Interaction, l session.Level, f func(*session.Settings) error) func(*session.Settings) error {
	return func(s *session.Settings) error {
		before := *s
		if err := f(s); err != nil {
			return err
		}
		for _, f := range session.Fields() {
			if f.Value(before) == f.Value(*s) && f.IsSet(before) == f.IsSet(*s) {
				continue
			}
			if f.ServerOnly && l != session.LevelServer && f.IsSet(*s) {
				return &misplaced{f}
			}
			if !b.mayField(i, l, f) {
				return &forbidden{l, f}
			}
			if f.Name == "engine" && f.Value(*s) == session.EngineServer && (b.opt.Elsewhere == nil || b.opt.Elsewhere(*s) == "") {
				return errNoServer
			}
		}
		return s.Validate()
	}
}

// refused says in one sentence why settings were not changed, "" if the cause is none
// of the person's.
func refused(i *discordgo.Interaction, err error) string {
	var no *forbidden
	var where *misplaced
	switch {
	case errors.As(err, &no):
		need := in(i, "manage this channel", "管理此频道")
		if no.level == session.LevelServer || no.field.Group == session.GroupAdmin {
			need = in(i, "manage this server", "管理此服务器")
		}
		if no.field.Name == "steering" {
			need = in(i, "administer this server", "担任此服务器管理员")
		}
		return fmt.Sprintf(in(i, "Only people who may %s can change `%s`. Nothing was changed.", "只有可以%s的人才能更改 `%s`。未作任何更改。"), need, no.field.Name)
	case errors.As(err, &where):
		return fmt.Sprintf(in(i, "`%s` can be set for the whole server only: choose the level server. Nothing was changed.", "`%s` 只能为整个服务器设置：请选择 server 级。未作任何更改。"), where.field.Name)
	case errors.Is(err, errNotMuted):
		return in(i, "Nobody of that name is muted in this server.", "本服务器没有禁言此人。")
	case errors.Is(err, errNoServer):
		return in(i, "There is no other server for `engine`: the configuration names none in `[engine] url`. Nothing was changed.", "`engine` 没有可用的服务器：配置中的 `[engine] url` 未指定。未作任何更改。")
	case errors.As(err, new(*session.SettingError)), errors.As(err, new(*session.FormatError)):
		return nothingChanged(i, err)
	}
	return ""
}

func nothingChanged(i *discordgo.Interaction, err error) string {
	return fmt.Sprintf(in(i, "That won't do: %s. Nothing was changed.", "不行：%s。未作任何更改。"), harmless(cause(i, err)))
}

// unjoin finds errors that were joined, below what wraps them.
func unjoin(err error) ([]error, bool) {
	for err != nil {
		if j, ok := err.(interface{ Unwrap() []error }); ok {
			return j.Unwrap(), true
		}
		err = errors.Unwrap(err)
	}
	return nil, false
}

// mentionForms are ids as Discord's client writes them when somebody is mentioned.
var mentionForms = regexp.MustCompile(`<(#|@&|@!?)(\d{1,20})>`)

// meant replaces mentions in a value by what the setting takes.
func meant(f session.Field, value string) string {
	return mentionForms.ReplaceAllStringFunc(value, func(s string) string {
		m := mentionForms.FindStringSubmatch(s)
		if f.Name != "allow" && f.Name != "block" {
			return m[2]
		}
		switch m[1] {
		case "#":
			return session.TargetChannel + ":" + m[2]
		case "@&":
			return session.TargetRole + ":" + m[2]
		}
		return session.TargetPerson + ":" + m[2]
	})
}

// levelGiven is the level that an option names, the nearest without one; said is what to
// answer if there is no such level here.
func levelGiven(i *discordgo.Interaction, p place, f session.Field, values map[string]any) (l session.Level, said string) {
	name, _ := values["level"].(string)
	l = p.level()
	if name == "" && f.ServerOnly && p.server != "" {
		l = session.LevelServer
	} else if name != "" {
		var ok bool
		if l, ok = session.ParseLevel(name); !ok {
			l = session.LevelDefault
		}
	}
	if _, ok := p.at(l); !ok {
		return l, fmt.Sprintf(in(i, "There is no level %.20q here.", "此处没有 %.20q 这一级。"), name)
	}
	return l, ""
}

// setSetting sets one setting, or leaves it to the level above, and shows before → after.
func (b *Bot) setSetting(ctx context.Context, i *discordgo.Interaction, unset bool, values map[string]any) error {
	name, _ := values["name"].(string)
	value, _ := values["value"].(string)
	f, ok := session.FieldNamed(strings.ToLower(strings.TrimSpace(name)))
	if !ok {
		return b.respond(ctx, i, fmt.Sprintf(in(i, "There is no setting called %s. /settings show lists them.", "没有名为 %s 的设置。用 /settings show 查看全部。"), "`"+strings.ReplaceAll(fmt.Sprintf("%.40s", name), "`", "'")+"`"), true)
	}
	p, t, err := b.here(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	l, said := levelGiven(i, p, f, values)
	if said != "" {
		return b.respond(ctx, i, said, true)
	}
	a, err := b.alter(ctx, i, p, l, b.checked(i, l, func(s *session.Settings) error {
		if unset {
			f.Unset(s)
			return nil
		}
		return f.Set(s, meant(f, value))
	}))
	if why := refused(i, err); why != "" {
		return b.respond(ctx, i, why, true)
	}
	if said, err := b.changed(ctx, i, err); said {
		return err
	}
	was, is := t, t
	was[l], is[l] = a.before, a.after
	text := b.effect(i, f, p, l, was, is)
	hidden := f.Group == session.GroupAdmin || a.before.Equal(a.after)
	return b.respond(ctx, i, text, hidden)
}

// effect says what a change of one setting at a level does here: before → after.
func (b *Bot) effect(i *discordgo.Interaction, f session.Field, p place, l session.Level, was, is session.Tree) string {
	if was[l].Equal(is[l]) {
		return sayAlready.in(i)
	}
	c := change{f.Name, readableValue(i, f, was[l]), readableValue(i, f, is[l])}
	where := map[session.Level]string{session.LevelServer: in(i, "this server", "本服务器"), session.LevelChannel: in(i, "this channel", "本频道"), session.LevelThread: in(i, "this thread", "本子区")}[l]
	if l == session.LevelChannel && p.thread != "" {
		where = "<#" + p.channel + ">"
	}
	lines := []string{fmt.Sprintf(in(i, "For %s:", "对%s："), where), c.line(i)}
	force := change{in(i, "in force here", "此处生效"), readableValue(i, f, was.Merged()), readableValue(i, f, is.Merged())}
	if force.before != c.before || force.after != c.after {
		if force.before == force.after {
			lines = append(lines, fmt.Sprintf(in(i, "- in force here, as before: **%s**", "- 此处生效的值不变：**%s**"), cutShown(orNone(i, force.after), maxShown)))
		} else {
			lines = append(lines, force.line(i))
		}
	}
	if f.Group == session.GroupWhen && !b.content.Load() {
		switch f.Name {
		case "always_on", "wake_words", "chime_in":
			lines = append(lines, in(i, "⚠️ The MESSAGE_CONTENT intent is off: this does nothing until it is on.", "⚠️ 未启用 MESSAGE_CONTENT：启用前此项不起作用。"))
		}
	}
	if note := b.personaNote(i, is.Merged()); f.Name == "persona" && f.IsSet(is[l]) && note != "" {
		lines = append(lines, note)
	}
	return strings.Join(lines, "\n")
}

func orNone(i *discordgo.Interaction, v string) string {
	if v == "" {
		return in(i, "not set", "未设置")
	}
	return v
}
