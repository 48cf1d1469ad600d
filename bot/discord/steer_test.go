package discord

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bwmarrin/discordgo"

	"moebot/bot/chat"
	"moebot/bot/discordtest"
	"moebot/session"
)

// steered notes what the settings of each prompt change inside the model.
type steered struct {
	mu   sync.Mutex
	seen map[string][]string // by question's text
}

func (g *steered) Generate(_ context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	q := p.Turns[len(p.Turns)-1].Text
	g.mu.Lock()
	g.seen[q] = steering(p.Settings)
	g.mu.Unlock()
	text := "re: " + q
	return chat.Answer{Text: text, Stop: "end"}, emit(text)
}

func (g *steered) of(question string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen[question]
}

func testSteering() *Steering {
	return &Steering{Layers: 5, Experts: 8, Directions: []string{"question", "numbers"}, Check: func(_ context.Context, edits []string) error {
		if slices.Contains(edits, "forbid:77.0") {
			return errors.New("layer is 77, want 0 to 4")
		}
		return nil
	}}
}

// told waits for what a person, or everybody, is told in a channel.
func (w *world) told(channel, onlyFor, text string) {
	w.t.Helper()
	w.until(fmt.Sprintf("%q is said", text), func() bool {
		return slices.ContainsFunc(w.d.Messages(channel), func(m discordtest.Message) bool {
			return m.OnlyFor == onlyFor && strings.Contains(m.Content, text)
		})
	})
}

func TestSteeringIsForAdministratorsAndOfTheChannel(t *testing.T) {
	g := &steered{seen: map[string][]string{}}
	w := newWorldOf(t, discordtest.Options{}, Options{Steering: testSteering()}, parts{maxTurns: 500, generator: g}, true)
	c, other := w.d.AddChannel(w.guild.ID, "general").ID, w.d.AddChannel(w.guild.ID, "other").ID
	w.run(c, w.owner.ID, "help")
	if _, err := w.d.Command(c, w.mia.ID, "steer show"); err == nil {
		t.Error("everybody may use /steer")
	}
	if r := w.wait(w.d.Command(c, w.owner.ID, "steer show")); !r.Ephemeral || !strings.Contains(r.Message.Content, "Nothing is changed inside me here.\nDirections I know: question, numbers.") {
		t.Errorf("by default: %q", r.Message.Content)
	}
	ask := func(channel, text string, want ...string) {
		t.Helper()
		w.send(channel, w.mia.ID, w.at(text))
		w.says(channel, "re: "+text)
		if got := g.of(text); !slices.Equal(got, want) {
			t.Errorf("%s: the model is steered by %q, want %q", text, got, want)
		}
	}
	ask(c, "before")
	w.wait(w.d.Command(c, w.owner.ID, "steer direction", opt("name", "question"), opt("strength", 1.5)))
	w.told(c, w.owner.ID, "Done.")
	w.told(c, "", "`direction:2.question=1.5`. `/steer off` ends it.")
	ask(c, "pushed", "direction:2.question=1.5")
	ask(other, "elsewhere")
	w.wait(w.d.Command(c, w.owner.ID, "steer expert", opt("layer", 1), opt("expert", 3), opt("effect", "forbid")))
	w.told(c, "", "`direction:2.question=1.5`, `forbid:1.3`")
	w.wait(w.d.Command(c, w.owner.ID, "steer expert", opt("layer", 1), opt("expert", 3), opt("effect", "scale"), opt("factor", 2)))
	w.told(c, "", "`direction:2.question=1.5`, `expert:1.3=2`")
	ask(c, "two", "direction:2.question=1.5", "expert:1.3=2")
	// It is shown to whoever asks, and is there after a restart.
	for _, name := range []string{"status", "context"} {
		if r := w.run(c, w.mia.ID, name); !strings.Contains(r.Message.Content, "I am steered here") {
			t.Errorf("/%s does not say so: %q", name, r.Message.Content)
		}
		if r := w.run(other, w.mia.ID, name); strings.Contains(r.Message.Content, "steered") {
			t.Errorf("/%s in another channel: %q", name, r.Message.Content)
		}
	}
	if s, err := w.store.Settings(t.Context(), session.Key{Channel: c}); err != nil || !slices.Equal(steering(s), []string{"direction:2.question=1.5", "expert:1.3=2"}) {
		t.Errorf("stored: %q, %v", steering(s), err)
	}
	// What does not fit the model is refused and changes nothing.
	w.wait(w.d.Command(c, w.owner.ID, "steer set", opt("edits", "forbid:77.0")))
	w.told(c, w.owner.ID, "That won't do: layer is 77, want 0 to 4.")
	w.wait(w.d.Command(c, w.owner.ID, "steer set", opt("edits", "nonsense")))
	w.told(c, w.owner.ID, "That won't do: steering must be")
	ask(c, "as before", "direction:2.question=1.5", "expert:1.3=2")
	w.wait(w.d.Command(c, w.owner.ID, "steer off"))
	w.told(c, "", "Nothing is changed inside me here any more.")
	ask(c, "after")
	if r := w.run(c, w.mia.ID, "status"); strings.Contains(r.Message.Content, "steered") {
		t.Errorf("after /steer off: %q", r.Message.Content)
	}
}

// A server may let others use the command: the bot does not.
func TestSteeringIsCheckedAgain(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{Steering: testSteering()}, true)
	c := w.d.AddChannel(w.guild.ID, "general").ID
	w.run(c, w.owner.ID, "help")
	var everybody int64
	for _, cmd := range w.d.CommandsFor(c, w.owner.ID) {
		if cmd.Name == "steer" {
			if _, err := w.bot.dg.ApplicationCommandEdit(w.bot.application(), "", cmd.ID, &discordgo.ApplicationCommand{Name: "steer", Description: cmd.Description, Options: w.bot.steerCommands()[0].Options, DefaultMemberPermissions: ptr(int64(discordgo.PermissionSendMessages))}); err != nil {
				t.Fatal(err)
			}
			everybody++
		}
	}
	if everybody != 1 {
		t.Fatalf("%d commands named steer", everybody)
	}
	for _, name := range []string{"steer off", "steer show"} {
		if r := w.wait(w.d.Command(c, w.mia.ID, name)); r.Message.Content != "Only administrators of a server can change what happens inside me." {
			t.Errorf("/%s by anybody: %q", name, r.Message.Content)
		}
	}
}

// What Discord's client would not let pass is refused with the right range.
func TestSteeringRefuses(t *testing.T) {
	s := testSteering()
	for _, tc := range []struct {
		sub    string
		values map[string]any
		want   string
	}{
		{"direction", map[string]any{"name": "smell", "strength": 1.0}, `no direction "smell", but question, numbers`},
		{"direction", map[string]any{"name": "question"}, "strength must be -20 to 20"},
		{"direction", map[string]any{"name": "question", "strength": 1.0, "layer": 5.0}, "layer must be 0 to 4"},
		{"expert", map[string]any{"layer": 0.0, "expert": 8.0, "effect": "force"}, "expert must be 0 to 7"},
		{"expert", map[string]any{"expert": 1.0, "effect": "force"}, "layer must be 0 to 4"},
		{"expert", map[string]any{"layer": 0.0, "expert": 1.0, "effect": "love"}, "effect must be force, forbid"},
		{"expert", map[string]any{"layer": 0.0, "expert": 1.0, "effect": "scale", "factor": 99.0}, "factor of 0 to 10"},
		{"set", map[string]any{"edits": " , "}, "no edits"},
		{"nose", nil, "no /steer nose"},
	} {
		if _, err := s.change(tc.sub, tc.values); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %v: %v, want %q", tc.sub, tc.values, err, tc.want)
		}
	}
	change, err := s.change("direction", map[string]any{"name": "question", "strength": 0.0, "layer": 1.0})
	if err != nil {
		t.Fatal(err)
	}
	if got := change([]string{"direction:1.question=4", "direction:2.question=4"}); !slices.Equal(got, []string{"direction:2.question=4"}) {
		t.Errorf("strength 0 leaves %q", got)
	}
	for _, c := range (&Bot{opt: Options{Steering: s}}).steerCommands() {
		for _, o := range c.Options {
			if len(o.DescriptionLocalizations) == 0 || len([]rune(o.Description)) > 100 {
				t.Errorf("/steer %s is in one language, or long", o.Name)
			}
		}
	}
}

// What /steer is for is no back door of /settings: it takes an administrator there, too.
func TestSteeringBySettings(t *testing.T) {
	w := newWorld(t, discordtest.Options{}, Options{Steering: testSteering()}, true)
	f, ok := session.FieldNamed("steering")
	if !ok {
		t.Fatal("there is no such setting")
	}
	for _, tc := range []struct {
		guild       string
		permissions int64
		want        bool
	}{{w.guild.ID, discordgo.PermissionAdministrator, true}, {w.guild.ID, discordgo.PermissionManageGuild | discordgo.PermissionManageChannels, false}, {"", 0, false}} {
		i := &discordgo.Interaction{GuildID: tc.guild, Member: &discordgo.Member{Permissions: tc.permissions}}
		for _, l := range []session.Level{session.LevelServer, session.LevelChannel, session.LevelThread} {
			if got := w.bot.mayField(i, l, f); got != tc.want {
				t.Errorf("permissions %d in server %q may set it for the %v: %v", tc.permissions, tc.guild, l, got)
			}
		}
	}
}
