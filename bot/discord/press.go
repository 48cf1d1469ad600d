package discord

import (
	"context"
	"errors"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/session"
)

// What people are told who press a button in vain.
var (
	sayNotYours  = say{"Only the person who asked, or somebody who may manage messages here, can do that.", "只有提问者或可以管理此处消息的人才能这样做。"}
	sayForgotten = say{"I was asked that before, and have forgotten it since. Please write it again.", "这个问题我以前被问过，后来忘记了，请重新发送。"}
	sayTooOld    = say{"I don't remember that answer any more, so it stays as it is.", "我已不记得那个回答，因此它保持原样。"}
	sayUnderWay  = say{"I'm at it already.", "我正在处理。"}
	sayOldButton = say{"I don't know that button any more.", "我已不认识这个按钮。"}
)

// person is who started an interaction.
func person(i *discordgo.Interaction) *discordgo.User {
	switch {
	case i.Member != nil && i.Member.User != nil:
		return i.Member.User
	case i.User != nil:
		return i.User
	}
	return &discordgo.User{}
}

// onButton acts on a press of one of our buttons.
func (b *Bot) onButton(ctx context.Context, i *discordgo.Interaction) error {
	p, ok := parsePress(i.MessageComponentData().CustomID)
	if !ok || i.Message == nil {
		return b.respond(ctx, i, sayOldButton.in(i), true)
	}
	key := session.Key{Channel: i.ChannelID}
	if p.action == actStop {
		if _, once := b.chat.UnderWay(chat.OnceKey, p.question); once {
			key = chat.OnceKey
		}
		if asker, ok := b.chat.UnderWay(key, p.question); ok && asker != "" {
			p.asker = asker
		}
	}
	if p.action == actForget || p.action == actKeep {
		if p.asker != person(i).ID { // nobody forgets for somebody else
			return b.respond(ctx, i, sayNotYours.in(i), true)
		}
		return b.pressForget(ctx, i, p)
	}
	if !mayPress(i, p.asker) {
		return b.respond(ctx, i, sayNotYours.in(i), true)
	}
	switch p.action {
	case actUndo:
		return b.pressUndo(ctx, i)
	case actStop:
		return b.pressStop(ctx, i, key, p)
	case actAgain, actEdited, actMore:
		return b.pressAgain(ctx, i, key, p)
	case actPick:
		return b.pressPick(ctx, i, key, p)
	}
	return b.respond(ctx, i, sayOldButton.in(i), true)
}

// mayPress reports whether the buttons of an answer are the person's to press.
func mayPress(i *discordgo.Interaction, asker string) bool {
	return asker != "" && person(i).ID == asker || may(i, discordgo.PermissionManageMessages)
}

// noted acknowledges a press without showing anything: the message will change.
// With an error nothing may be done for the press: another process is at it, or
// Discord has given it up.
func (b *Bot) noted(ctx context.Context, i *discordgo.Interaction) error {
	return b.acknowledge(ctx, i, &discordgo.InteractionResponse{Type: discordgo.InteractionResponseDeferredMessageUpdate})
}

// pressStop stops an answer. It is not asked whether Discord has taken the
// acknowledgement: of several processes only the one that makes the answer can stop it.
func (b *Bot) pressStop(ctx context.Context, i *discordgo.Interaction, key session.Key, p press) error {
	if b.chat.Stop(key, p.question) {
		return b.noted(ctx, i)
	}
	if err := b.noted(ctx, i); err != nil {
		return err
	}
	// Nobody is at it here: the process that was has ended. Show what is stored.
	sess, err := b.store.Load(ctx, key)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return errors.Join(err, b.whisper(ctx, i, sayStoreAway.in(i)))
	}
	if a, ok := sess.AnswerTo(p.question); ok {
		if t, ok := sess.Turn(i.Message.ID); !ok || t.ID != a.ID { // it only said that the question waits
			return insist(ctx, func() error { return b.rest().remove(ctx, i.ChannelID, i.Message.ID) })
		}
		return b.showAgain(ctx, i, p.question, a)
	}
	if sess.UpTo(p.question) != nil && !b.left(ctx, key, p.question) {
		return nil // another process is at it, and stops
	}
	return insist(ctx, func() error { return b.rest().dress(ctx, i.ChannelID, i.Message.ID, nil) })
}

// left reports whether nobody is at a question any more.
func (b *Bot) left(ctx context.Context, key session.Key, question string) bool {
	pending, err := b.store.Pending(ctx)
	if err != nil {
		return false
	}
	for _, p := range pending {
		if p.Key == key && p.Turn.ID == question {
			return false
		}
	}
	return true
}

// pressAgain makes an answer again, or goes on with it.
func (b *Bot) pressAgain(ctx context.Context, i *discordgo.Interaction, key session.Key, p press) error {
	if err := b.noted(ctx, i); err != nil {
		return err
	}
	b.awaitEnd(ctx, key, p.question)
	sess, err := b.store.Load(ctx, key)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return errors.Join(err, b.whisper(ctx, i, sayStoreAway.in(i)))
	}
	a, ok := sess.AnswerTo(p.question)
	if !ok || sess.UpTo(p.question) == nil {
		return b.whisper(ctx, i, sayTooOld.in(i))
	}
	if a.Answer != nil && a.Answer.For != "" && !mayPress(i, a.Answer.For) {
		return b.whisper(ctx, i, sayNotYours.in(i))
	}
	return b.redo(ctx, i, key, p.question, a, p.action == actMore)
}

// awaitEnd waits a little for the work on a question to end: an answer has its buttons
// before it is stored, and who presses one at once shall not be told that it is too old.
func (b *Bot) awaitEnd(ctx context.Context, key session.Key, question string) {
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		if _, busy := b.chat.UnderWay(key, question); !busy || b.sleep(ctx, 20*time.Millisecond) != nil {
			return
		}
	}
}

// redo asks the chat for another answer in place of one; why that fails, the person
// alone reads. The interaction must have been acknowledged.
func (b *Bot) redo(ctx context.Context, i *discordgo.Interaction, key session.Key, question string, a session.Turn, more bool) error {
	tell := func(text string) {
		b.begin(func() {
			ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
			defer cancel()
			if err := b.whisper(ctx, i, notice(i, text)); err != nil && b.ctx.Err() == nil {
				b.log.Warn("a person could not be told why an answer stays", "channel", key.Channel, "err", err)
			}
		})
	}
	p, t, err := b.here(ctx, i)
	if err != nil {
		return errors.Join(err, b.whisper(ctx, i, sayStoreAway.in(i)))
	}
	if why := b.barred(ctx, i, p, t.Merged(), ""); why != "" { // it costs as much as a question
		return b.whisper(ctx, i, why)
	}
	redo := chat.Redo{Key: key, QuestionID: question, Old: a, Continue: more, Above: above(t, p), Reply: b.newRedo(key.Channel, question, a, i.ID), Failed: tell}
	if r, ok := b.refers.find(question); ok {
		redo.Refers = &r
	}
	err = b.chat.Redo(redo)
	switch {
	case errors.Is(err, chat.ErrUnderWay):
		return b.whisper(ctx, i, sayUnderWay.in(i))
	case errors.Is(err, chat.ErrFull):
		return b.whisper(ctx, i, notice(i, chat.Full))
	}
	return err
}

// pressPick shows another alternative, which is the answer from then on.
func (b *Bot) pressPick(ctx context.Context, i *discordgo.Interaction, key session.Key, p press) error {
	if err := b.noted(ctx, i); err != nil {
		return err
	}
	b.awaitEnd(ctx, key, p.question)
	a, err := b.chat.Choose(ctx, key, p.question, p.n)
	switch {
	case errors.Is(err, chat.ErrUnderWay):
		return b.whisper(ctx, i, sayUnderWay.in(i))
	case errors.Is(err, session.ErrNotFound):
		return b.whisper(ctx, i, sayTooOld.in(i))
	case errors.Is(err, session.ErrUnavailable):
		return errors.Join(err, b.whisper(ctx, i, sayStoreAway.in(i)))
	case err != nil: // no such alternative (any more): show those there are
		sess, lerr := b.store.Load(ctx, key)
		var ok bool
		if a, ok = sess.AnswerTo(p.question); lerr != nil || !ok {
			return errors.Join(err, lerr)
		}
	}
	return b.showAgain(ctx, i, p.question, a)
}

// showAgain shows an answer as it is stored.
func (b *Bot) showAgain(ctx context.Context, i *discordgo.Interaction, question string, a session.Turn) error {
	r := b.newRedo(i.ChannelID, question, a, i.ID)
	for n := range r.shown { // whatever they show now
		r.shown[n] = face{row: unknownRow}
	}
	ids, err := r.Finish(ctx, chat.EndOf(a))
	if err != nil {
		return err
	}
	return b.chat.Shown(ctx, session.Key{Channel: i.ChannelID}, question, a, ids)
}
