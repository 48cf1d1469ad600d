package discord

import (
	"context"
	"fmt"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
)

// fileParts is how many messages an answer fills at most. A longer one is shown by its
// beginning and a file.
const fileParts = 5

// long reports whether an answer in these parts is given as a file.
func long(parts []string) bool { return len(parts) > fileParts }

// finishLong shows a long answer for good: its first part, and below it a message with
// the whole as a file. It reports false, and has shown nothing but that part, where the
// bot may not attach files.
func (r *reply) finishLong(ctx context.Context, first string, e chat.End) (bool, error) {
	if err := r.finish(ctx, 0, first, nil); err != nil {
		return false, err
	}
	if err := r.cut(ctx, 1); err != nil { // previews, or the answer before
		return false, err
	}
	text := r.head + harmless(e.Text)
	d := draft{content: fmt.Sprintf("*That was the beginning. The whole answer, %d characters, is in the file.*", length(text)),
		row: endRow(e, r.question, r.asker), nonce: r.nonce + "-f", file: []byte(text)}
	err := insist(ctx, func() error { return r.create(ctx, 1, d) })
	if code(err) == discordgo.ErrCodeMissingPermissions {
		return false, nil
	}
	return err == nil, err
}

// cut removes all messages of the answer but the first n.
func (r *reply) cut(ctx context.Context, n int) error {
	for i := len(r.ids) - 1; i >= n; i-- {
		if err := insist(ctx, func() error { return r.rest.remove(ctx, r.channel, r.ids[i]) }); err != nil {
			return err
		}
		r.ids, r.shown = r.ids[:i], r.shown[:i]
	}
	r.filed = r.filed && n > 1
	return nil
}
