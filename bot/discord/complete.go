package discord

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// maxChoices and maxChoice bound suggestions, or choices of an option, and characters of each
// (interactions/receiving-and-responding, Autocomplete; application-commands, Application
// Command Option Choice Structure).
const (
	maxChoices = 25
	maxChoice  = 100
)

// suggestion is a value that is suggested, with what is shown of it.
type suggestion struct {
	shown string
	value any
}

// complete suggests values for the option that is being typed. Without the store it
// suggests what it knows.
func (b *Bot) complete(ctx context.Context, i *discordgo.Interaction) error {
	sub, values := given(i)
	option, typed := focused(i.ApplicationCommandData().Options)
	var list []suggestion
	switch command := i.ApplicationCommandData().Name; {
	case command == "persona":
		list = personas(i)
	case command == "settings" && option == "name":
		list = b.suggestNames(ctx, i, sub == "unset", values)
	case command == "settings" && option == "value":
		list = b.suggestValues(i, values)
	case command == "admin" && i.GuildID != "" && may(i, discordgo.PermissionManageGuild):
		list = b.suggestAdmin(ctx, i, sub, values)
	}
	choices := []*discordgo.ApplicationCommandOptionChoice{}
	for _, s := range fitting(list, typed) {
		choices = append(choices, &discordgo.ApplicationCommandOptionChoice{Name: s.shown, Value: s.value})
	}
	return b.acknowledge(ctx, i, &discordgo.InteractionResponse{Type: discordgo.InteractionApplicationCommandAutocompleteResult, Data: &discordgo.InteractionResponseData{Choices: choices}})
}

// focused is the option that is being typed, and what was typed of it.
func focused(options []*discordgo.ApplicationCommandInteractionDataOption) (name, typed string) {
	for _, o := range options {
		if o == nil {
			continue
		}
		if o.Focused {
			return o.Name, strings.TrimSpace(fmt.Sprint(o.Value))
		}
		if name, typed := focused(o.Options); name != "" {
			return name, typed
		}
	}
	return "", ""
}

// fitting are the suggestions that what was typed fits: those that begin with it first.
func fitting(list []suggestion, typed string) (out []suggestion) {
	typed = strings.ToLower(typed)
	seen := map[string]bool{}
	for _, begin := range []bool{true, false} {
		for _, s := range list {
			text, value := strings.ToLower(s.shown), strings.ToLower(fmt.Sprint(s.value))
			first := strings.HasPrefix(text, typed) || strings.HasPrefix(value, typed)
			if first != begin || !strings.Contains(text, typed) && !strings.Contains(value, typed) {
				continue
			}
			s.shown = shortened(s.shown)
			if v, ok := s.value.(string); ok && length(v) > maxChoice || seen[s.shown] || s.shown == "" {
				continue
			}
			seen[s.shown] = true
			if out = append(out, s); len(out) == maxChoices {
				return out
			}
		}
	}
	return out
}

// shortened cuts what is shown of a suggestion.
func shortened(text string) string {
	for r := []rune(text); ; r = r[:len(r)-1] {
		if length(string(r)) < maxChoice {
			if len(string(r)) < len(text) {
				return string(r) + "…"
			}
			return text
		}
	}
}

// suggestNames are settings that the person may set at the level chosen; to be unset
// those that are set there.
func (b *Bot) suggestNames(ctx context.Context, i *discordgo.Interaction, unset bool, values map[string]any) (out []suggestion) {
	short, cancel := soon(ctx)
	defer cancel()
	p := b.findPlace(short, i.GuildID, i.ChannelID)
	t, _ := b.tree(short, p) // or what is known
	for _, f := range session.Fields() {
		l, said := levelGiven(i, p, f, values)
		if said != "" || !b.mayField(i, l, f) || f.ServerOnly && l != session.LevelServer || unset && !f.IsSet(t[l]) {
			continue
		}
		shown := f.Name
		if f.IsSet(t.Merged()) {
			shown += " · " + f.Value(t.Merged())
		}
		out = append(out, suggestion{shown, f.Name})
	}
	return out
}

// suggestValues are values of the setting that was named.
func (b *Bot) suggestValues(i *discordgo.Interaction, values map[string]any) (out []suggestion) {
	name, _ := values["name"].(string)
	f, ok := session.FieldNamed(name)
	if !ok {
		return nil
	}
	for _, c := range f.Choices {
		out = append(out, suggestion{c, c})
	}
	for _, p := range presets() {
		set, _ := preset(p.value)
		if v := f.Value(b.defaults().Merge(set)); v != "" && f.Group == session.GroupAnswers && name != "persona" && name != "max_tokens" && name != "seed" {
			out = append(out, suggestion{v + " · " + in(i, p.value, p.zh), v})
		}
	}
	switch name {
	case "persona":
		return personas(i)
	case "history":
		return []suggestion{{in(i, "0 · the question alone", "0 · 仅问题本身"), "0"}, {in(i, "6 · three exchanges", "6 · 三轮对话"), "6"}, {in(i, "20 · ten exchanges", "20 · 十轮对话"), "20"}}
	case "chime_in":
		return []suggestion{{in(i, "0 · never", "0 · 从不"), "0"}, {in(i, "0.02 · seldom", "0.02 · 很少"), "0.02"}, {in(i, "0.1 · now and then", "0.1 · 偶尔"), "0.1"}, {in(i, "0.5 · often", "0.5 · 经常"), "0.5"}}
	case "chime_in_fall":
		return []suggestion{{in(i, "0.5 · half as likely after each", "0.5 · 每次之后减半"), "0.5"}, {in(i, "0 · once", "0 · 仅一次"), "0"}, {in(i, "1 · as likely as before", "1 · 保持不变"), "1"}}
	case "audit_channel", "allow", "block":
		return b.targetsOf(i, name != "audit_channel")
	}
	return out
}

// targetsOf are the channels, and with roles also categories and roles, of a server.
func (b *Bot) targetsOf(i *discordgo.Interaction, roles bool) (out []suggestion) {
	g, err := b.dg.State.Guild(i.GuildID)
	if err != nil {
		return nil
	}
	b.dg.State.RLock()
	defer b.dg.State.RUnlock()
	for _, c := range g.Channels {
		switch {
		case !roles && c.Type == discordgo.ChannelTypeGuildText:
			out = append(out, suggestion{"#" + c.Name, c.ID})
		case roles && c.Type == discordgo.ChannelTypeGuildCategory:
			out = append(out, suggestion{"#" + c.Name + in(i, " (category)", "（分类）"), session.TargetCategory + ":" + c.ID})
		case roles:
			out = append(out, suggestion{"#" + c.Name, session.TargetChannel + ":" + c.ID})
		}
	}
	for _, r := range g.Roles {
		if roles {
			out = append(out, suggestion{"@" + strings.TrimPrefix(r.Name, "@"), session.TargetRole + ":" + r.ID})
		}
	}
	return out
}

// suggestAdmin are values for /admin.
func (b *Bot) suggestAdmin(ctx context.Context, i *discordgo.Interaction, sub string, values map[string]any) (out []suggestion) {
	if sub == "mute" {
		return []suggestion{{in(i, "10 minutes", "10 分钟"), 10}, {in(i, "1 hour", "1 小时"), 60}, {in(i, "1 day", "1 天"), 24 * 60}, {in(i, "1 week", "1 周"), 7 * 24 * 60}, {in(i, "4 weeks", "4 周"), maxMuteMinutes}}
	}
	short, cancel := soon(ctx)
	defer cancel()
	t, err := b.tree(short, place{server: i.GuildID})
	if err != nil {
		b.log.Debug("nothing to suggest: the store is away", "err", err)
	}
	own := t[session.LevelServer]
	switch sub {
	case "unmute":
		prune(&own, time.Now())
		f, _ := session.FieldNamed("muted")
		for _, e := range f.List(own) {
			if m, ok := session.ParseMute(e); ok {
				out = append(out, suggestion{b.nameOf(short, m.Person), m.Person})
			}
		}
	case "allow remove", "block remove":
		f, _ := session.FieldNamed(strings.TrimSuffix(sub, " remove"))
		for _, e := range f.List(own) {
			out = append(out, suggestion{b.targetName(short, i, e), e})
		}
	case "words remove":
		where, _ := values["where"].(string)
		f, ok := wordLists(where)
		if !ok {
			return nil
		}
		for _, w := range f.List(own) {
			out = append(out, suggestion{w, w})
		}
	}
	return out
}

// targetName is an entry of a list in words.
func (b *Bot) targetName(ctx context.Context, i *discordgo.Interaction, entry string) string {
	kind, id, _ := session.ParseTarget(entry)
	if kind == session.TargetPerson {
		return b.nameOf(ctx, id)
	}
	for _, s := range b.targetsOf(i, true) {
		if s.value == entry {
			return s.shown
		}
	}
	return entry
}

// nameOf is what a person is called; their id, if Discord does not say so soon.
func (b *Bot) nameOf(ctx context.Context, id string) string {
	if name, ok := b.names.find(id); ok {
		return name
	}
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	u, err := b.dg.User(id, once(ctx)...)
	if err != nil {
		return id
	}
	b.names.keep(id, shownName(u))
	return shownName(u)
}

// personas are a few to choose from. Their texts are what is set.
func personas(i *discordgo.Interaction) []suggestion {
	return []suggestion{
		{in(i, "A pirate", "海盗"), "You are a friendly pirate who loves the sea and speaks like one."},
		{in(i, "A patient teacher", "耐心的老师"), "You are a patient teacher. You explain things simply and give an example."},
		{in(i, "A poet", "诗人"), "You are a poet. You answer in a few short, vivid lines."},
		{in(i, "A calm assistant", "沉稳的助手"), "You are a calm assistant. You answer briefly, clearly and politely."},
		{in(i, "A curious scientist", "好奇的科学家"), "You are a curious scientist. You wonder aloud and say how sure you are."},
		{in(i, "A storyteller", "讲故事的人"), "You are a storyteller. You answer with a very short story."},
	}
}
