package discord

import (
	"strings"
	"unicode/utf16"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// maxContent is the length of a message, in UTF-16 units: Discord says
// "characters" (resources/message, Create Message) and counts no more than that.
const maxContent = 2000

// maxBytes is what maxContent units take in UTF-8 at most.
const maxBytes = 3 * maxContent

// length counts as maxContent does.
func length(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// split cuts a text into messages: at the end of a paragraph, a line, a sentence or
// a word, in this order of preference, never inside a character as people see it.
// A code fence that is open at a cut is closed there and opened again, with its
// language, in the next message. An open fence at the end of the text is closed
// too, so that a growing text looks right at any moment. Empty text gives nothing.
func split(text string) []string {
	var out []string
	text = strings.TrimSpace(text)
	open := "" // the line that opens the fence we are in
	for text != "" {
		head := ""
		if open != "" {
			head = open + "\n"
		}
		if len(text) <= maxBytes {
			if part, after := head+text, fenceAfter(open, text); length(part)+closing(after) <= maxContent {
				return append(out, closeFence(part, after))
			}
		}
		n := cut(text, maxContent-length(head)-len("\n"+fence))
		part := strings.TrimRight(text[:n], " \n")
		after := fenceAfter(open, text[:n])
		if strings.TrimSpace(part) != "" {
			out = append(out, closeFence(head+part, after))
		}
		open = after
		if rest := text[n:]; open == "" {
			text = strings.TrimLeft(rest, " \n")
		} else {
			text = strings.TrimPrefix(rest, "\n")                                        // indentation matters in code
			if strings.TrimSpace(text) == fence || strings.HasPrefix(text, fence+"\n") { // nothing left inside: do not open again for it
				open, text = "", strings.TrimLeft(strings.TrimPrefix(text, fence), " \n")
			}
		}
	}
	return out
}

const fence = "```"

// maxFenceLine bounds the opening line that is repeated; a longer one is no language.
const maxFenceLine = 40

// fenceAfter is the opening line of the fence that is open after text, "" for none,
// when open was before it.
func fenceAfter(open, text string) string {
	for line := range strings.SplitSeq(text, "\n") {
		for {
			at := strings.Index(line, fence)
			if at < 0 {
				break
			}
			rest := line[at+len(fence):]
			if open != "" {
				open, line = "", rest
				continue
			}
			open = fence
			if lang := strings.TrimRight(rest, " "); !strings.ContainsAny(lang, " `") && len(lang) <= maxFenceLine {
				open += lang
			}
			line = rest
		}
	}
	return open
}

func closing(open string) int {
	if open == "" {
		return 0
	}
	return len("\n" + fence)
}

func closeFence(part, open string) string {
	if open == "" {
		return part
	}
	return strings.TrimRight(part, "\n") + "\n" + fence
}

// cut is the number of bytes of text for a message of at most limit units.
func cut(text string, limit int) int {
	end, units := 0, 0
	for c := graphemes.FromString(text); c.Next(); {
		n := length(c.Value())
		if units+n > limit {
			if end == 0 { // one endless character: cut it by code points
				return hardCut(text, limit)
			}
			break
		}
		units += n
		end += len(c.Value())
	}
	head := text[:end]
	if end == len(text) {
		return end
	}
	for _, sep := range []string{"\n\n", "\n", ". ", "! ", "? ", "。", " "} {
		// a border in the last two thirds: better a worse one than a tiny message
		if at := strings.LastIndex(head, sep); at >= len(head)/3 {
			if n := at + len(sep); !strings.HasSuffix(head[:n], "`") {
				return n
			}
		}
	}
	// do not cut a fence's own marks in two
	if at := len(strings.TrimRight(head, "`")); at > 0 && at < len(head) && strings.HasPrefix(text[end:], "`") {
		return at
	}
	return end
}

func hardCut(text string, limit int) int {
	units := 0
	for i, r := range text {
		if units += utf16.RuneLen(r); units > limit {
			return i
		}
	}
	return len(text)
}
