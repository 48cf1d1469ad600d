package discord

import (
	"fmt"
	"time"
)

// helpInChinese is help.
func (b *Bot) helpInChinese(elsewhere string) string {
	text := "我是 moebot：运行在这个程序内部的小型语言模型。程序自带的模型只会说英语。\n"
	if elsewhere != "" {
		text = "我是 moebot。我在此处的回答由另一台服务器上的语言模型生成：" + plain(elsewhere) + "。\n"
	}
	text += "- **与我交谈**：提及我、回复我、给我发私信，或在我参与的子区里继续。\n" +
		"- 回答下方的 **按钮**：*Stop* 停止；*Regenerate* 重新生成；被截断时 *Continue* 继续；◀️ ▶️ 切换不同的回答，我记住的是你看到的那一个。如果你编辑了问题，我会提供重新回答的按钮。\n" +
		"- **/ask** 单独问一个问题，可以只让你自己看到回答；**/regenerate** 和 **/stop** 与按钮作用相同。消息菜单中的 *应用 → 就此提问* 可就那条消息提问，*从这里重新回答* 会重新回答它。\n" +
		"- **/temperature** 和 **/sampling** 查看或设置我的选词方式，**/persona** 是我在此处的身份。\n" +
		"- **/settings** 查看并设置这一切，可针对服务器、频道或子区；**/admin** 供服务器管理者决定我回答谁。\n" +
		"- **/context** 显示我能看到的对话，**/why** 显示我对上一个回答的把握，**/experts** 显示它由我的哪些专家给出。\n" +
		"- **/reset** 让我忘记本频道所有人的对话（可撤销；服务器设置 → 整合 可限定谁能使用），**/export** 把对话导出给你。\n" +
		"- **/privacy** 说明我保存什么，**/forget-me** 删除你说过的话；**/status** 显示我的状态。\n" +
		b.helpAdministratorsInChinese() +
		"我不会从你写的内容中学习，也常常弄错事实。"
	if !b.content.Load() {
		text += "\n我只能读到提及我或回复我的消息，以及私信。"
	}
	return text
}

// helpAdministratorsInChinese is helpAdministrators.
func (b *Bot) helpAdministratorsInChinese() string {
	if b.opt.Steering == nil {
		return "- **/stats** 供管理员查看我做了些什么。\n"
	}
	return "- **/stats** 和 **/steer** 供管理员查看我做了些什么，以及改变我在此处回答时内部发生的事。\n"
}

// privacyInChinese is privacy.
func (b *Bot) privacyInChinese(elsewhere string) string {
	who := "这里的内容也不会离开本程序：模型就在程序内部运行。"
	if elsewhere != "" {
		who = "但这里的内容会发送到另一台服务器，由那里的模型生成回答：" + plain(elsewhere) + "。之后如何处理，我不得而知。"
	}
	kept := "保存一段时间"
	if d := b.opt.Retention; d > 0 {
		kept = "在该频道最后一条消息之后保存 " + daysInChinese(d)
	}
	return "**我保存什么**：发给我的消息的文字、你的名字和 ID、时间，以及我的回答，按频道保存，" + kept + "。" +
		"不保存其他消息；你所回复的消息会与你的问题一起读取。此外还有频道的设置，以及消息数等合计数字。\n" +
		"**为了什么**：根据上下文回答。我不从中学习，" + who + "\n" +
		"**如何删除**：删除一条消息，我就会忘记它和我对它的回答（那条回答你仍能看到；此后说过的话会保留，即使其中重复了它）；**/reset** 忘记一个频道的对话（十分钟内可撤销）；" +
		"**/forget-me** 删除你在任何地方对我说过的一切以及我的回答。**/export** 显示本频道保存的内容。"
}

// daysInChinese is days.
func daysInChinese(d time.Duration) string {
	switch n := int(d.Round(time.Hour).Hours()); {
	case n >= 48:
		return fmt.Sprintf("%d 天", n/24)
	case n >= 2:
		return fmt.Sprintf("%d 小时", n)
	}
	return fmt.Sprintf("%.0f 分钟", d.Minutes())
}
