package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/session"
)

// maxQuestion bounds what /ask takes, characters.
const maxQuestion = 1500

// ask answers one question outside of the conversation, if wanted for the person alone.
func (b *Bot) ask(ctx context.Context, i *discordgo.Interaction) error {
	_, values := given(i)
	question, _ := values["question"].(string)
	private, _ := values["private"].(bool)
	if question = strings.TrimSpace(question); question == "" {
		return b.respond(ctx, i, in(i, "Ask me something.", "请问我点什么。"), true)
	}
	head := ""
	if !private {
		head = quoted(i, question) + "\n"
	}
	var over session.Settings
	if t, ok := values["temperature"].(float64); ok {
		over.Temperature = &t
	}
	if err := over.Validate(); err != nil {
		return b.respond(ctx, i, refused(i, err), true)
	}
	return b.once(ctx, i, question, head, private, over)
}

// once answers a question that an interaction asks, with over set for it alone; head
// stands before the answer.
func (b *Bot) once(ctx context.Context, i *discordgo.Interaction, question, head string, private bool, over session.Settings) error {
	short, cancel := soon(ctx)
	defer cancel()
	mine, err := b.mine(short, i) // without the store it is answered all the same
	if err == nil && !mine {
		return nil
	}
	p := b.findPlace(short, i.GuildID, i.ChannelID)
	set := p.worded(b.treeAnyway(short, p).Merged()).Merge(over)
	if why := b.barred(short, i, p, set, question); why != "" {
		return b.respond(ctx, i, why, true)
	}
	question = b.policy.Load().shorten(question)
	if err := b.deferred(ctx, i, private); err != nil {
		return err
	}
	who := person(i)
	turn := session.Turn{ID: i.ID, Role: session.RoleUser, AuthorID: who.ID, Author: memberName(i), Text: question, Time: time.Now()}
	r := b.newReply(i.ChannelID, i.ID, who.ID)
	r.rest, r.head, r.inPlace, r.asked = hooks{b, i, private}, head, true, i
	err = b.chat.Once(chat.Prompt{Key: chat.OnceKey, QuestionID: i.ID, Turns: []session.Turn{turn}, Settings: set}, r)
	if err != nil {
		return b.fillText(ctx, i, notice(i, chat.Full))
	}
	return nil
}

// hooks shows a reply as the answer to an interaction that was deferred, and what
// does not fit as further messages. It is the surface of a reply.
type hooks struct {
	b       *Bot
	i       *discordgo.Interaction
	private bool
}

func (h hooks) create(ctx context.Context, _ string, d draft) (string, face, error) {
	method, url := http.MethodPost, discordgo.EndpointFollowupMessage(h.i.AppID, h.i.Token)
	body := hookBody{Content: &d.content, AllowedMentions: noMentions{Parse: []string{}}}
	if len(d.row) > 0 {
		body.Components = &d.row
	}
	if d.replyTo != "" { // the first
		method, url = http.MethodPatch, discordgo.EndpointInteractionResponseActions(h.i.AppID, h.i.Token)
	} else if h.private {
		body.Flags = discordgo.MessageFlagsEphemeral
	}
	answer, err := h.b.webhook(ctx, method, url, body, d.files())
	if err != nil {
		return "", face{}, err
	}
	var m struct{ ID string }
	if err := json.Unmarshal(answer, &m); err != nil || m.ID == "" {
		return "", face{}, fmt.Errorf("discord: answer to a new message is %.100q", answer)
	}
	return m.ID, face{d.content, d.row.key()}, nil
}

func (h hooks) edit(ctx context.Context, _, id, content string, row buttons, _ bool) error {
	if row == nil {
		row = buttons{}
	}
	_, err := h.b.webhook(ctx, http.MethodPatch, h.message(id), hookBody{Content: &content, Components: &row, AllowedMentions: noMentions{Parse: []string{}}}, nil)
	return err
}

func (h hooks) remove(ctx context.Context, _, id string) error {
	_, err := h.b.webhook(ctx, http.MethodDelete, h.message(id), nil, nil)
	if code(err) == discordgo.ErrCodeUnknownMessage {
		return nil
	}
	return err
}

func (h hooks) message(id string) string {
	return discordgo.EndpointWebhookMessage(h.i.AppID, h.i.Token, id)
}

// typing needs no showing: Discord says that the bot thinks.
func (h hooks) typing(context.Context, string) error { return nil }

// about opens a form that asks what a person wants to know of a message.
func (b *Bot) about(ctx context.Context, i *discordgo.Interaction) error {
	m := target(i)
	if m == nil || strings.TrimSpace(m.Content) == "" {
		return b.respond(ctx, i, sayNoWords.in(i), true)
	}
	b.targets.keep(m.ID, wording(m, b.me()))
	return b.openForm(ctx, i, formAbout+":"+m.ID, in(i, "About this message", "关于这条消息"), discordgo.TextInput{CustomID: inputText, Label: in(i, "What do you want to know?", "你想知道什么？"),
		Style: discordgo.TextInputShort, Value: "What does this mean?", Required: true, MaxLength: 300})
}

// target is the message that a command from its menu is about.
func target(i *discordgo.Interaction) *discordgo.Message {
	d := i.ApplicationCommandData()
	if d.Resolved == nil {
		return nil
	}
	return d.Resolved.Messages[d.TargetID]
}

// askAbout answers what a form asked of a message, for the person alone.
func (b *Bot) askAbout(ctx context.Context, i *discordgo.Interaction, messageID, question string) error {
	text, ok := b.targets.find(messageID)
	if question = strings.TrimSpace(question); question == "" || !ok {
		return b.respond(ctx, i, in(i, "I don't have that message at hand any more. Please choose it again.", "那条消息已不在手边，请重新选择。"), true)
	}
	if r := []rune(text); len(r) > maxQuestion {
		text = string(r[:maxQuestion])
	}
	return b.once(ctx, i, question+"\n\n\""+text+"\"", "", true, session.Settings{})
}

// againFromHere answers a message again: an answer of the bot's, the answer to a
// question, or a message that was no question until now.
func (b *Bot) againFromHere(ctx context.Context, i *discordgo.Interaction) error {
	m := target(i)
	if m == nil || m.Author == nil {
		return b.respond(ctx, i, in(i, "I can't read that message.", "我读不了那条消息。"), true)
	}
	s, err := b.load(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	t, known := s.Turn(m.ID)
	question := t.ID
	if known && t.Role == session.RoleAssistant {
		question = questionOf(s, t)
	}
	if a, ok := s.AnswerTo(question); known && ok && s.UpTo(question) != nil {
		return b.redoFor(ctx, i, s.Key, question, a)
	}
	switch {
	case known && t.Role == session.RoleUser:
		if _, busy := b.chat.UnderWay(s.Key, t.ID); busy {
			return b.respond(ctx, i, sayUnderWay.in(i), true)
		}
		return b.respond(ctx, i, in(i, "I had no answer to that; please ask it again.", "我没能回答那个问题，请再问一次。"), true)
	case m.Author.Bot || m.WebhookID != "":
		return b.respond(ctx, i, sayTooOld.in(i), true)
	case m.Author.ID != person(i).ID && !may(i, discordgo.PermissionManageMessages):
		return b.respond(ctx, i, in(i, "Only who wrote that, or somebody who may manage messages here, can have me answer it.", "只有发送者或可以管理此处消息的人才能让我回答它。"), true)
	}
	text := b.policy.Load().shorten(wording(m, b.me()))
	if text == "" {
		return b.respond(ctx, i, sayNoWords.in(i), true)
	}
	// the question itself is counted when it is taken
	p, tree, err := b.here(ctx, i)
	if err != nil {
		return errors.Join(err, b.respond(ctx, i, sayStoreAway.in(i), true))
	}
	if m.Author.ID == person(i).ID { // the message does not say
		m.Member = i.Member
	}
	short, cancel := soon(ctx)
	defer cancel()
	roles, ok := b.rolesOf(short, tree.Merged(), p, m)
	if !ok || b.policy.Load().Banned[m.Author.ID] || barredBy(tree.Merged(), p, m.Author.ID, roles) {
		return b.respond(ctx, i, sayBanned.in(i), true)
	} else if why := b.unwelcome(i, p, tree.Merged(), text); why != "" {
		return b.respond(ctx, i, why, true)
	}
	if err := b.respond(ctx, i, in(i, "I'm answering that.", "正在回答。"), true); err != nil {
		return err
	}
	q := chat.Question{Key: s.Key, Server: i.GuildID, Above: above(tree, p), Reply: b.newReply(i.ChannelID, m.ID, m.Author.ID), Turn: session.Turn{ID: m.ID, Role: session.RoleUser,
		AuthorID: m.Author.ID, Author: authorName(m), Text: text, Time: m.Timestamp}}
	m.GuildID, m.ChannelID = i.GuildID, i.ChannelID
	b.withFiles(&q, m)
	q.Twice = func() { // answered, or refused, and forgotten since
		if _, busy := b.chat.UnderWay(s.Key, m.ID); busy { // somebody else has asked for it, too
			return
		}
		b.begin(func() {
			b.contain("again", func() {
				ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
				defer cancel()
				if err := b.fillText(ctx, i, sayForgotten.in(i)); err != nil {
					b.log.Warn("a person could not be told that a message was asked before", "channel", i.ChannelID, "message", m.ID, "err", err)
				}
			})
		})
	}
	err = b.chat.Ask(q)
	if errors.Is(err, chat.ErrFull) { // which the person was told
		return nil
	}
	return err
}

// questionOf is the id of the question that an answer answers, "" if it is not known.
func questionOf(s session.Session, a session.Turn) string {
	if a.Answer != nil && a.Answer.To != "" {
		return a.Answer.To
	}
	for n, t := range s.Turns {
		if t.ID == a.ID && n > 0 {
			return s.Turns[n-1].ID
		}
	}
	return ""
}
