package discordtest_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/discordtest"
)

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDirectMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	dg := w.client(t)
	created := listen[discordgo.MessageCreate](dg)
	open(t, dg)
	dm, err := w.OpenDM(w.bob.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.Send(dm.ID, w.bob.ID, "psst")
	if e := next(t, created); e.GuildID != "" || e.Member != nil || e.ChannelID != dm.ID || e.Content != "psst" {
		t.Errorf("message %+v", e.Message)
	}
	c, err := dg.UserChannelCreate(w.bob.ID)
	if err != nil || c.ID != dm.ID || c.Type != discordgo.ChannelTypeDM || c.Recipients[0].ID != w.bob.ID {
		t.Errorf("channel %+v, %v", c, err)
	}
	if _, err := dg.ChannelMessageSend(c.ID, "yes?"); err != nil {
		t.Error(err)
	}
	if _, err := w.Send(dm.ID, w.ada.ID, "may I?"); !errors.Is(err, discordtest.ErrMissingAccess) {
		t.Errorf("a third person: %v", err)
	}
}

func TestThreads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Limits: unlimited})
	dg := w.client(t)
	created, threads := listen[discordgo.MessageCreate](dg), listen[discordgo.ThreadCreate](dg)
	open(t, dg)
	q, _ := w.Send(w.channel.ID, w.bob.ID, "topic")
	next(t, created)
	thread, err := w.CreateThread(w.channel.ID, w.bob.ID, "a thread", q.ID)
	if err != nil {
		t.Fatal(err)
	}
	e := next(t, threads)
	if e.ID != thread.ID || thread.ID != q.ID || e.ParentID != w.channel.ID || !e.NewlyCreated || e.ThreadMetadata == nil {
		t.Errorf("thread create %+v", e.Channel)
	}
	if _, err := w.CreateThread(w.channel.ID, w.bob.ID, "again", q.ID); !errors.Is(err, discordtest.ErrThreadExists) {
		t.Errorf("second thread on a message: %v", err)
	}
	w.Send(thread.ID, w.bob.ID, "<@"+w.Bot().ID+"> are you there?")
	if e := next(t, created); e.ChannelID != thread.ID || e.GuildID != w.guild.ID {
		t.Errorf("message in thread %+v", e.Message)
	}
	// Named in it, the bot is a member now.
	members, err := dg.ThreadMembers(thread.ID, 10, false, "")
	if err != nil || len(members) != 2 {
		t.Errorf("members %v, %v", members, err)
	}
	if _, err := dg.ChannelMessageSend(thread.ID, "yes"); err != nil {
		t.Error(err)
	}
	next(t, created)
	// Archived, it wakes by the next message; locked, it does not.
	w.ChangeChannel(thread.ID, func(c *discordtest.Channel) { c.Archived = true })
	active, err := dg.GuildThreadsActive(w.guild.ID)
	if err != nil || len(active.Threads) != 0 {
		t.Errorf("active threads %+v, %v", active, err)
	}
	if _, err := dg.ChannelMessageSend(thread.ID, "wake up"); err != nil {
		t.Error(err)
	}
	if c, _ := w.Channel(thread.ID); c.Archived {
		t.Error("still archived after a message")
	}
	w.ChangeChannel(thread.ID, func(c *discordtest.Channel) { c.Archived, c.Locked = true, true })
	if _, err := dg.ChannelMessageSend(thread.ID, "x"); !refusedWith(err, 50083) {
		t.Errorf("message in a locked thread: %v", err)
	}
	mine, err := dg.ThreadStartComplex(w.channel.ID, &discordgo.ThreadStart{Name: "mine", Type: discordgo.ChannelTypeGuildPublicThread, AutoArchiveDuration: 60})
	if err != nil || mine.OwnerID != w.Bot().ID {
		t.Errorf("own thread %+v, %v", mine, err)
	}
	if err := w.RemoveChannel(w.channel.ID); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.Channel(mine.ID); ok {
		t.Error("the thread outlived its channel")
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	role := w.AddRole(w.guild.ID, "r", discordtest.ManageMessages)
	w.AddMember(w.guild.ID, w.bob.ID, role.ID)
	stranger := w.AddUser("Stranger")
	w.ChangeChannel(w.channel.ID, func(c *discordtest.Channel) {
		c.Overwrites = []discordtest.Overwrite{
			{ID: w.guild.ID, Deny: discordtest.SendMessages | discordtest.AddReactions},
			{ID: role.ID, Allow: discordtest.SendMessages, Deny: discordtest.ManageMessages},
			{ID: w.bob.ID, Kind: 1, Allow: discordtest.AddReactions},
		}
	})
	bob := w.Permissions(w.channel.ID, w.bob.ID)
	if !bob.Has(discordtest.SendMessages|discordtest.AddReactions) || bob.Has(discordtest.ManageMessages) {
		t.Errorf("Bob may %b", bob)
	}
	if p := w.Permissions(w.channel.ID, w.Bot().ID); p.Has(discordtest.SendMessages) || p.Has(discordtest.AttachFiles) || !p.Has(discordtest.ViewChannel) {
		t.Errorf("the bot may %b", p)
	}
	if p := w.Permissions(w.channel.ID, w.ada.ID); !p.Has(discordtest.Administrator | discordtest.SendMessages) {
		t.Errorf("the owner may %b", p)
	}
	if p := w.Permissions(w.channel.ID, stranger.ID); p != 0 {
		t.Errorf("a stranger may %b", p)
	}
	if !w.IsAdmin(w.guild.ID, w.ada.ID) || w.IsAdmin(w.guild.ID, w.bob.ID) {
		t.Error("wrong administrators")
	}
}

func TestSlowMode(t *testing.T) {
	t.Parallel()
	clock := discordtest.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	w := newWorld(t, discordtest.Options{Clock: clock})
	w.ChangeChannel(w.channel.ID, func(c *discordtest.Channel) { c.SlowMode = 10 * time.Second })
	send := func(user string) error { _, err := w.Send(w.channel.ID, user, "x"); return err }
	if err := send(w.bob.ID); err != nil {
		t.Fatal(err)
	}
	if err := send(w.bob.ID); !errors.Is(err, discordtest.ErrSlowMode) {
		t.Errorf("second message: %v", err)
	}
	for range 2 {
		if err := send(w.Bot().ID); err != nil {
			t.Errorf("bots are free of slow mode: %v", err)
		}
	}
	clock.Advance(10 * time.Second)
	if err := send(w.bob.ID); err != nil {
		t.Errorf("ten seconds later: %v", err)
	}
}
