package chat

// InChinese is a sentence that people are told in place of an answer, in Chinese; "" for a
// text that is none of them. Who shows a Reply knows whose language it is.
func InChinese(notice string) string {
	switch notice {
	case sayAway:
		return "我暂时无法访问存储，没能记下这个问题，请稍后再问。"
	case sayFailed:
		return "我在思考时出了点问题，请再问一次。"
	case sayBusy:
		return "现在的问题太多了，请稍后再问。"
	case sayTimeout:
		return "用时太长，我停下来了。"
	case sayNothing:
		return "我对此无话可说。"
	case sayStopped:
		return "还没开口就被停止了。"
	case stopped:
		return "我还没来得及回答就被关闭了，请再问一次。"
	case sayForgotten:
		return "我已经不记得那个问题，无法重新回答。"
	case sayNoMore:
		return "我没有要补充的了。"
	case Full:
		return "我还在处理之前的问题，请稍后再问。"
	}
	return ""
}
