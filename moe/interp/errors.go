package interp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"moebot/moe/model/steer"
)

// RangeError is a number outside what the model or the text has.
type RangeError = steer.RangeError

func inRange(what string, got, lo, hi int) error { return steer.InRange(what, got, lo, hi) }

// Token finds the one token that a user means: "#17" by its number, otherwise by
// the text, which must be one token. A word that is one token only with a blank
// before it is found so.
func (l *Lab) Token(text string) (int32, error) {
	last := l.Model.Config.Vocab - 1
	if number, ok := strings.CutPrefix(text, "#"); ok {
		if id, err := strconv.Atoi(number); err == nil {
			return int32(id), inRange("token", id, 0, last)
		}
	}
	if text == "" {
		return 0, errors.New("an empty text is no token")
	}
	if id, ok := l.Tok.ID(text); ok && l.Tok.IsControl(id) {
		return id, nil
	}
	ids := l.Tok.Encode(text, false)
	if len(ids) == 1 {
		return ids[0], nil
	}
	if blank := l.Tok.Encode(" "+text, false); len(blank) == 1 {
		return blank[0], nil
	}
	return 0, fmt.Errorf("%q is %d tokens (%s), want one; or give a number, #0 to #%d", text, len(ids), strings.Join(l.shows(ids), " "), last)
}
