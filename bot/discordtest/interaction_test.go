package discordtest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/discordtest"
)

// answering connects a bot with two commands whose interactions go to handle.
func (w *world) answering(t *testing.T, handle func(*discordgo.Session, *discordgo.InteractionCreate)) *discordgo.Session {
	t.Helper()
	dg := w.client(t)
	dg.AddHandler(handle)
	open(t, dg)
	least := 0.0
	zero := int64(0)
	_, err := dg.ApplicationCommandBulkOverwrite(w.Bot().ID, "", []*discordgo.ApplicationCommand{
		{Name: "temperature", Description: "Show or set", Options: []*discordgo.ApplicationCommandOption{
			{Type: discordgo.ApplicationCommandOptionNumber, Name: "value", Description: "0–2", MinValue: &least, MaxValue: 2}}},
		{Name: "stats", Description: "Figures", DefaultMemberPermissions: &zero},
		{Name: "persona", Description: "Who", Options: []*discordgo.ApplicationCommandOption{
			{Type: discordgo.ApplicationCommandOptionSubCommand, Name: "set", Description: "Set", Options: []*discordgo.ApplicationCommandOption{
				{Type: discordgo.ApplicationCommandOptionString, Name: "name", Description: "Name", Required: true, Autocomplete: true},
				{Type: discordgo.ApplicationCommandOptionUser, Name: "like", Description: "Like whom"}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return dg
}

func respond(content string, flags discordgo.MessageFlags) *discordgo.InteractionResponse {
	return &discordgo.InteractionResponse{Type: discordgo.InteractionResponseChannelMessageWithSource,
		Data: &discordgo.InteractionResponseData{Content: content, Flags: flags}}
}

// refusedWith reports whether an error of discordgo carries Discord's code.
func refusedWith(err error, code int) bool {
	var rest *discordgo.RESTError
	return errors.As(err, &rest) && rest.Message != nil && rest.Message.Code == code
}

func TestCommandAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	again := make(chan error, 1)
	w.answering(t, func(dg *discordgo.Session, i *discordgo.InteractionCreate) {
		d := i.ApplicationCommandData()
		if d.Name != "temperature" || i.Member == nil || i.Member.User.ID != w.bob.ID || i.GuildID != w.guild.ID || d.Options[0].FloatValue() != 0.5 {
			t.Errorf("interaction %+v", i.Interaction)
		}
		if err := dg.InteractionRespond(i.Interaction, respond("done", discordgo.MessageFlagsEphemeral)); err != nil {
			t.Errorf("respond: %v", err)
		}
		again <- dg.InteractionRespond(i.Interaction, respond("again", 0))
	})
	i, err := w.Command(w.channel.ID, w.bob.ID, "temperature", discordtest.Option{Name: "value", Value: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	r, err := i.Wait(deadline(t))
	if err != nil || r.Message == nil || r.Message.Content != "done" || !r.Ephemeral || r.Message.OnlyFor != w.bob.ID {
		t.Errorf("response %+v, %v", r, err)
	}
	if err := next(t, again); !refusedWith(err, 40060) {
		t.Errorf("second answer: %v, want 40060", err)
	}
	if i.State() != discordtest.InteractionAnswered {
		t.Errorf("state %s", i.State())
	}
	// Nobody but Bob sees it, and REST does not either.
	if list := w.Messages(w.channel.ID); len(list) != 1 || list[0].OnlyFor != w.bob.ID {
		t.Errorf("messages %+v", list)
	}
	if status, _, body := w.request(t, "GET", "/channels/"+w.channel.ID+"/messages", "", nil); status != 200 || string(body) != "[]" {
		t.Errorf("REST lists %s", body)
	}
}

func TestCommandRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	w.answering(t, func(*discordgo.Session, *discordgo.InteractionCreate) { t.Error("the bot was told") })
	opt := func(name string, value any) discordtest.Option { return discordtest.Option{Name: name, Value: value} }
	for _, test := range []struct {
		name    string
		user    string
		command string
		options []discordtest.Option
		want    error
	}{
		{"unknown command", w.bob.ID, "nothing", nil, discordtest.ErrUnknownCommand},
		{"administrators only", w.bob.ID, "stats", nil, discordtest.ErrMissingPermissions},
		{"above the range", w.bob.ID, "temperature", []discordtest.Option{opt("value", 2.5)}, discordtest.ErrInvalidForm},
		{"not a number", w.bob.ID, "temperature", []discordtest.Option{opt("value", "hot")}, discordtest.ErrInvalidForm},
		{"unknown option", w.bob.ID, "temperature", []discordtest.Option{opt("x", 1)}, discordtest.ErrInvalidForm},
		{"no sub-command", w.bob.ID, "persona", nil, discordtest.ErrInvalidForm},
		{"missing option", w.bob.ID, "persona set", nil, discordtest.ErrInvalidForm},
		{"nobody", "7", "temperature", nil, discordtest.ErrUnknownUser},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := w.Command(w.channel.ID, test.user, test.command, test.options...); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	if got := len(w.CommandsFor(w.channel.ID, w.bob.ID)); got != 2 {
		t.Errorf("Bob is offered %d commands, want 2", got)
	}
	if got := len(w.CommandsFor(w.channel.ID, w.ada.ID)); got != 3 {
		t.Errorf("the owner is offered %d commands, want 3", got)
	}
}

func TestDeferredWithFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	w.answering(t, func(dg *discordgo.Session, i *discordgo.InteractionCreate) {
		err := dg.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{Type: discordgo.InteractionResponseDeferredChannelMessageWithSource,
			Data: &discordgo.InteractionResponseData{Flags: discordgo.MessageFlagsEphemeral}})
		if err != nil {
			t.Errorf("defer: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
		text := "figures"
		if _, err := dg.InteractionResponseEdit(i.Interaction, &discordgo.WebhookEdit{Content: &text,
			Files: []*discordgo.File{{Name: "load.txt", Reader: strings.NewReader("1 2 3")}}}); err != nil {
			t.Errorf("edit: %v", err)
		}
		if _, err := dg.FollowupMessageCreate(i.Interaction, true, &discordgo.WebhookParams{Content: "more"}); err != nil {
			t.Errorf("follow-up: %v", err)
		}
	})
	i, err := w.Command(w.channel.ID, w.ada.ID, "stats")
	if err != nil {
		t.Fatal(err)
	}
	r, err := i.Acknowledged(deadline(t))
	if err != nil || r.Type != discordtest.DeferredCallback || !r.Ephemeral || r.Message.Flags&discordtest.Loading == 0 {
		t.Errorf("acknowledged with %+v, %v", r, err)
	}
	r, err = i.Wait(deadline(t))
	if err != nil || r.Message.Content != "figures" || r.Message.Flags&discordtest.Loading != 0 || r.Message.OnlyFor != w.ada.ID ||
		len(r.Message.Attachments) != 1 || string(r.Message.Attachments[0].Bytes()) != "1 2 3" {
		t.Errorf("answer %+v, %v", r.Message, err)
	}
	for n := 0; len(i.Response().Followups) == 0; n++ {
		if n == 1000 {
			t.Fatal("no follow-up")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	clock := discordtest.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	w := newWorld(t, discordtest.Options{Clock: clock, Limits: unlimited})
	told := make(chan *discordgo.Interaction, 1)
	dg := w.answering(t, func(_ *discordgo.Session, i *discordgo.InteractionCreate) { told <- i.Interaction })

	late, _ := w.Command(w.channel.ID, w.bob.ID, "temperature")
	i := next(t, told)
	clock.Advance(3 * time.Second)
	if err := dg.InteractionRespond(i, respond("late", 0)); !refusedWith(err, 10062) {
		t.Errorf("late answer: %v, want 10062", err)
	}
	if _, err := late.Wait(deadline(t)); !errors.Is(err, discordtest.ErrNoAnswer) {
		t.Errorf("wait: %v", err)
	}

	timely, _ := w.Command(w.channel.ID, w.bob.ID, "temperature")
	i = next(t, told)
	clock.Advance(2999 * time.Millisecond)
	if err := dg.InteractionRespond(i, respond("in time", 0)); err != nil {
		t.Errorf("timely answer: %v", err)
	}
	clock.Advance(14 * time.Minute)
	text := "edited"
	if _, err := dg.InteractionResponseEdit(i, &discordgo.WebhookEdit{Content: &text}); err != nil {
		t.Errorf("edit after 14 minutes: %v", err)
	}
	clock.Advance(time.Minute)
	if _, err := dg.InteractionResponseEdit(i, &discordgo.WebhookEdit{Content: &text}); !refusedWith(err, 50027) {
		t.Errorf("edit after 15 minutes: %v, want 50027", err)
	}
	if got := timely.Response().Message.Content; got != "edited" {
		t.Errorf("answer %q", got)
	}
}

func TestClickAndModal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	w.answering(t, func(dg *discordgo.Session, i *discordgo.InteractionCreate) {
		var err error
		switch i.Type {
		case discordgo.InteractionMessageComponent:
			if i.Message == nil || i.Message.Author.ID != w.Bot().ID {
				t.Errorf("click without its message: %+v", i.Message)
			}
			if i.MessageComponentData().CustomID == "stop" {
				err = dg.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{Type: discordgo.InteractionResponseUpdateMessage,
					Data: &discordgo.InteractionResponseData{Content: "stopped", Components: []discordgo.MessageComponent{}}})
			} else {
				err = dg.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{Type: discordgo.InteractionResponseModal,
					Data: &discordgo.InteractionResponseData{CustomID: "form", Title: "Persona", Components: []discordgo.MessageComponent{
						discordgo.ActionsRow{Components: []discordgo.MessageComponent{discordgo.TextInput{CustomID: "text", Label: "Text", Style: discordgo.TextInputParagraph, Required: true}}}}}})
			}
		case discordgo.InteractionModalSubmit:
			row := i.ModalSubmitData().Components[0].(*discordgo.ActionsRow)
			err = dg.InteractionRespond(i.Interaction, respond("got "+row.Components[0].(*discordgo.TextInput).Value, 0))
		}
		if err != nil {
			t.Errorf("respond: %v", err)
		}
	})
	dg := w.client(t)
	m, err := dg.ChannelMessageSendComplex(w.channel.ID, &discordgo.MessageSend{Content: "working", Components: []discordgo.MessageComponent{
		discordgo.ActionsRow{Components: []discordgo.MessageComponent{
			discordgo.Button{CustomID: "stop", Label: "Stop", Style: discordgo.DangerButton},
			discordgo.Button{CustomID: "form", Label: "Form", Style: discordgo.PrimaryButton},
			discordgo.Button{CustomID: "off", Label: "Off", Style: discordgo.PrimaryButton, Disabled: true}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Click(w.channel.ID, m.ID, w.bob.ID, "off"); !errors.Is(err, discordtest.ErrInvalidForm) {
		t.Errorf("click on a disabled button: %v", err)
	}
	i, err := w.Click(w.channel.ID, m.ID, w.bob.ID, "form")
	if err != nil {
		t.Fatal(err)
	}
	r, err := i.Wait(deadline(t))
	if err != nil || r.Modal == nil || r.Modal.Title != "Persona" {
		t.Fatalf("modal %+v, %v", r, err)
	}
	if _, err := w.Submit(i, map[string]string{"text": ""}); !errors.Is(err, discordtest.ErrInvalidForm) {
		t.Errorf("empty form: %v", err)
	}
	i, err = w.Submit(i, map[string]string{"text": "a pirate"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err = i.Wait(deadline(t)); err != nil || r.Message.Content != "got a pirate" || r.Message.ReplyTo != m.ID {
		t.Errorf("form: %+v, %v", r.Message, err)
	}
	i, err = w.Click(w.channel.ID, m.ID, w.bob.ID, "stop")
	if err != nil {
		t.Fatal(err)
	}
	if r, err = i.Wait(deadline(t)); err != nil || r.Message.ID != m.ID || r.Message.Content != "stopped" || len(r.Message.Components) != 0 {
		t.Errorf("stop: %+v, %v", r.Message, err)
	}
}

func TestAutocompleteAndSubCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	w.answering(t, func(dg *discordgo.Session, i *discordgo.InteractionCreate) {
		d := i.ApplicationCommandData()
		set := d.Options[0]
		if i.Type == discordgo.InteractionApplicationCommandAutocomplete {
			if name := set.Options[0]; !name.Focused || name.StringValue() != "pi" {
				t.Errorf("focused option %+v", name)
			}
			dg.InteractionRespond(i.Interaction, &discordgo.InteractionResponse{Type: discordgo.InteractionApplicationCommandAutocompleteResult,
				Data: &discordgo.InteractionResponseData{Choices: []*discordgo.ApplicationCommandOptionChoice{{Name: "Pirate", Value: "pirate"}}}})
			return
		}
		like := set.GetOption("like").UserValue(nil)
		if d.Resolved.Users[like.ID].Username != "Ada" || d.Resolved.Members[like.ID] == nil {
			t.Errorf("resolved %+v", d.Resolved)
		}
		dg.InteractionRespond(i.Interaction, respond(set.Name+" "+set.GetOption("name").StringValue(), 0))
	})
	i, err := w.Autocomplete(w.channel.ID, w.bob.ID, "persona set", "name", discordtest.Option{Name: "name", Value: "pi"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := i.Wait(deadline(t)); err != nil || len(r.Choices) != 1 || string(r.Choices[0].Value) != `"pirate"` {
		t.Errorf("choices %+v, %v", r.Choices, err)
	}
	i, err = w.Command(w.channel.ID, w.bob.ID, "persona", discordtest.Option{Name: "set", Options: []discordtest.Option{
		{Name: "name", Value: "pirate"}, {Name: "like", Value: w.ada.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := i.Wait(deadline(t))
	if err != nil || r.Message.Content != "set pirate" || r.Message.Interaction.Name != "persona set" {
		t.Errorf("answer %+v, %v", r.Message, err)
	}
}
