package discord

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/session"
)

// maxMuteMinutes is four weeks.
const maxMuteMinutes = 28 * 24 * 60

// admin acts on /admin: it changes the settings of the server that say who is answered.
func (b *Bot) admin(ctx context.Context, i *discordgo.Interaction) error {
	if i.GuildID == "" || !may(i, discordgo.PermissionManageGuild) {
		return b.respond(ctx, i, in(i, "Only people who may manage this server can do that.", "只有可以管理此服务器的人才能这样做。"), true)
	}
	sub, values := given(i)
	group, act, _ := strings.Cut(sub, " ")
	switch group {
	case "pause":
		return b.setMode(ctx, i, session.ModePause)
	case "drain":
		return b.setMode(ctx, i, session.ModeDrain)
	case "resume":
		return b.setMode(ctx, i, session.ModeOn)
	case "mute":
		return b.mute(ctx, i, values)
	case "unmute":
		return b.unmute(ctx, i, values)
	case "limit":
		return b.limit(ctx, i, values)
	case "adult":
		answer, _ := values["answer"].(bool)
		return b.setServer(ctx, i, "", func(s *session.Settings) error { s.AdultChannels = &answer; return nil })
	case "audit":
		channel, _ := values["channel"].(string)
		return b.setServer(ctx, i, "", func(s *session.Settings) error { s.AuditChannel = &channel; return nil })
	case "allow", "block":
		return b.list(ctx, i, group, act, values)
	case "words":
		return b.words(ctx, i, act, values)
	}
	return b.showAdmin(ctx, i)
}

// setServer changes the settings of the server, and shows what has changed, below more
// if that is not empty.
func (b *Bot) setServer(ctx context.Context, i *discordgo.Interaction, more string, f func(*session.Settings) error) error {
	a, err := b.alter(ctx, i, place{server: i.GuildID}, session.LevelServer, b.checked(i, session.LevelServer, f))
	if why := refused(i, err); why != "" {
		return b.respond(ctx, i, why, true)
	}
	if said, err := b.changed(ctx, i, err); said {
		return err
	}
	var lines []string
	if more != "" {
		lines = append(lines, more)
	}
	for _, c := range differences(i, a.before, a.after) {
		lines = append(lines, c.line(i))
	}
	if a.before.Equal(a.after) {
		lines = append(lines, sayAlready.in(i))
	}
	return b.respond(ctx, i, strings.Join(lines, "\n"), true)
}

// prune takes off the list who is not muted any more.
func prune(s *session.Settings, now time.Time) {
	if s.Muted == nil {
		return
	}
	var left []string
	for _, e := range *s.Muted {
		if m, ok := session.ParseMute(e); ok && holds(m, now) {
			left = append(left, e)
		}
	}
	setList(&s.Muted, left)
}

// setList sets a list; an empty one is not set.
func setList(dst **[]string, list []string) {
	if len(list) == 0 {
		*dst = nil
		return
	}
	*dst = &list
}

// setMode pauses, drains or resumes the bot in the server.
func (b *Bot) setMode(ctx context.Context, i *discordgo.Interaction, mode string) error {
	var more string
	set := &mode
	switch mode {
	case session.ModePause:
		more = in(i, "I answer nobody in this server from now on.", "从现在起我不在本服务器回答任何人。")
		if n := b.stopServer(i.GuildID, ""); n > 0 {
			more += fmt.Sprintf(in(i, " %d answers were stopped.", "已停止 %d 个回答。"), n)
		}
	case session.ModeDrain:
		more = fmt.Sprintf(in(i, "I take no new questions in this server. %d that I have are still answered.", "我在本服务器不再接受新问题；已有的 %d 个仍会回答。"), b.openIn(i.GuildID))
	default:
		more, set = in(i, "I answer again in this server.", "我恢复在本服务器回答。"), nil
	}
	return b.setServer(ctx, i, more, func(s *session.Settings) error { s.Mode = set; return nil })
}

// stopServer stops all work in a server, of one person or, if that is empty, of all, and
// returns how much that was.
func (b *Bot) stopServer(server, personID string) (n int) {
	for _, c := range b.serverChannels(server) {
		n += b.chat.StopAll(session.Key{Channel: c}, personID)
	}
	return n
}

// openIn is how many questions of a server are being answered or wait here.
func (b *Bot) openIn(server string) int {
	channels := b.serverChannels(server)
	return b.chat.Working(func(channel string) bool { return slices.Contains(channels, channel) })
}

// serverChannels are the channels and threads of a server that the gateway told of.
func (b *Bot) serverChannels(server string) (out []string) {
	g, err := b.dg.State.Guild(server)
	if err != nil {
		return nil
	}
	b.dg.State.RLock()
	defer b.dg.State.RUnlock()
	for _, c := range slices.Concat(g.Channels, g.Threads) {
		out = append(out, c.ID)
	}
	return out
}

// mute has a person not answered.
func (b *Bot) mute(ctx context.Context, i *discordgo.Interaction, values map[string]any) error {
	id, _ := values["person"].(string)
	if id == person(i).ID {
		return b.respond(ctx, i, in(i, "You can't mute yourself.", "不能禁言自己。"), true)
	}
	m := session.Mute{Person: id}
	if n, ok := values["minutes"].(float64); ok {
		m.Until = time.Now().Add(time.Duration(max(1, min(n, maxMuteMinutes))) * time.Minute).UTC().Truncate(time.Second)
	}
	if d := i.ApplicationCommandData(); d.Resolved != nil && d.Resolved.Users[id] != nil {
		b.names.keep(id, shownName(d.Resolved.Users[id]))
	}
	b.stopServer(i.GuildID, id)
	return b.setServer(ctx, i, "", func(s *session.Settings) error {
		prune(s, time.Now()) // or the list would be full one day
		setList(&s.Muted, append(withoutMute(s.Muted, id), m.String()))
		return nil
	})
}

// withoutMute is a list of mutes without a person's.
func withoutMute(list *[]string, who string) (out []string) {
	if list == nil {
		return nil
	}
	for _, e := range *list {
		if m, ok := session.ParseMute(e); ok && m.Person != who {
			out = append(out, e)
		}
	}
	return out
}

// errNotMuted is returned where a mute shall end that there is not.
var errNotMuted = errors.New("discord: the person is not muted")

// unmute has a person answered again. One whose mute has run out is not muted.
func (b *Bot) unmute(ctx context.Context, i *discordgo.Interaction, values map[string]any) error {
	who, _ := values["person"].(string)
	who = strings.TrimSpace(mentionForms.ReplaceAllString(who, "$2"))
	return b.setServer(ctx, i, "", func(s *session.Settings) error {
		prune(s, time.Now())
		left := withoutMute(s.Muted, who)
		if s.Muted == nil || len(left) == len(*s.Muted) {
			return errNotMuted
		}
		setList(&s.Muted, left)
		return nil
	})
}

// limit shows or sets how fast a person, and all together, may ask in the server.
func (b *Bot) limit(ctx context.Context, i *discordgo.Interaction, values map[string]any) error {
	if len(values) == 0 {
		_, t, err := b.here(ctx, i)
		if err != nil {
			return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
		}
		set := t.Merged()
		said := sayLimit(i, false, set.LimitMessages, set.LimitSeconds)
		if set.ServerMessages != nil || set.ServerSeconds != nil {
			said += "\n" + sayLimit(i, true, set.ServerMessages, set.ServerSeconds)
		}
		return b.respond(ctx, i, said, true)
	}
	return b.setServer(ctx, i, "", func(s *session.Settings) error {
		if n, ok := values["messages"].(float64); ok {
			v := int(max(0, min(n, 1000)))
			s.LimitMessages = &v
		}
		if n, ok := values["seconds"].(float64); ok {
			s.LimitSeconds = &n
		}
		if n, ok := values["server-messages"].(float64); ok {
			v := int(max(0, min(n, 10000)))
			s.ServerMessages = &v
		}
		if n, ok := values["server-seconds"].(float64); ok {
			s.ServerSeconds = &n
		}
		return nil
	})
}

// sayLimit says how fast a person, or all of a server together, may ask; what a server
// does not say (nil) is as it is elsewhere.
func sayLimit(i *discordgo.Interaction, together bool, messages *int, seconds *float64) string {
	who := in(i, "A person", "每人")
	if together {
		who = in(i, "All people together", "所有人合计")
	}
	switch {
	case messages == nil && seconds == nil:
		return in(i, "This server has no limit of its own for each person.", "本服务器没有自己的每人限制。")
	case messages == nil:
		return who + fmt.Sprintf(in(i, " may ask one more question every %g seconds.", "每 %g 秒可再提一个问题。"), *seconds)
	case *messages == 0 && together:
		return who + in(i, " may ask as fast as they like.", "提问速度不限。")
	case *messages == 0:
		return in(i, "People may ask as fast as they like.", "提问速度不限。")
	case seconds == nil:
		return who + fmt.Sprintf(in(i, " may ask %d questions at once.", "一次可提 %d 个问题。"), *messages)
	}
	return who + fmt.Sprintf(in(i, " may ask %d questions at once, and one more every %g seconds.", "一次可提 %d 个问题，之后每 %g 秒一个。"), *messages, *seconds)
}

// list shows or changes who and what is allowed or blocked in the server.
func (b *Bot) list(ctx context.Context, i *discordgo.Interaction, name, act string, values map[string]any) error {
	f, _ := session.FieldNamed(name)
	switch act {
	case "list":
		return b.showLists(ctx, i, name)
	case "remove":
		entry, _ := values["entry"].(string)
		entry = strings.TrimSpace(meant(f, entry))
		return b.setServer(ctx, i, "", func(s *session.Settings) error {
			return changeList(f, s, nil, []string{entry})
		})
	}
	var add []string
	if id, ok := values["channel"].(string); ok {
		kind := session.TargetChannel
		if d := i.ApplicationCommandData(); d.Resolved != nil && d.Resolved.Channels[id] != nil && d.Resolved.Channels[id].Type == discordgo.ChannelTypeGuildCategory {
			kind = session.TargetCategory
		}
		add = append(add, kind+":"+id)
	}
	if id, ok := values["role"].(string); ok {
		add = append(add, session.TargetRole+":"+id)
	}
	if id, ok := values["person"].(string); ok {
		if name == "block" && id == person(i).ID {
			return b.respond(ctx, i, in(i, "You can't block yourself.", "不能屏蔽自己。"), true)
		}
		add = append(add, session.TargetPerson+":"+id)
	}
	if len(add) == 0 {
		return b.respond(ctx, i, in(i, "Choose a channel, a role or a person.", "请选择频道、身份组或人。"), true)
	}
	return b.setServer(ctx, i, "", func(s *session.Settings) error { return changeList(f, s, add, nil) })
}

// changeList adds entries to a list, those that are not on it, and takes some off.
func changeList(f session.Field, s *session.Settings, add, remove []string) error {
	list := slices.Clone(f.List(*s))
	for _, e := range add {
		if !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	list = slices.DeleteFunc(list, func(e string) bool { return slices.Contains(remove, e) })
	if len(list) == 0 {
		f.Unset(s)
		return nil
	}
	f.SetList(s, list)
	return s.Validate()
}

// wordLists are the lists of /admin words by the names they have there.
func wordLists(where string) (session.Field, bool) {
	switch where {
	case "questions":
		return session.FieldNamed("words_in")
	case "answers":
		return session.FieldNamed("words_out")
	case "adult":
		return session.FieldNamed("adult_words")
	}
	return session.Field{}, false
}

// words shows or changes the words that are not answered, or not said, in the server.
func (b *Bot) words(ctx context.Context, i *discordgo.Interaction, act string, values map[string]any) error {
	if act == "list" {
		return b.showLists(ctx, i, "words_in", "words_out", "adult_words")
	}
	where, _ := values["where"].(string)
	f, ok := wordLists(where)
	if !ok {
		return b.respond(ctx, i, in(i, "In questions or in answers?", "在提问中还是在回答中？"), true)
	}
	word, given := values["word"].(string)
	if !given {
		return b.openForm(ctx, i, formWords+":"+where, in(i, "Words to add", "要添加的词"), discordgo.TextInput{CustomID: inputText, Label: in(i, "Words or phrases, one on each line", "词或短语，每行一个"),
			Style: discordgo.TextInputParagraph, Required: true, MaxLength: 4000})
	}
	word = strings.Join(strings.Fields(word), " ")
	if act == "remove" {
		return b.setServer(ctx, i, "", func(s *session.Settings) error { return changeList(f, s, nil, []string{word}) })
	}
	return b.addWords(ctx, i, f, word)
}

// wordsForm is words for a form of many.
func (b *Bot) wordsForm(ctx context.Context, i *discordgo.Interaction, where, text string) error {
	f, ok := wordLists(where)
	if !ok || i.GuildID == "" || !may(i, discordgo.PermissionManageGuild) {
		return b.respond(ctx, i, sayOldButton.in(i), true)
	}
	return b.addWords(ctx, i, f, text)
}

func (b *Bot) addWords(ctx context.Context, i *discordgo.Interaction, f session.Field, text string) error {
	return b.setServer(ctx, i, "", func(s *session.Settings) error {
		var more session.Settings
		if err := f.Set(&more, text); err != nil {
			return err
		}
		have := chat.FindWords(f.List(*s))
		add := slices.DeleteFunc(slices.Clone(f.List(more)), have.In) // what is found already needs no entry
		return changeList(f, s, add, nil)
	})
}

// showLists shows lists of the server, whole.
func (b *Bot) showLists(ctx context.Context, i *discordgo.Interaction, names ...string) error {
	_, t, err := b.here(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	var lines []string
	for _, name := range names {
		f, _ := session.FieldNamed(name)
		if name == "adult_words" && !f.IsSet(t.Merged()) {
			continue
		}
		lines = append(lines, fmt.Sprintf(in(i, "**%s** (%d): %s", "**%s**（%d 项）：%s"), name, len(f.List(t.Merged())), cutShown(orNone(i, readableValue(i, f, t.Merged())), 1700/len(names))))
	}
	return b.respond(ctx, i, strings.Join(lines, "\n"), true)
}

// showAdmin shows all that was decided for the server.
func (b *Bot) showAdmin(ctx context.Context, i *discordgo.Interaction) error {
	_, t, err := b.here(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	set := t.Merged()
	prune(&set, time.Now())
	state := map[string]string{session.ModeOn: in(i, "🟢 I answer", "🟢 正常回答"), session.ModeDrain: in(i, "🟡 I take no new questions", "🟡 不接受新问题"), session.ModePause: in(i, "🔴 I'm paused", "🔴 已暂停")}[mode(set)]
	embed := &discordgo.MessageEmbed{Title: in(i, "What was decided for this server", "本服务器的管理设置"), Color: embedBlue,
		Description: state + fmt.Sprintf(in(i, "; %d questions are open.", "；有 %d 个问题待回答。"), b.openIn(i.GuildID))}
	for _, f := range session.Fields() {
		if f.Group != session.GroupAdmin || f.Name == "mode" {
			continue
		}
		embed.Fields = append(embed.Fields, &discordgo.MessageEmbedField{Name: f.Name, Value: cutShown(orNone(i, readableValue(i, f, set)), 500), Inline: !f.IsList()})
	}
	return b.respondWith(ctx, i, &discordgo.InteractionResponseData{Embeds: []*discordgo.MessageEmbed{embed}}, true)
}
