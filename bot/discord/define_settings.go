package discord

import (
	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// settingsCommand describes /settings.
func settingsCommand() *discordgo.ApplicationCommand {
	level := func(english, zh string) *cmdOption {
		return choices(option(optText, "level", english, zh), choice{value: "server", zh: "服务器"}, choice{value: "channel", zh: "频道"}, choice{value: "thread", zh: "子区"})
	}
	name := func() *cmdOption {
		return needed(completed(option(optText, "name", "Which setting", "哪一项设置")))
	}
	value := needed(completed(option(optText, "value", "What it shall be", "设为什么")))
	value.MaxLength = session.MaxPersona
	return allow(command("settings", "All my settings here, where each comes from; set, export and import them", "我在此处的全部设置及其来源；修改、导出与导入",
		option(optSub, "show", "All settings in force here, and at which level each was made", "此处生效的全部设置，以及各自来自哪一级"),
		with(option(optSub, "set", "Set one setting for this server, channel or thread", "为本服务器、频道或子区设置一项"), name(), value,
			level("Where it shall hold; without it, here", "在哪一级生效；留空则为此处")),
		with(option(optSub, "unset", "Leave one setting to the level above", "取消一项设置，改用上一级的值"), name(), level("At which level; without it, here", "在哪一级；留空则为此处")),
		option(optSub, "export", "The settings made here as a file", "将此处的设置导出为文件"),
		with(option(optSub, "import", "Read settings from such a file; without one a form opens", "从文件读取设置；不附文件则打开表单"),
			option(optFile, "file", "What /settings export gave", "由 /settings export 导出的文件"), level("Only this level of it", "只读取其中这一级")),
	), discordgo.PermissionManageChannels)
}

// adminCommand describes /admin.
func adminCommand() *discordgo.ApplicationCommand {
	list := func(name, english, zh, add, addZH, remove, removeZH string) *cmdOption {
		return with(option(optGroup, name, english, zh),
			with(option(optSub, "add", add, addZH), option(optChannel, "channel", "A channel with its threads, or a category", "频道（含子区）或分类"),
				option(optRole, "role", "Everybody with this role", "拥有此身份组的所有人"), option(optPerson, "person", "This person", "此人")),
			with(option(optSub, "remove", remove, removeZH), needed(completed(option(optText, "entry", "Which one", "哪一项")))),
			option(optSub, "list", "What is on it", "查看列表"))
	}
	where := func() *cmdOption {
		return needed(choices(option(optText, "where", "In questions to me, in my answers, or in both outside of age-restricted channels", "在提问中、在我的回答中，或在年龄限制频道之外的两者中"),
			choice{value: "questions", zh: "提问"}, choice{value: "answers", zh: "回答"}, choice{value: "adult", zh: "成人用语", name: "both, outside of age-restricted channels"}))
	}
	word := option(optText, "word", "A word or a phrase; without it a form for many opens", "词或短语；留空则打开可填多个的表单")
	word.MaxLength = session.MaxWord
	minutes := completed(number(optWhole, "minutes", 1, maxMuteMinutes, "For how long; without it, until somebody unmutes them", "时长（分钟）；留空则直到解除"))
	channel := option(optChannel, "channel", "Which one; without it, none", "哪个频道；留空则不记录")
	channel.ChannelTypes = []discordgo.ChannelType{discordgo.ChannelTypeGuildText}
	c := allow(command("admin", "Who I answer in this server and what I don't; for those who manage it", "我在本服务器回答谁、不回答什么（供管理者使用）",
		option(optSub, "show", "All that was decided here", "查看全部管理设置"),
		option(optSub, "pause", "Answer nobody, and stop what I am answering", "暂停：不回答任何人，并停止正在进行的回答"),
		option(optSub, "drain", "Take no new questions, and answer those that wait", "排空：不接受新问题，答完已有问题"),
		option(optSub, "resume", "Answer again", "恢复回答"),
		with(option(optSub, "mute", "Do not answer a person, for a time or for good", "在一段时间内或一直不回答某人"), needed(option(optPerson, "person", "Whom", "谁")), minutes),
		with(option(optSub, "unmute", "Answer a person again", "重新回答某人"), needed(completed(option(optText, "person", "Whom", "谁")))),
		with(option(optSub, "limit", "How fast a person, and all together, may ask; without anything, show it", "每人及全体提问的速度；不填则显示当前值"),
			number(optWhole, "messages", 0, 1000, "So many questions at once; 0 is any number", "一次可提多少个问题；0 为不限"),
			number(optReal, "seconds", 0.01, 3600, "The time after which one more may come", "多久之后可再提一个（秒）"),
			number(optWhole, "server-messages", 0, 10000, "So many at once of all people of the server; 0 is any number", "全服务器一次可提多少个问题；0 为不限"),
			number(optReal, "server-seconds", 0.01, 3600, "The time after which one more of anybody's may come", "多久之后任何人可再提一个（秒）")),
		with(option(optSub, "adult", "Whether I answer in channels that are marked as age-restricted", "我是否在年龄限制频道中回答"), needed(option(optBool, "answer", "Answer there", "在那里回答"))),
		with(option(optSub, "audit", "Tell a channel of each change of settings", "将每次设置更改发送到某频道"), channel),
		list("allow", "Where and whom I answer; empty is everywhere and everybody", "我在哪里回答、回答谁；空列表为不限", "Answer here, or them", "允许", "Take one off the list", "移出列表"),
		list("block", "Where and whom I don't answer, whatever else is allowed", "我不在哪里回答、不回答谁（优先于允许）", "Don't answer here, or them", "屏蔽", "Take one off the list", "移出列表"),
		with(option(optGroup, "words", "Words that I don't answer to, and words that I don't say", "我不回应的词，以及我不说的词"),
			with(option(optSub, "add", "Add words", "添加"), where(), word),
			with(option(optSub, "remove", "Remove a word", "移除"), where(), needed(completed(option(optText, "word", "Which one", "哪个词")))),
			option(optSub, "list", "Which there are", "查看")),
	), discordgo.PermissionManageGuild)
	return inServers(c)
}
