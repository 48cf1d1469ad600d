package discord

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
)

// buttons are the rows of buttons below a message; ours has one row at most.
type buttons []discordgo.MessageComponent

// key tells rows apart: their custom ids say all that they show.
func (b buttons) key() (key string) {
	for _, row := range b {
		if r, ok := row.(discordgo.ActionsRow); ok {
			for _, c := range r.Components {
				if button, ok := c.(discordgo.Button); ok {
					key += button.CustomID + " "
				}
			}
		}
	}
	return key
}

// Actions of buttons.
const (
	actStop   = "stop"
	actAgain  = "again"
	actEdited = "edited" // again, for the question has changed
	actMore   = "more"
	actPick   = "pick"
	actPlace  = "place" // shows which alternative it is; cannot be pressed
	actUndo   = "undo"
	actForget = "forget"
	actKeep   = "keep"
)

// press is a button's custom id, taken apart: what to do, for which question, by whom
// it was asked, and a number that belongs to the action. A custom id has at most 100
// characters (components/reference, Custom ID); two snowflakes of 20 digits leave room.
type press struct {
	action, question, asker string
	n                       int
}

func (p press) String() string {
	return strings.Join([]string{p.action, p.question, p.asker, strconv.Itoa(p.n)}, ":")
}

// parsePress reads a custom id; false for one that is not ours.
func parsePress(id string) (p press, ok bool) {
	parts := strings.Split(id, ":")
	if len(parts) != 4 {
		return p, false
	}
	n, err := strconv.Atoi(parts[3])
	return press{parts[0], parts[1], parts[2], n}, err == nil
}

// button makes one, with a picture if emoji is not empty.
func button(p press, emoji, label string, style discordgo.ButtonStyle, disabled bool) discordgo.Button {
	b := discordgo.Button{CustomID: p.String(), Label: label, Style: style, Disabled: disabled}
	if emoji != "" {
		b.Emoji = &discordgo.ComponentEmoji{Name: emoji}
	}
	return b
}

// stopRow is below an answer that is being made or waits to be.
func stopRow(i *discordgo.Interaction, question, asker string) buttons {
	return buttons{discordgo.ActionsRow{Components: []discordgo.MessageComponent{
		button(press{actStop, question, asker, 0}, "", in(i, "Stop", "停止"), discordgo.SecondaryButton, false),
	}}}
}

// endRow is below a finished answer: its alternatives, another one, and, where it was
// cut, more of it. A notice has none.
func endRow(e chat.End, question, asker string) buttons {
	if !e.Answer {
		return nil
	}
	var row []discordgo.MessageComponent
	if e.Of > 1 {
		// the custom ids differ even where two buttons do nothing
		row = append(row,
			button(press{actPick, question, asker, e.Chosen - 1}, "◀️", "", discordgo.SecondaryButton, e.Chosen == 0),
			button(press{fmt.Sprintf("%s-%d", actPlace, e.Of), question, asker, e.Chosen}, "", fmt.Sprintf("%d/%d", e.Chosen+1, e.Of), discordgo.SecondaryButton, true),
			button(press{actPick, question, asker, e.Chosen + 1}, "▶️", "", discordgo.SecondaryButton, e.Chosen == e.Of-1))
	}
	if e.Stale {
		row = append(row, button(press{actEdited, question, asker, e.Of}, "", "Answer the edit", discordgo.PrimaryButton, false))
	} else {
		row = append(row, button(press{actAgain, question, asker, e.Of}, "", "Regenerate", discordgo.SecondaryButton, false))
	}
	if e.Cut {
		row = append(row, button(press{actMore, question, asker, e.Chosen}, "", "Continue", discordgo.SecondaryButton, false))
	}
	return buttons{discordgo.ActionsRow{Components: row}}
}
