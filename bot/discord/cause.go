package discord

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bwmarrin/discordgo"

	"moebot/session"
)

// wrong is what cannot be done with what a person gave, in both languages.
type wrong say

func (w wrong) Error() string { return w.english }

func wrongf(english, zh string, args ...any) error {
	return wrong{fmt.Sprintf(english, args...), fmt.Sprintf(zh, args...)}
}

// maxCauses bounds the causes of one refusal that are told.
const maxCauses = 8

// cause says what is wrong, without a point behind it. What the model says of itself there
// is in English only, and shown as a quotation of it.
func cause(i *discordgo.Interaction, err error) string {
	if joined, ok := unjoin(err); ok {
		var all []string
		for n, e := range joined {
			if n == maxCauses {
				all = append(all, "…")
				break
			}
			all = append(all, cause(i, e))
		}
		return strings.Join(all, in(i, "; ", "；"))
	}
	var w wrong
	var bad *session.SettingError
	var format *session.FormatError
	switch {
	case errors.As(err, &w):
		return say(w).in(i)
	case errors.As(err, &bad):
		return in(i, bad.Error(), badInChinese(bad))
	case errors.As(err, &format):
		return in(i, format.Error(), "这不是一个 JSON 对象，或其后还有别的内容")
	}
	return in(i, plain(err.Error()), "`"+strings.ReplaceAll(err.Error(), "`", "'")+"`")
}

// wontDo says what is wrong with what a person gave.
func wontDo(i *discordgo.Interaction, err error) string {
	return fmt.Sprintf(in(i, "That won't do: %s.", "不行：%s。"), clip(harmless(cause(i, err)), 1500))
}

// badInChinese is session.SettingError.Error in Chinese.
func badInChinese(e *session.SettingError) string {
	if e.Want == "" {
		return "没有名为 `" + strings.ReplaceAll(e.Name, "`", "'") + "` 的设置"
	}
	value := e.Value
	for english, zh := range map[string]string{" characters": " 个字符", " of them": " 项", ` twice`: ` 出现两次`} {
		if v, ok := strings.CutSuffix(value, english); ok {
			value = v + zh
		}
	}
	if value == "bytes that are no text in UTF-8" {
		value = "非 UTF-8 文本"
	}
	return fmt.Sprintf("`%s` 应为%s，而不是 %s", e.Name, wanted(e.Want), value)
}

// wanted is a session.Field.Want in Chinese; one that is unknown here is shown as it is.
func wanted(want string) string {
	const words = "个以逗号分隔的词或短语，每个至多 60 个字符"
	zh := map[string]string{
		"a number from 0 to 2":            " 0 到 2 之间的数",
		"a number above 0 and at most 1":  "大于 0 且不大于 1 的数",
		"a number from 0 to 1":            " 0 到 1 之间的数",
		"a number from 1 to 2":            " 1 到 2 之间的数",
		"a number from 0.01 to 3600":      " 0.01 到 3600 之间的数",
		"a whole number from 0 to 1000":   " 0 到 1000 之间的整数",
		"a whole number from 0 to 10000":  " 0 到 10000 之间的整数",
		"a whole number from 1 to 32768":  " 1 到 32768 之间的整数",
		"a whole number from 1 to 20":     " 1 到 20 之间的整数",
		"a whole number from 0 on":        "不小于 0 的整数",
		"text of at most 4000 characters": "至多 4000 个字符的文本",
		"on or off":                       " on 或 off",
		"on, drain or pause":              " on、drain 或 pause",
		"own or server":                   " own 或 server",
		"a channel's id":                  "频道的 ID",
		"at most 20 words or phrases of at most 60 characters, separated by commas":                        "至多 20 " + words,
		"at most 200 words or phrases of at most 60 characters, separated by commas":                       "至多 200 " + words,
		"at most 200 entries such as channel:123, category:123, role:123 or person:123":                    "至多 200 项，形如 channel:123、category:123、role:123 或 person:123",
		"at most 200 ids of people, each alone or with the time it ends, such as 123 2026-01-31T18:00:00Z": "至多 200 个用户 ID，可带结束时间，形如 123 2026-01-31T18:00:00Z",
		"at most 16 edits such as forbid:2.5, expert:0.1=0 or direction:2.question=1.5":                    "至多 16 项干预，形如 forbid:2.5、expert:0.1=0 或 direction:2.question=1.5",
	}[want]
	if zh == "" {
		return "：" + want
	}
	return zh
}
