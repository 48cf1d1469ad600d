package discord

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

func keyOf(i *discordgo.Interaction) session.Key { return session.Key{Channel: i.ChannelID} }

// dial is a setting that people turn.
type dial struct {
	title, zh string
	value     func(session.Settings) string // "" if it is not set
}

func shown[T any](v *T) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(*v)
}

// dials are those of /sampling, in the order they are shown.
func dials() []dial {
	return []dial{
		{"Temperature", "温度", func(s session.Settings) string { return shown(s.Temperature) }},
		{"Top-p", "Top-p", func(s session.Settings) string { return shown(s.TopP) }},
		{"Top-k", "Top-k", func(s session.Settings) string { return shown(s.TopK) }},
		{"Min-p", "Min-p", func(s session.Settings) string { return shown(s.MinP) }},
		{"Repetition penalty", "重复惩罚", func(s session.Settings) string { return shown(s.RepeatPenalty) }},
		{"Maximum length", "最大长度", func(s session.Settings) string { return shown(s.MaxTokens) }},
		{"Seed", "随机种子", func(s session.Settings) string { return shown(s.Seed) }},
	}
}

// in is a dial's value as people read it.
func (d dial) in(i *discordgo.Interaction, s session.Settings) string {
	v := d.value(s)
	if v == "" && d.title == "Seed" {
		return in(i, "chance", "随机")
	}
	if v == "" {
		return in(i, "the model's own", "模型默认")
	}
	return v
}

// presets are the names of those there are.
func presets() []choice {
	return []choice{{value: "precise", zh: "精确"}, {value: "balanced", zh: "均衡"}, {value: "wild", zh: "奔放"}}
}

// preset sets several dials; nil fields are the defaults.
func preset(name string) (session.Settings, bool) {
	p := func(v float64) *float64 { return &v }
	n := func(v int) *int { return &v }
	switch name {
	case "precise":
		return session.Settings{Temperature: p(0.2), TopP: p(0.8), TopK: n(20), MinP: p(0.1), RepeatPenalty: p(1.05)}, true
	case "balanced":
		return session.Settings{}, true
	case "wild":
		return session.Settings{Temperature: p(1.2), TopP: p(1), TopK: n(0), MinP: p(0.02), RepeatPenalty: p(1.1)}, true
	}
	return session.Settings{}, false
}

// maySet reports whether the person may change how the bot is in the channel.
func (b *Bot) maySet(i *discordgo.Interaction) bool {
	return b.policy.Load().AnyoneMaySet || may(i, discordgo.PermissionManageChannels)
}

// sampling shows the dials, or sets them and shows before → after.
func (b *Bot) sampling(ctx context.Context, i *discordgo.Interaction) error {
	_, values := given(i)
	if len(values) == 0 {
		return b.showDials(ctx, i)
	}
	if !b.maySet(i) {
		return b.respond(ctx, i, in(i, "Only people who may manage this channel can change how I choose words.", "只有可以管理本频道的人才能更改我的选词方式。"), true)
	}
	change, err := sampled(values)
	if err != nil {
		return b.respond(ctx, i, wontDo(i, err), true)
	}
	before, after, err := b.changeHere(ctx, i, func(s *session.Settings) error {
		change(s)
		return s.Validate()
	})
	if said, err := b.changed(ctx, i, err); said {
		return err
	}
	var lines []string
	for _, d := range dials() {
		if x, y := d.in(i, before), d.in(i, after); x != y {
			lines = append(lines, fmt.Sprintf(in(i, "- %s: %s → **%s**", "- %s：%s → **%s**"), in(i, d.title, d.zh), x, y))
		}
	}
	if len(lines) == 0 {
		return b.respond(ctx, i, sayAlready.in(i), true)
	}
	return b.respond(ctx, i, in(i, "How I choose words in this channel:\n", "我在本频道的选词方式：\n")+strings.Join(lines, "\n"), false)
}

// sampled turns options into a change of settings.
func sampled(values map[string]any) (change func(*session.Settings), err error) {
	var own session.Settings
	replace, noSeed := false, false
	for name, v := range values {
		if name == "preset" {
			text, _ := v.(string)
			var p session.Settings
			if p, replace = preset(text); !replace {
				return nil, wrongf("there is no preset %.40q", "没有预设 %.40q", text)
			}
			own = p.Merge(own)
			continue
		}
		x, ok := v.(float64)
		if !ok {
			return nil, wrongf("%s must be a number", "%s 应为数字", name)
		}
		n := int(max(-1, min(x, maxSeed)))
		switch name {
		case "top-p":
			own.TopP = &x
		case "min-p":
			own.MinP = &x
		case "repetition-penalty":
			own.RepeatPenalty = &x
		case "top-k":
			own.TopK = &n
		case "max-length":
			own.MaxTokens = &n
		case "seed":
			if seed := uint64(max(n, 0)); n >= 0 {
				own.Seed = &seed
			} else {
				noSeed = true
			}
		}
	}
	if err := own.Validate(); err != nil {
		return nil, err
	}
	return func(s *session.Settings) {
		if replace { // all but what a preset does not speak of
			s.Temperature, s.TopP, s.TopK, s.MinP, s.RepeatPenalty = nil, nil, nil, nil, nil
		}
		*s = s.Merge(own)
		if noSeed {
			s.Seed = nil
		}
	}, nil
}

func (b *Bot) showDials(ctx context.Context, i *discordgo.Interaction) error {
	_, t, err := b.here(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	lines := []string{in(i, "How I choose words in this channel:", "我在本频道的选词方式：")}
	for _, d := range dials() {
		lines = append(lines, fmt.Sprintf(in(i, "- %s: **%s**%s", "- %s：**%s**%s"), in(i, d.title, d.zh), d.in(i, t.Merged()), origin(i, t, func(s session.Settings) bool { return d.value(s) != "" })))
	}
	return b.respond(ctx, i, strings.Join(append(lines, b.whoMaySet(i)), "\n"), true)
}

// changeHere changes the settings of the channel or thread of an interaction, and
// returns what is in force there before and after.
func (b *Bot) changeHere(ctx context.Context, i *discordgo.Interaction, f func(*session.Settings) error) (before, after session.Settings, err error) {
	p, t, err := b.here(ctx, i)
	if err != nil {
		return before, after, err
	}
	a, err := b.alter(ctx, i, p, p.level(), f)
	base := above(t, p)
	return base.Merge(a.before), base.Merge(a.after), err
}

// errElsewhere is returned for what another process does.
var errElsewhere = errors.New("discord: another process is at it")

// changed tells the person why a change failed; said is false if it did not.
func (b *Bot) changed(ctx context.Context, i *discordgo.Interaction, err error) (said bool, _ error) {
	var bad *session.SettingError
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, errElsewhere):
		return true, nil
	case errors.As(err, &bad):
		return true, b.respond(ctx, i, wontDo(i, bad), true)
	}
	return true, errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
}

func (b *Bot) temperature(ctx context.Context, i *discordgo.Interaction) error {
	_, values := given(i)
	if len(values) == 0 {
		_, t, err := b.here(ctx, i)
		if err != nil {
			return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
		}
		return b.respond(ctx, i, fmt.Sprintf(in(i, "The temperature here is **%s**%s. %s", "此处的温度为 **%s**%s。%s"), shown(t.Merged().Temperature), origin(i, t, func(s session.Settings) bool { return s.Temperature != nil }), b.whoMaySet(i)), true)
	}
	v, ok := values["value"].(float64)
	if !ok {
		return b.respond(ctx, i, in(i, "The temperature must be a number from 0 to 2.", "温度应为 0 到 2 之间的数。"), true)
	}
	if !b.maySet(i) {
		return b.respond(ctx, i, in(i, "Only people who may manage this channel can change its temperature.", "只有可以管理本频道的人才能更改它的温度。"), true)
	}
	if err := (session.Settings{Temperature: &v}).Validate(); err != nil {
		return b.respond(ctx, i, wontDo(i, err), true)
	}
	before, _, err := b.changeHere(ctx, i, func(s *session.Settings) error { s.Temperature = &v; return nil })
	if said, err := b.changed(ctx, i, err); said {
		return err
	}
	return b.respond(ctx, i, fmt.Sprintf(in(i, "Temperature in this channel: %s → **%g**.", "本频道的温度：%s → **%g**。"), shown(before.Temperature), v), false)
}

// origin says at which level a setting that is in force was made.
func origin(i *discordgo.Interaction, t session.Tree, set func(session.Settings) bool) string {
	for l := session.LevelThread; l > session.LevelDefault; l-- {
		if set(t[l]) {
			return in(i, " (set for this "+l.String()+")", "（由本"+levelName(i, l)+"设置）")
		}
	}
	return in(i, " (the default)", "（默认）")
}

func (b *Bot) whoMaySet(i *discordgo.Interaction) string {
	if b.policy.Load().AnyoneMaySet {
		return in(i, "Everyone may set it.", "所有人都可以设置。")
	}
	return in(i, "People who may manage this channel can set it.", "可以管理本频道的人可以设置。")
}
