package discord

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"moebot/session"
)

// register brings the commands to Discord if they are not those it has: Discord
// allows 200 creates a day, so they are sent in one overwrite, and only when they
// have changed (interactions/application-commands, Bulk Overwrite).
func (b *Bot) register() {
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	cmds := append(b.commands(), b.steerCommands()...)
	text, err := json.Marshal(cmds)
	if err != nil {
		b.log.Error("commands cannot be encoded", "err", err)
		return
	}
	sum := sha256.Sum256(text)
	hash, fact := hex.EncodeToString(sum[:]), "discord/commands/"+b.application()+"/"+b.opt.CommandGuild
	old, err := b.store.Recall(ctx, fact)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		b.log.Warn("it is not known which commands Discord has; sending them", "err", err)
	}
	if old == hash {
		if there, err := b.dg.ApplicationCommands(b.application(), b.opt.CommandGuild, once(ctx)...); err == nil && len(there) == len(cmds) {
			return
		}
	}
	err = insist(ctx, func() error {
		_, err := b.dg.ApplicationCommandBulkOverwrite(b.application(), b.opt.CommandGuild, cmds, once(ctx)...)
		return err
	})
	if err != nil {
		b.log.Error("the slash commands could not be registered", "err", err)
		return
	}
	b.log.Info("slash commands registered", "count", len(cmds))
	if err := b.store.Remember(ctx, fact, hash); err != nil {
		b.log.Warn("the registered commands could not be noted; they will be sent again", "err", err)
	}
}
