package discord

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// elsewhere names the model on another server that makes the answers in an interaction's
// channel, "" if that is the one inside the program.
func (b *Bot) elsewhere(ctx context.Context, i *discordgo.Interaction) string {
	if b.opt.Elsewhere == nil {
		return ""
	}
	short, cancel := soon(ctx)
	defer cancel()
	return b.opt.Elsewhere(b.treeAnyway(short, b.findPlace(short, i.GuildID, i.ChannelID)).Merged())
}

// help fits the channel: who answers, and what is read here. Elsewhere is as of the
// function of that name.
func (b *Bot) help(elsewhere string) string {
	text := "I'm moebot: a small language model that runs inside this very program.\n"
	if elsewhere != "" {
		text = "I'm moebot. My answers here are made by a language model on another server: " + plain(elsewhere) + ".\n"
	}
	text +=
		"- **Talk to me**: mention me, reply to me, write me a direct message, or go on in a thread I'm in.\n" +
			"- **Buttons** below an answer: *Stop*, *Regenerate*, *Continue* where it was cut, ◀️ ▶️ between alternatives; the one you see is the one I remember. If you edit your question, I offer a new answer.\n" +
			"- **/ask** asks one question, if you like for you alone; **/regenerate** and **/stop** do what the buttons do. *Apps → Ask about this* in a message's menu asks about it, *Answer again from here* answers it anew.\n" +
			"- **/temperature** and **/sampling** show or set how I choose words, **/persona** who I am here.\n" +
			"- **/settings** shows and sets all of it, for a server, a channel or a thread; **/admin** says whom I answer, for who manages the server.\n" +
			"- **/context** shows what I see of the conversation, **/why** how sure I was of the last answer, **/experts** who in me gave it.\n" +
			"- **/reset** makes me forget this channel's conversation, for all in it (with Undo; Server Settings → Integrations says who may), **/export** gives it to you.\n" +
			"- **/privacy** says what I keep, **/forget-me** removes what you said; **/status** says how I am.\n" +
			b.helpAdministrators() +
			"I don't learn from what you write. I often get facts wrong."
	if !b.content.Load() {
		text += "\nI can only read messages that mention me or reply to me, and direct messages."
	}
	return text
}

// helpAdministrators is the line of /help on what is for administrators.
func (b *Bot) helpAdministrators() string {
	if b.opt.Steering == nil {
		return "- **/stats**, for administrators, shows what I have been doing.\n"
	}
	return "- **/stats** and **/steer**, for administrators, show what I have been doing, and change what happens inside me while I answer here.\n"
}

// privacy says what is kept, in words, and who reads it. Elsewhere is as of the function of
// that name.
func (b *Bot) privacy(elsewhere string) string {
	who := "and what is said here leaves this program for nobody: the model runs inside it."
	if elsewhere != "" {
		who = "but what is said here is sent to another server, whose model makes the answers: " + plain(elsewhere) + ". What becomes of it there, I don't know."
	}
	kept := "for a while"
	if d := b.opt.Retention; d > 0 {
		kept = "for " + days(d) + " after the last message there"
	}
	return "**What I keep**: of messages meant for me, the text, your name and id, when it was, and my answers, by channel, " + kept + ". " +
		"Nothing of other messages; one that you reply to is read with your question. Settings of a channel, and sums such as how many messages there were.\n" +
		"**What for**: to answer in context. I don't learn from it, " + who + "\n" +
		"**How to be rid of it**: delete a message and I forget it and my answer to it (you still see that one, and what was said since stays, even if it repeats something); **/reset** forgets a channel's conversation (ten minutes it can be undone); " +
		"**/forget-me** removes everything you said to me, everywhere, and my answers to it. **/export** shows you what there is of this channel."
}

// days writes a long time as people say it.
func days(d time.Duration) string {
	switch n := int(d.Round(time.Hour).Hours()); {
	case n >= 48:
		return fmt.Sprintf("%d days", n/24)
	case n >= 2:
		return fmt.Sprintf("%d hours", n)
	}
	return d.String()
}

// status says how the bot is, to anybody who asks.
func (b *Bot) status(ctx context.Context, i *discordgo.Interaction) error {
	memory := in(i, "**My memory** is well.", "**存储**：正常。")
	p, t, err := b.here(ctx, i)
	if err != nil {
		memory = in(i, "**My memory** is away; I answer again as soon as it is back.", "**存储**：暂不可用；恢复后我会继续回答。")
	}
	lines := append(b.whenLines(i, t.Merged(), p), memory)
	lines = append(lines, steeringLines(i, t.Merged())...)
	if l := b.Latency(); l > 0 {
		lines = append(lines, fmt.Sprintf(in(i, "**Discord** answers within %d ms; %d reconnects since I started.", "**Discord**：延迟 %d 毫秒；启动以来重连 %d 次。"), l.Milliseconds(), b.Reconnects()))
	}
	if s := b.chat.Stats(); s.Active+s.Waiting > 0 {
		lines = append(lines, fmt.Sprintf(in(i, "**At work** in %d channels, %d questions wait.", "**工作中**：%d 个频道，%d 个问题在等待。"), s.Active, s.Waiting))
	} else {
		lines = append(lines, in(i, "**At work** on nothing: ask me something.", "**空闲中**：问我点什么吧。"))
	}
	if b.opt.Status != nil {
		lines = append(lines, b.opt.Status(ctx, language(i))...)
	}
	return b.respond(ctx, i, strings.Join(lines, "\n"), true)
}

// whenLines say what the bot reads and when it answers in a place.
func (b *Bot) whenLines(i *discordgo.Interaction, set session.Settings, p place) []string {
	var more []string
	if on(set.AlwaysOn) {
		more = append(more, in(i, "every message here", "此处的每条消息"))
	}
	if set.WakeWords != nil && len(*set.WakeWords) > 0 {
		more = append(more, in(i, "the words ", "词语 ")+plain(strings.Join(*set.WakeWords, ", ")))
	}
	if set.ChimeIn != nil && *set.ChimeIn > 0 {
		more = append(more, fmt.Sprintf(in(i, "now and then unasked (%.0f %%)", "偶尔主动发言（%.0f %%）"), 100**set.ChimeIn))
	}
	var lines []string
	if b.content.Load() {
		lines = append(lines, in(i, "**I read** all messages of the channels I'm in; I answer mentions, replies, direct messages and my threads.",
			"**我能读到**所在频道的全部消息；我回答提及、回复、私信，以及我参与的子区。"))
		if len(more) > 0 && p.server != "" {
			lines = append(lines, in(i, "**Here I also answer** ", "**在此处我还会回应**")+strings.Join(more, in(i, "; ", "；"))+in(i, ".", "。"))
		}
	} else {
		lines = append(lines, in(i, "**I read** only mentions, replies and direct messages: the MESSAGE_CONTENT intent is off. Always-on channels, wake words and chiming in are not possible without it.",
			"**我只能读到**提及、回复和私信：未启用 MESSAGE_CONTENT。没有它，就无法使用始终回答、唤醒词和主动发言。"))
		if len(more) > 0 && p.server != "" {
			lines = append(lines, in(i, "⚠️ Settings here ask for that all the same: ", "⚠️ 但此处的设置仍要求：")+strings.Join(more, in(i, "; ", "；"))+in(i, ". They do nothing until the intent is on.", "。启用之前它们不起作用。"))
		}
	}
	switch mode(set) {
	case session.ModeOn:
		if p.adult && set.AdultChannels != nil && !*set.AdultChannels {
			lines = append(lines, in(i, "**I don't answer here**: the channel is age-restricted.", "**我在此处不回答**：这是年龄限制频道。"))
		}
	case session.ModePause:
		lines = append(lines, in(i, "**I'm paused here** and answer nobody.", "**我在此处已暂停**，不回答任何人。"))
	case session.ModeDrain:
		lines = append(lines, in(i, "**I take no new questions here**; what waits is answered.", "**我在此处不接受新问题**；已在等待的仍会回答。"))
	}
	return lines
}

// forgetMe asks once more before everything of a person is removed.
func (b *Bot) forgetMe(ctx context.Context, i *discordgo.Interaction) error {
	row := buttons{discordgo.ActionsRow{Components: []discordgo.MessageComponent{
		button(press{actForget, "0", person(i).ID, 0}, "", in(i, "Forget everything of mine", "忘记我的一切"), discordgo.DangerButton, false),
		button(press{actKeep, "0", person(i).ID, 0}, "", in(i, "Keep it", "保留"), discordgo.SecondaryButton, false),
	}}}
	return b.respondWith(ctx, i, &discordgo.InteractionResponseData{Components: row,
		Content: in(i, "Shall I forget everything you ever said to me, in all channels and servers, and my answers to it? That cannot be undone. Messages that stand in Discord stay there.",
			"要我忘记你在所有频道和服务器对我说过的一切，以及我的回答吗？此操作无法撤销。Discord 中的消息会保留。")}, true)
}

// pressForget does it.
func (b *Bot) pressForget(ctx context.Context, i *discordgo.Interaction, p press) error {
	text := in(i, "Nothing was removed.", "没有删除任何内容。")
	if p.action == actForget {
		text = in(i, "I'm forgetting …", "正在忘记……")
		b.chat.StopPerson(p.asker) // also where another process hears of the press and answers it
		b.refers.drop(func(t session.Turn) bool { return t.AuthorID == p.asker })
	}
	if err := b.update(ctx, i, text); err != nil || p.action != actForget {
		return err
	}
	n, err := b.store.Forget(ctx, p.asker)
	text = fmt.Sprintf(in(i, "Done: %d messages of yours and answers to them are forgotten.", "完成：已忘记 %d 条你的消息和对它们的回答。"), n)
	if err != nil {
		text = in(i, "I couldn't forget everything just now: my memory is away. Please try again in a little while.", "刚才没能全部忘记：存储暂不可用，请稍后再试。")
	}
	b.log.Info("a person was forgotten", "turns", n, "err", err)
	return errors.Join(err, b.fill(ctx, i, hookBody{Content: &text, Components: &buttons{}}))
}

// update answers a press by changing the message it is on, whose buttons go.
func (b *Bot) update(ctx context.Context, i *discordgo.Interaction, text string) error {
	return b.acknowledge(ctx, i, &discordgo.InteractionResponse{Type: discordgo.InteractionResponseUpdateMessage, Data: &discordgo.InteractionResponseData{
		Content: text, Components: []discordgo.MessageComponent{}, AllowedMentions: &discordgo.MessageAllowedMentions{Parse: []discordgo.AllowedMentionType{}}}})
}
