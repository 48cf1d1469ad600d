package discordtest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// dailyCount counts what may be done so often a day.
type dailyCount struct {
	day time.Time // the UTC day
	n   int
}

// add counts n more when there is room for them.
func (d *dailyCount) add(now time.Time, n, limit int) bool {
	if day := now.UTC().Truncate(24 * time.Hour); !day.Equal(d.day) {
		d.day, d.n = day, 0
	}
	if d.n+n > limit {
		return false
	}
	d.n += n
	return true
}

// untilTomorrow is when a dailyCount begins anew.
func untilTomorrow(now time.Time) time.Duration {
	return now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
}

// Limits of registration. Documentation: interactions/application-commands.mdx, "Registering a Command".
const (
	maxChatInput   = 100
	maxContextMenu = 15 // of each of the two kinds
	dailyCreates   = 200
)

// scope is where commands are registered: everywhere, or in one guild.
type scope struct {
	guildID  string
	commands map[string]*Command
	creates  *dailyCount
}

// scope finds the commands of a guild; an empty id means everywhere. s.mu is held.
func (s *Server) scope(guildID string) (*scope, error) {
	if guildID == "" {
		return &scope{"", s.commands, &s.creates}, nil
	}
	g := s.guilds[guildID]
	if g == nil || g.members[s.bot.ID] == nil {
		return nil, ErrMissingAccess
	}
	return &scope{guildID, g.commands, &g.creates}, nil
}

func (sc *scope) named(kind CommandType, name string) *Command {
	for _, c := range sc.commands {
		if c.Type == kind && c.Name == name {
			return c
		}
	}
	return nil
}

func (sc *scope) list() []Command {
	list := make([]Command, 0, len(sc.commands))
	for _, c := range sc.commands {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Command) int {
		if n := strings.Compare(a.Name, b.Name); n != 0 {
			return n
		}
		return int(a.Type - b.Type)
	})
	return list
}

func (sc *scope) full(kind CommandType) bool {
	n := 0
	for _, c := range sc.commands {
		if c.Type == kind {
			n++
		}
	}
	return n >= limitOf(kind)
}

func limitOf(kind CommandType) int {
	if kind == ChatInput {
		return maxChatInput
	}
	return maxContextMenu
}

// commandDefaults fills in what a request leaves out.
func commandDefaults(c *Command) {
	if c.Type == 0 {
		c.Type = ChatInput
	}
	// contexts takes the place of the deprecated dm_permission.
	if c.Contexts == nil && c.DMPermission != nil && !*c.DMPermission {
		c.Contexts = []int{0}
	}
}

// createCommand registers one command, or replaces that of the same name and kind. It reports whether it is
// new. s.mu is held. Documentation: "Create Global Application Command".
func (s *Server) createCommand(guildID string, c Command) (Command, bool, error) {
	sc, err := s.scope(guildID)
	if err != nil {
		return Command{}, false, err
	}
	commandDefaults(&c)
	var f form
	checkCommand(&c, "", &f)
	if err := f.err(); err != nil {
		return Command{}, false, err
	}
	old := sc.named(c.Type, c.Name)
	if old == nil {
		if sc.full(c.Type) {
			return Command{}, false, ErrTooManyCommands
		}
		if !sc.creates.add(s.clock.Now(), 1, dailyCreates) {
			return Command{}, false, ErrDailyCommands.after(untilTomorrow(s.clock.Now()))
		}
	}
	s.put(sc, &c, old)
	s.publish(Event{Kind: CommandsChanged, GuildID: guildID})
	return c, old == nil, nil
}

// put enters a command; one that replaces another keeps its id.
func (s *Server) put(sc *scope, c *Command, old *Command) {
	c.ApplicationID, c.GuildID = s.bot.ID, sc.guildID
	if old != nil {
		c.ID, c.Version = old.ID, old.Version
		if bytes.Equal(encode(c), encode(old)) {
			return
		}
	} else {
		c.ID = s.newID()
	}
	c.Version = s.newID()
	kept := *c
	sc.commands[c.ID] = &kept
}

// overwriteCommands replaces all commands of a scope. Those not there before count as creates.
// s.mu is held. Documentation: "Bulk Overwrite Global Application Commands".
func (s *Server) overwriteCommands(guildID string, list []Command) ([]Command, error) {
	sc, err := s.scope(guildID)
	if err != nil {
		return nil, err
	}
	var f form
	counts := make(map[CommandType]int)
	fresh := 0
	for i := range list {
		c := &list[i]
		commandDefaults(c)
		checkCommand(c, itoa(i)+".", &f)
		counts[c.Type]++
		if sc.named(c.Type, c.Name) == nil {
			fresh++
		}
		if slices.ContainsFunc(list[:i], func(o Command) bool { return o.Type == c.Type && o.Name == c.Name }) {
			f.add(itoa(i)+".name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
		}
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	for kind, n := range counts {
		if n > limitOf(kind) {
			return nil, ErrTooManyCommands
		}
	}
	if !sc.creates.add(s.clock.Now(), fresh, dailyCreates) {
		return nil, ErrDailyCommands.after(untilTomorrow(s.clock.Now()))
	}
	olds := make([]*Command, len(list))
	for i := range list {
		olds[i] = sc.named(list[i].Type, list[i].Name)
	}
	for id, old := range sc.commands {
		if !slices.Contains(olds, old) {
			delete(sc.commands, id)
		}
	}
	for i := range list {
		s.put(sc, &list[i], olds[i])
	}
	s.publish(Event{Kind: CommandsChanged, GuildID: guildID})
	return sc.list(), nil
}

// changeCommand edits one command: fields given replace what was. s.mu is held. Documentation: "Edit Global
// Application Command".
func (s *Server) changeCommand(guildID, id string, change []byte) (Command, error) {
	sc, err := s.scope(guildID)
	if err != nil {
		return Command{}, err
	}
	old := sc.commands[id]
	if old == nil {
		return Command{}, ErrUnknownCommand
	}
	// A copy through JSON, so that decoding into it does not write into the old one's maps and slices.
	var c Command
	if err := json.Unmarshal(encode(old), &c); err != nil {
		return Command{}, ErrInvalidJSON
	}
	kind := c.Type
	if err := parseJSON(change, &c); err != nil {
		return Command{}, err
	}
	c.ID, c.Type, c.Version = id, kind, old.Version
	var f form
	checkCommand(&c, "", &f)
	if other := sc.named(c.Type, c.Name); other != nil && other.ID != id {
		f.add("name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
	}
	if err := f.err(); err != nil {
		return Command{}, err
	}
	s.put(sc, &c, old)
	s.publish(Event{Kind: CommandsChanged, GuildID: guildID})
	return c, nil
}

func (s *Server) deleteCommand(guildID, id string) error {
	sc, err := s.scope(guildID)
	if err != nil {
		return err
	}
	if sc.commands[id] == nil {
		return ErrUnknownCommand
	}
	delete(sc.commands, id)
	s.publish(Event{Kind: CommandsChanged, GuildID: guildID})
	return nil
}

// commandList lists what exists in a guild, or in direct messages. s.mu is held.
func (s *Server) commandList(guildID string) []Command {
	sc := &scope{"", s.commands, nil}
	list := sc.list()
	if g := s.guilds[guildID]; g != nil {
		sc = &scope{guildID, g.commands, nil}
		list = append(list, sc.list()...)
		slices.SortStableFunc(list, func(a, b Command) int { return strings.Compare(a.Name, b.Name) })
	}
	return list
}

// mayUse says whether a user is offered a command in a channel. s.mu is held. Documentation:
// interactions/application-commands.mdx, "Permissions", "Interaction Contexts"; "0" means administrators only.
func (s *Server) mayUse(cmd *Command, c *channel, userID string) bool {
	p := s.permissions(c, userID)
	if !p.Has(ViewChannel) {
		return false
	}
	context := 0
	if c.GuildID == "" {
		context = 1
		if cmd.GuildID != "" {
			return false
		}
	}
	if cmd.Contexts != nil && !slices.Contains(cmd.Contexts, context) {
		return false
	}
	if cmd.NSFW && c.GuildID != "" && !c.NSFW {
		return false
	}
	if c.GuildID == "" {
		return true
	}
	if p.Has(Administrator) || s.forAll[cmd.Name] {
		return true
	}
	if !p.Has(UseCommands) {
		return false
	}
	if need := cmd.DefaultMemberPermissions; need != nil {
		return *need != 0 && p.Has(*need)
	}
	return true
}
