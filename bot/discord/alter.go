package discord

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// altered is a change of one level's own settings.
type altered struct{ before, after session.Settings }

// alter changes the settings of one level of a place for an interaction, in time for
// its acknowledgement, logs it, and tells the server's audit channel. It is the one way
// in which settings change. errElsewhere means that another process does it.
func (b *Bot) alter(ctx context.Context, i *discordgo.Interaction, p place, l session.Level, f func(*session.Settings) error) (altered, error) {
	key, ok := p.at(l)
	if !ok {
		return altered{}, fmt.Errorf("discord: there is no %v here", l)
	}
	b.levels.doubt(key, time.Now())
	short, cancel := soon(ctx)
	defer cancel()
	mine, err := b.mine(short, i)
	if err != nil {
		return altered{}, err
	}
	if !mine {
		return altered{}, errElsewhere
	}
	return b.alterMore(short, i, p, l, key, f)
}

// alterMore is alter for an interaction that is this process's.
func (b *Bot) alterMore(ctx context.Context, i *discordgo.Interaction, p place, l session.Level, key session.Key, f func(*session.Settings) error) (a altered, err error) {
	a.after, err = b.store.UpdateSettings(ctx, key, func(s *session.Settings) error {
		a.before = *s
		return f(s)
	})
	if err != nil {
		return altered{}, err
	}
	b.levels.keep(key, a.after, time.Now().Add(levelsAge))
	changes := differences(nil, a.before, a.after)
	if len(changes) == 0 {
		return a, nil
	}
	names := make([]string, len(changes))
	for n, c := range changes {
		names[n] = c.name
	}
	who := person(i)
	b.log.Info("settings changed", "level", l, "key", key, "person", who.ID, "names", strings.Join(names, " "))
	if p.server != "" {
		b.audit(i, p, l, a.before.AuditChannel, changes)
	}
	return a, nil
}

// change is one setting that is not what it was; "" is not set.
type change struct{ name, before, after string }

// differences are the settings that differ, as people read them.
func differences(i *discordgo.Interaction, before, after session.Settings) (out []change) {
	for _, f := range session.Fields() {
		x, y := readableValue(i, f, before), readableValue(i, f, after)
		if x != y || f.IsSet(before) != f.IsSet(after) {
			out = append(out, change{f.Name, x, y})
		}
	}
	return out
}

// maxShown bounds the characters of a value that is shown with others.
const maxShown = 160

// readableValue is a setting's value as it is shown: whole, without markup, on one line;
// "" if it is not set.
func readableValue(i *discordgo.Interaction, f session.Field, s session.Settings) string {
	if !f.IsSet(s) {
		return ""
	}
	if f.IsList() {
		list := f.List(s)
		if len(list) == 0 {
			return in(i, "none", "无")
		}
		said := make([]string, len(list))
		for n, entry := range list {
			said[n] = readableEntry(i, f.Name, entry)
		}
		return strings.Join(said, ", ")
	}
	v := f.Value(s)
	switch {
	case v == "" && f.Name == "persona":
		return sayNobody.in(i)
	case v == "":
		return in(i, "none", "无")
	case f.Name == "audit_channel":
		return "<#" + v + ">"
	}
	return plain(strings.Join(strings.Fields(v), " "))
}

// readableEntry is an entry of a list as it is shown. Mentions in it are links for who
// reads them; that they ping nobody is demanded of Discord with each message.
func readableEntry(i *discordgo.Interaction, list, entry string) string {
	switch list {
	case "allow", "block":
		switch kind, id, _ := session.ParseTarget(entry); kind {
		case session.TargetChannel, session.TargetCategory:
			return "<#" + id + ">"
		case session.TargetRole:
			return "<@&" + id + ">"
		case session.TargetPerson:
			return "<@" + id + ">"
		}
	case "muted":
		if m, ok := session.ParseMute(entry); ok && m.Until.IsZero() {
			return "<@" + m.Person + ">"
		} else if ok {
			return fmt.Sprintf(in(i, "<@%s> until <t:%d:f>", "<@%s> 至 <t:%d:f>"), m.Person, m.Until.Unix())
		}
	}
	return "`" + strings.ReplaceAll(entry, "`", "'") + "`"
}

// cutShown shortens a value for a place among others, not inside of a mention.
func cutShown(v string, limit int) string {
	r := []rune(v)
	if len(r) <= limit {
		return v
	}
	cut := string(r[:limit])
	if open, end := strings.LastIndexByte(cut, '<'), strings.LastIndexByte(cut, '>'); open > end {
		cut = cut[:open]
	}
	if strings.Count(cut, "`")%2 == 1 {
		cut = cut[:strings.LastIndexByte(cut, '`')]
	}
	return strings.TrimRight(cut, " ,\\") + " …"
}

// line is a change as one line.
func (c change) line(i *discordgo.Interaction) string {
	return fmt.Sprintf(in(i, "- %s: %s → **%s**", "- %s：%s → **%s**"), c.name, cutShown(orNone(i, c.before), maxShown), cutShown(orNone(i, c.after), maxShown))
}

// audit tells the audit channel of a server who changed what. It goes beside what the
// interaction does; was is the channel of before, which hears of its own end.
func (b *Bot) audit(i *discordgo.Interaction, p place, l session.Level, was *string, changes []change) {
	where := map[session.Level]string{session.LevelServer: "this server", session.LevelChannel: "<#" + p.channel + ">", session.LevelThread: "<#" + p.thread + ">"}[l]
	who := person(i)
	lines := []string{fmt.Sprintf("⚙️ **%s** (%s) changed settings of %s:", plain(memberName(i)), who.ID, where)}
	for n, c := range changes {
		if n == 15 {
			lines = append(lines, fmt.Sprintf("- … and %d more", len(changes)-n))
			break
		}
		line := c.line(nil)
		if length(strings.Join(lines, "\n"))+length(line) > maxContent-40 {
			lines = append(lines, fmt.Sprintf("- … and %d more", len(changes)-n))
			break
		}
		lines = append(lines, line)
	}
	text := strings.Join(lines, "\n")
	// which channel hears of it is read now, before the next change of it
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	set, err := b.tree(ctx, place{server: p.server})
	if err != nil {
		cancel()
		b.log.Error("a change of settings could not be told: the audit channel is not known", "server", p.server, "err", err)
		return
	}
	channels := []string{}
	for _, c := range []*string{was, set.Merged().AuditChannel} {
		if c != nil && *c != "" && (len(channels) == 0 || channels[0] != *c) {
			channels = append(channels, *c)
		}
	}
	told := make(chan struct{})
	before := b.told.Swap(&told)
	b.begin(func() {
		defer cancel()
		defer close(told)
		b.contain("audit", func() {
			if before != nil { // one after the other, as they were made
				select {
				case <-*before:
				case <-ctx.Done():
				}
			}
			for n, c := range channels {
				if err := b.tell(ctx, p.server, c, text, fmt.Sprintf("a%s%d", i.ID, n)); err != nil && b.ctx.Err() == nil {
					b.log.Error("a change of settings could not be told to the audit channel", "server", p.server, "channel", c, "err", err)
				}
			}
		})
	})
}

// tell posts a message to a channel of a server that was named by its id: it may not be
// one of another server. It pings nobody.
func (b *Bot) tell(ctx context.Context, server, channel, text, nonce string) error {
	c, err := b.channel(ctx, channel)
	if err != nil {
		return err
	}
	if c.GuildID != server {
		return fmt.Errorf("discord: channel %s is not of server %s", channel, server)
	}
	return insist(ctx, func() error {
		_, _, err := b.rest().create(ctx, channel, draft{content: text, nonce: nonce, silent: true})
		return err
	})
}

// memberName is the name of who started an interaction, in its server.
func memberName(i *discordgo.Interaction) string {
	if i.Member != nil && i.Member.Nick != "" {
		return i.Member.Nick
	}
	return shownName(person(i))
}
