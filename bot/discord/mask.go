package discord

import "regexp"

// Mentions that ping, if they are allowed to (reference, Message Formatting); "@everyone"
// does so within a word, too.
var pings = regexp.MustCompile(`@(everyone|here)|<(@[!&]?\d)`)

// harmless makes mentions in a text of the model's or of a person's plain text, by a
// space without width. That no mention pings is also demanded of Discord with each
// message; this holds where the text is copied to.
func harmless(text string) string {
	return pings.ReplaceAllStringFunc(text, func(s string) string { return s[:1] + "\u200b" + s[1:] })
}
