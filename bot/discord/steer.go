package discord

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// Steering is what /steer needs to know of the model whose inside it changes.
type Steering struct {
	Layers, Experts int      // experts of a layer; 1 is a model without a router
	Directions      []string // known by name
	// Check says what is wrong with edits for this model, naming what is right.
	Check func(ctx context.Context, edits []string) error
}

// Bounds of /steer's numbers.
const (
	maxStrength = 20.0
	maxFactor   = 10.0
	checkTime   = 20 * time.Second // directions are found the first time
)

// steerCommands are /steer, if the model can be changed. It is for administrators.
func (b *Bot) steerCommands() []*discordgo.ApplicationCommand {
	s := b.opt.Steering
	if s == nil {
		return nil
	}
	layer := number(optWhole, "layer", 0, float64(s.Layers-1), "Behind which layer, or in which; the middle one without it", "在哪一层；留空为中间层")
	edits := needed(option(optText, "edits", "Such as forbid:2.5 expert:0.1=0 head:1.0=0 direction:2.question=1.5", "例如 forbid:2.5 expert:0.1=0 direction:2.question=1.5"))
	edits.MaxLength = 1500
	name := needed(option(optText, "name", "The direction", "方向"))
	for _, d := range s.Directions[:min(len(s.Directions), maxChoices)] {
		name.Choices = append(name.Choices, &discordgo.ApplicationCommandOptionChoice{Name: d, Value: d})
	}
	strength := needed(number(optReal, "strength", -maxStrength, maxStrength, "1 is as far as such sentences are from others; 0 ends it", "1 相当于此类句子与其他句子的距离；0 为取消"))
	subs := []*cmdOption{
		option(optSub, "show", "What is changed inside me while I answer here", "查看本频道中对模型内部的干预"),
		with(option(optSub, "set", "Set everything at once, as moe inspect steer writes it", "一次设定全部干预（写法同 moe inspect steer）"), edits),
		with(option(optSub, "direction", "Push what I think towards something, or away from it", "把我的思路推向或推离某个方向"), name, strength, layer),
	}
	if s.Experts > 1 {
		where := *layer
		effect := choices(option(optText, "effect", "What is done to it", "作用"), choice{value: "force", zh: "强制"}, choice{value: "forbid", zh: "禁用"},
			choice{value: "silence", zh: "静音"}, choice{value: "scale", zh: "缩放"}, choice{value: "normal", zh: "恢复"})
		subs = append(subs, with(option(optSub, "expert", "Have an expert always chosen, never chosen, silent or louder", "强制、禁用、静音或放大某个专家"),
			needed(&where), needed(number(optWhole, "expert", 0, float64(s.Experts-1), "The expert", "专家编号")), needed(effect),
			number(optReal, "factor", 0, maxFactor, "For scale: its output times this", "缩放倍数")))
	}
	subs = append(subs, option(optSub, "off", "Change nothing inside me any more", "取消本频道的全部干预"))
	return []*discordgo.ApplicationCommand{inServers(allow(command("steer", "Change what happens inside me while I answer here, for administrators", "改变我在本频道回答时的内部活动（仅管理员）", subs...), discordgo.PermissionAdministrator))}
}

// steer shows or changes what is changed inside the model in a channel.
func (b *Bot) steer(ctx context.Context, i *discordgo.Interaction) error {
	s := b.opt.Steering
	if s == nil {
		return b.respond(ctx, i, in(i, "My model can't be changed inside here.", "此处无法改变我的模型内部。"), true)
	}
	if i.GuildID == "" || !may(i, discordgo.PermissionAdministrator) {
		return b.respond(ctx, i, in(i, "Only administrators of a server can change what happens inside me.", "只有服务器管理员才能改变我的内部活动。"), true)
	}
	sub, values := given(i)
	if sub == "show" {
		_, t, err := b.here(ctx, i)
		if err != nil {
			return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
		}
		lines := steeringLines(i, t.Merged())
		if lines == nil {
			lines = []string{in(i, "Nothing is changed inside me here.", "此处没有对我内部的任何干预。")}
		}
		return b.respond(ctx, i, strings.Join(append(lines, in(i, "Directions I know: ", "我认识的方向：")+strings.Join(s.Directions, ", ")+in(i, ".", "。")), "\n"), true)
	}
	change, err := s.change(sub, values)
	if err != nil {
		return b.respond(ctx, i, wontDo(i, err), true)
	}
	_, t, err := b.here(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	if err := b.deferred(ctx, i, true); err != nil {
		return err
	}
	return b.steerTo(ctx, i, change(steering(t.Merged())))
}

// steerTo checks edits against the model and makes them those of the channel. The
// interaction is deferred.
func (b *Bot) steerTo(ctx context.Context, i *discordgo.Interaction, edits []string) error {
	tell := func(text string) error { return b.fillText(ctx, i, text) }
	check, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if err := b.opt.Steering.Check(check, edits); err != nil {
		return tell(wontDo(i, err))
	}
	if edits == nil {
		edits = []string{} // nothing, whatever the server says
	}
	before, after, err := b.changeHere(ctx, i, func(s *session.Settings) error {
		s.Steering = &edits
		return s.Validate()
	})
	var bad *session.SettingError
	switch {
	case errors.Is(err, errElsewhere):
		return nil
	case errors.As(err, &bad):
		return tell(wontDo(i, bad))
	case err != nil:
		return errors.Join(err, tell(sayStoreAway.in(i)))
	case slices.Equal(steering(before), steering(after)):
		return tell(sayAlready.in(i))
	}
	lines := steeringLines(i, after)
	if lines == nil {
		lines = []string{in(i, "Nothing is changed inside me here any more.", "此处不再有对我内部的任何干预。")}
	}
	if err := tell(in(i, "Done. My next answers here show it.", "完成。我在此处接下来的回答会体现出来。")); err != nil {
		return err
	}
	text := strings.Join(lines, "\n")
	return b.follow(ctx, i, hookBody{Content: &text})
}

// steering are the edits in force, none for nil.
func steering(s session.Settings) []string {
	if s.Steering == nil {
		return nil
	}
	return *s.Steering
}

// steeringLines say what is changed inside the model, nil if nothing is.
func steeringLines(i *discordgo.Interaction, s session.Settings) []string {
	edits := steering(s)
	if len(edits) == 0 {
		return nil
	}
	return []string{fmt.Sprintf(in(i, "**I am steered here**: an administrator has me answer with these changes inside my model: %s. `/steer off` ends it.", "**我在此处受到干预**：管理员让我在回答时对模型内部作如下改变：%s。用 `/steer off` 取消。"), clip("`"+strings.Join(edits, "`, `")+"`", 1200))}
}

// clip cuts a text to n characters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

// change turns a sub-command into what becomes of a channel's edits.
func (s *Steering) change(sub string, values map[string]any) (func(now []string) []string, error) {
	// in is a whole number from 0 to n-1, otherwise def, which is -1 if there must be one.
	in := func(name string, n, def int) (int, error) {
		v, ok := values[name].(float64)
		if !ok && def >= 0 {
			return def, nil
		}
		if !ok || v != float64(int(v)) || v < 0 || v > float64(n-1) {
			return 0, wrongf("%s must be 0 to %d", "%s 应为 0 到 %d", name, n-1)
		}
		return int(v), nil
	}
	switch sub {
	case "off":
		return func([]string) []string { return nil }, nil
	case "set":
		text, _ := values["edits"].(string)
		words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,，、;\n\t", r) })
		if len(words) == 0 {
			return nil, wrongf("there are no edits in it", "其中没有干预")
		}
		return func([]string) []string { return words }, nil
	case "direction":
		name, _ := values["name"].(string)
		if !slices.Contains(s.Directions, name) {
			return nil, wrongf("there is no direction %.40q, but %s", "没有方向 %.40q，只有 %s", name, strings.Join(s.Directions, ", "))
		}
		layer, err := in("layer", s.Layers, s.Layers/2)
		if err != nil {
			return nil, err
		}
		strength, ok := values["strength"].(float64)
		if !ok || !(strength >= -maxStrength && strength <= maxStrength) {
			return nil, wrongf("strength must be %g to %g", "strength 应为 %g 到 %g", -maxStrength, maxStrength)
		}
		head := fmt.Sprintf("direction:%d.%s=", layer, name)
		return func(now []string) []string {
			now = without(now, head)
			if strength != 0 {
				now = append(now, fmt.Sprintf("%s%g", head, strength))
			}
			return now
		}, nil
	case "expert":
		layer, err := in("layer", s.Layers, -1)
		expert, err2 := in("expert", s.Experts, -1)
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		at := fmt.Sprintf("%d.%d", layer, expert)
		effect, _ := values["effect"].(string)
		var add []string
		switch effect {
		case "force", "forbid":
			add = []string{effect + ":" + at}
		case "silence":
			add = []string{"expert:" + at + "=0"}
		case "scale":
			factor, ok := values["factor"].(float64)
			if !ok || !(factor >= 0 && factor <= maxFactor) {
				return nil, wrongf("scale needs a factor of 0 to %g", "scale 需要 0 到 %g 的 factor", maxFactor)
			}
			add = []string{fmt.Sprintf("expert:%s=%g", at, factor)}
		case "normal":
		default:
			return nil, wrongf("the effect must be force, forbid, silence, scale or normal", "effect 应为 force、forbid、silence、scale 或 normal")
		}
		return func(now []string) []string {
			return append(without(without(without(now, "force:"+at), "forbid:"+at), "expert:"+at+"="), add...)
		}, nil
	}
	return nil, wrongf("there is no /steer %.20s", "没有 /steer %.20s", sub)
}

// without are edits but for one: that which is word, or begins with it if it ends in =.
func without(edits []string, word string) []string {
	return slices.DeleteFunc(slices.Clone(edits), func(e string) bool { return e == word || strings.HasSuffix(word, "=") && strings.HasPrefix(e, word) })
}
