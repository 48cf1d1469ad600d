package discord

import (
	"cmp"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// Names of commands that people see in the menu of a message.
const (
	menuAbout = "Ask about this"
	menuAgain = "Answer again from here"
)

// chinese is a text in the other language that commands are described in.
func chinese(s string) map[discordgo.Locale]string {
	return map[discordgo.Locale]string{discordgo.ChineseCN: s}
}

// command describes a slash command in English and Chinese; it can be used everywhere.
func command(name, english, zh string, options ...*discordgo.ApplicationCommandOption) *discordgo.ApplicationCommand {
	locals := chinese(zh)
	return &discordgo.ApplicationCommand{Name: name, Description: english, DescriptionLocalizations: &locals, Options: options, Contexts: everywhere()}
}

func everywhere() *[]discordgo.InteractionContextType {
	return &[]discordgo.InteractionContextType{discordgo.InteractionContextGuild, discordgo.InteractionContextBotDM}
}

// option describes an option of a command.
func option(kind discordgo.ApplicationCommandOptionType, name, english, zh string) *discordgo.ApplicationCommandOption {
	return &discordgo.ApplicationCommandOption{Type: kind, Name: name, Description: english, DescriptionLocalizations: chinese(zh)}
}

// number describes an option between two bounds.
func number(kind discordgo.ApplicationCommandOptionType, name string, lo, hi float64, english, zh string) *discordgo.ApplicationCommandOption {
	o := option(kind, name, english, zh)
	o.MinValue, o.MaxValue = &lo, hi
	return o
}

// allow restricts a command to members with a permission, until a server's
// administrators decide otherwise.
func allow(c *discordgo.ApplicationCommand, permission int64) *discordgo.ApplicationCommand {
	c.DefaultMemberPermissions = &permission
	return c
}

// inServers has a command not be in direct messages.
func inServers(c *discordgo.ApplicationCommand) *discordgo.ApplicationCommand {
	c.Contexts = &[]discordgo.InteractionContextType{discordgo.InteractionContextGuild}
	return c
}

// Kinds of options, in short.
const (
	optText    = discordgo.ApplicationCommandOptionString
	optWhole   = discordgo.ApplicationCommandOptionInteger
	optReal    = discordgo.ApplicationCommandOptionNumber
	optBool    = discordgo.ApplicationCommandOptionBoolean
	optPerson  = discordgo.ApplicationCommandOptionUser
	optChannel = discordgo.ApplicationCommandOptionChannel
	optRole    = discordgo.ApplicationCommandOptionRole
	optFile    = discordgo.ApplicationCommandOptionAttachment
	optSub     = discordgo.ApplicationCommandOptionSubCommand
	optGroup   = discordgo.ApplicationCommandOptionSubCommandGroup
)

type cmdOption = discordgo.ApplicationCommandOption

// with gives an option options of its own.
func with(o *cmdOption, options ...*cmdOption) *cmdOption {
	o.Options = options
	return o
}

// needed makes an option one that must be given.
func needed(o *cmdOption) *cmdOption {
	o.Required = true
	return o
}

// completed makes an option one for which the bot suggests values while it is typed.
func completed(o *cmdOption) *cmdOption {
	o.Autocomplete = true
	return o
}

// choice is a value of an option that is chosen from a list, with its name in Chinese
// and, if that is not the value itself, in English.
type choice struct{ value, zh, name string }

func choices(o *cmdOption, list ...choice) *cmdOption {
	for _, c := range list {
		o.Choices = append(o.Choices, &discordgo.ApplicationCommandOptionChoice{Name: cmp.Or(c.name, c.value), NameLocalizations: chinese(c.zh), Value: c.value})
	}
	return o
}

// menu describes a command in the menu of a message.
func menu(name, zh string) *discordgo.ApplicationCommand {
	locals := chinese(zh)
	return &discordgo.ApplicationCommand{Type: discordgo.MessageApplicationCommand, Name: name, NameLocalizations: &locals, Contexts: everywhere()}
}

// maxSeed is the largest whole number an option can have
// (interactions/application-commands, Application Command Option Type).
const maxSeed = 1 << 53

// commands are all commands, as they are registered.
func (b *Bot) commands() []*discordgo.ApplicationCommand {
	preset := choices(option(optText, "preset", "Several dials at once; what you give besides wins", "一次设置多个参数；另外给出的参数优先"), presets()...)
	personaText := completed(option(optText, "text", "Who I shall be; without it a form opens", "我应当是谁；留空则打开表单"))
	personaText.MaxLength = session.MaxPersona
	question := needed(option(optText, "question", "What you want to know", "你想知道什么"))
	question.MaxLength = maxQuestion
	return []*discordgo.ApplicationCommand{
		command("ask", "Ask me one question, outside of the conversation", "单独问我一个问题，不计入对话",
			question, option(optBool, "private", "Only you see the answer", "只有你能看到回答"),
			number(optReal, "temperature", 0, session.MaxTemperature, "For this answer alone: 0 always says the likeliest word, 2 is wild", "仅用于此回答：0 总是选最可能的词，2 最随意")),
		command("regenerate", "Answer the last question here once more", "重新回答本频道的上一个问题"),
		command("stop", "Stop what I am answering to you here", "停止我正在给你的回答"),
		command("reset", "Forget this channel's conversation and begin anew", "忘记本频道的对话，重新开始"),
		command("context", "What I see of the conversation now", "我现在能看到的对话内容"),
		command("why", "The last answer's words, how sure I was of each, and what else I might have said", "上一个回答中每个词的把握程度与其他可能"),
		command("experts", "Which of my experts gave the last answer", "上一个回答由哪些专家给出"),
		command("temperature", "Show or set how daring my answers in this channel are", "查看或设置我在本频道回答的随机程度",
			number(optReal, "value", 0, session.MaxTemperature, "0 always says the likeliest word, 2 is wild; leave it out to see the present value", "0 总是选最可能的词，2 最随意；留空则显示当前值")),
		command("sampling", "Show or set how I choose words in this channel", "查看或设置我在本频道的选词方式", preset,
			number(optReal, "top-p", 0.01, 1, "Keep the likeliest words that together reach this chance; 1 keeps all", "保留累计概率达到此值的词；1 为全部"),
			number(optWhole, "top-k", 0, session.MaxTopK, "Keep so many of the likeliest words; 0 keeps all", "保留最可能的若干个词；0 为全部"),
			number(optReal, "min-p", 0, 1, "Drop words with less than this share of the likeliest one's chance", "丢弃低于最高概率此比例的词"),
			number(optReal, "repetition-penalty", 1, session.MaxRepeatPenalty, "Above 1 I repeat myself less", "大于 1 则减少重复"),
			number(optWhole, "max-length", 1, session.MaxMaxTokens, "The longest answer, in tokens", "回答的最大长度（token）"),
			number(optWhole, "seed", -1, maxSeed, "The same number gives the same answers; -1 is chance", "相同的数字得到相同的回答；-1 为随机")),
		allow(command("persona", "Who I am in this channel", "我在本频道的身份",
			option(optSub, "show", "Show who I am in this channel", "查看我在本频道的身份"),
			with(option(optSub, "set", "Tell me who I am in this channel", "设定我在本频道的身份"), personaText),
			option(optSub, "clear", "Make me what I am elsewhere", "恢复默认身份")), discordgo.PermissionManageMessages),
		settingsCommand(),
		adminCommand(),
		command("export", "This channel's conversation as a file", "将本频道的对话导出为文件"),
		command("forget-me", "Remove everything you ever said to me, everywhere", "删除你在任何地方对我说过的一切"),
		command("privacy", "What I keep, for how long, and how to be rid of it", "我保存什么、保存多久、如何删除"),
		command("status", "How I am", "我的状态"),
		command("help", "How to talk to me", "如何与我交谈"),
		statsCommand(),
		menu(menuAbout, "就此提问"),
		menu(menuAgain, "从这里重新回答"),
	}
}
