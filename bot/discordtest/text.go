package discordtest

import (
	"strconv"
	"unicode/utf8"
)

// textLength counts characters as Discord's API does for its limits: Unicode code points (observed; clients
// count UTF-16 units, so a text full of emoji that just fits here is too long to be typed).
func textLength(s string) int { return utf8.RuneCountInString(s) }

func itoa(n int) string { return strconv.Itoa(n) }
