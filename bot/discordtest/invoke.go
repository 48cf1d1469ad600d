package discordtest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Deadlines of an interaction. Documentation: interactions/receiving-and-responding.mdx, "Interaction Callback".
const (
	ackDeadline = 3 * time.Second
	tokenLife   = 15 * time.Minute
)

// interactionState is the part of an Interaction that changes. Guarded by Server.mu.
type interactionState struct {
	token     string
	summaryOf InteractionSummary
	state     InteractionState
	changed   chan struct{} // closed and replaced at each change
	failure   string        // for a person
	ack       CallbackType  // 0: none yet
	took      time.Duration
	ephemeral bool
	original  string // id of the answer, or of the message a component sits on
	updates   bool   // original is the component's message
	followups []string
	modal     *Modal
	choices   []Choice
	optionOf  OptionType   // of the focused option, for autocompletion
	files     []Attachment // given as options; the CDN has them for the life of the token
}

// invocation is an option with its value as the bot gets it. Documentation: "Application Command Interaction
// Data Option Structure".
type invocation struct {
	Name    string          `json:"name"`
	Type    OptionType      `json:"type"`
	Value   json.RawMessage `json:"value,omitempty"`
	Options []invocation    `json:"options,omitempty"`
	Focused bool            `json:"focused,omitempty"`
}

// resolved are the objects named by options. Documentation: "Resolved Data Structure".
type resolved struct {
	Users       map[string]*User        `json:"users,omitempty"`
	Members     map[string]*memberJSON  `json:"members,omitempty"`
	Roles       map[string]*Role        `json:"roles,omitempty"`
	Channels    map[string]*channelJSON `json:"channels,omitempty"`
	Messages    map[string]*messageJSON `json:"messages,omitempty"`
	Attachments map[string]*Attachment  `json:"attachments,omitempty"`
}

// reach finds a channel that a user sees.
func (s *Server) reach(channelID, userID string) (*channel, error) {
	c := s.channels[channelID]
	switch {
	case c == nil:
		return nil, ErrUnknownChannel
	case s.users[userID] == nil:
		return nil, ErrUnknownUser
	case !s.permissions(c, userID).Has(ViewChannel):
		return nil, ErrMissingAccess
	}
	return c, nil
}

// pick finds a command by name that is in scope in the channel; the guild's own comes first.
func (s *Server) pick(c *channel, userID, name string, kinds ...CommandType) (*Command, error) {
	var found *Command
	list := s.commandList(c.GuildID)
	for i := range list {
		if list[i].Name == name && slices.Contains(kinds, list[i].Type) && (found == nil || list[i].GuildID != "") {
			found = &list[i]
		}
	}
	if found == nil {
		return nil, ErrUnknownCommand
	}
	if !s.mayUse(found, c, userID) {
		return nil, ErrMissingPermissions
	}
	return found, nil
}

// startCommand runs a slash command, or asks for the choices of the option focused.
func (s *Server) startCommand(channelID, userID, name, focused string, options []Option) (*Interaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.reach(channelID, userID)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(name)
	if len(words) == 0 {
		return nil, ErrUnknownCommand
	}
	cmd, err := s.pick(c, userID, words[0], ChatInput)
	if err != nil {
		return nil, err
	}
	for _, word := range slices.Backward(words[1:]) {
		options = []Option{{Name: word, Options: options}}
	}
	i := s.newInteraction(CommandInteraction, c, userID, cmd.Name)
	in := invoker{s: s, c: c, i: i, focused: focused}
	values := in.options(cmd.Options, options, "options")
	if focused != "" && i.optionOf == 0 {
		in.f.add("options", "APPLICATION_COMMAND_OPTION_NOT_FOUND", "There is no option %q to complete", focused)
	}
	if err := in.f.err(); err != nil {
		s.unstore(i.files)
		return nil, err
	}
	i.summaryOf.Name = strings.Join(append([]string{cmd.Name}, in.path...), " ")
	data := map[string]any{"id": cmd.ID, "name": cmd.Name, "type": cmd.Type, "options": values}
	if len(values) == 0 {
		delete(data, "options")
	}
	if cmd.GuildID != "" {
		data["guild_id"] = cmd.GuildID
	}
	if in.any {
		data["resolved"] = in.found
	}
	if focused != "" {
		i.Type = AutocompleteInteraction
	}
	s.begin(i, c, data, nil)
	return i, nil
}

// startMenu runs a context menu command.
func (s *Server) startMenu(channelID, userID, name, targetID string) (*Interaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.reach(channelID, userID)
	if err != nil {
		return nil, err
	}
	cmd, err := s.pick(c, userID, name, UserCommand, MessageCommand)
	if err != nil {
		return nil, err
	}
	i := s.newInteraction(CommandInteraction, c, userID, cmd.Name)
	in := invoker{s: s, c: c, i: i}
	if cmd.Type == MessageCommand {
		m := c.message(targetID)
		if m == nil || m.OnlyFor != "" {
			return nil, ErrUnknownMessage
		}
		i.summaryOf.TargetID = targetID
		// "Content of the message a message context menu command is used on" is always shown.
		in.found.Messages = map[string]*messageJSON{targetID: s.plainMessage(m, view{content: true})}
	} else if !in.user(targetID) {
		return nil, ErrUnknownUser
	}
	s.begin(i, c, map[string]any{"id": cmd.ID, "name": cmd.Name, "type": cmd.Type, "target_id": targetID, "resolved": in.found}, nil)
	return i, nil
}

// invoker checks and converts the options of one command.
type invoker struct {
	s       *Server
	c       *channel
	i       *Interaction
	focused string
	f       form
	path    []string // names of group and sub-command
	found   resolved
	any     bool // something was resolved
}

// options converts what a user gave for the options that are defined.
func (in *invoker) options(defined []CommandOption, given []Option, path string) []invocation {
	var out []invocation
	for _, g := range given {
		at := slices.IndexFunc(defined, func(d CommandOption) bool { return d.Name == g.Name })
		if at < 0 {
			in.f.add(path, "APPLICATION_COMMAND_OPTION_NOT_FOUND", "There is no option %q", g.Name)
			continue
		}
		d := &defined[at]
		v := invocation{Name: d.Name, Type: d.Type}
		if d.Type == SubCommand || d.Type == SubCommandGroup {
			in.path = append(in.path, d.Name)
			v.Options = in.options(d.Options, g.Options, path+"."+d.Name)
		} else {
			if v.Focused = in.focused == d.Name && d.Autocomplete; v.Focused {
				in.i.optionOf = d.Type
			}
			v.Value = in.value(d, g.Value, path+"."+d.Name, v.Focused)
		}
		out = append(out, v)
	}
	if in.focused != "" && !slices.ContainsFunc(given, func(g Option) bool { return g.Name == in.focused }) {
		for _, d := range defined {
			if d.Name == in.focused && d.Autocomplete {
				in.i.optionOf = d.Type
				out = append(out, invocation{Name: d.Name, Type: d.Type, Value: json.RawMessage(`""`), Focused: true})
			}
		}
	}
	nested := false
	for _, d := range defined {
		nested = nested || d.Type == SubCommand || d.Type == SubCommandGroup
		// "This can be partial when in response to APPLICATION_COMMAND_AUTOCOMPLETE".
		if d.Required && in.focused == "" && !slices.ContainsFunc(given, func(g Option) bool { return g.Name == d.Name }) {
			in.f.add(path+"."+d.Name, "BASE_TYPE_REQUIRED", "This option is required")
		}
	}
	if nested && len(given) != 1 {
		in.f.add(path, "APPLICATION_COMMAND_OPTION_SUB_COMMAND", "One sub-command must be chosen")
	}
	return out
}

// value checks one value against its option, as Discord's client does before it sends anything.
func (in *invoker) value(d *CommandOption, value any, path string, focused bool) json.RawMessage {
	f := &in.f
	raw, err := json.Marshal(value)
	if up, ok := value.(Upload); ok {
		raw, err = in.file(d, up), nil
	}
	if err != nil {
		f.add(path, "BASE_TYPE_CONVERT", "Value cannot be written as JSON")
		return nil
	}
	if focused {
		// What is typed so far arrives as text, whatever the option's type.
		var text string
		if json.Unmarshal(raw, &text) != nil {
			raw, _ = json.Marshal(fmt.Sprint(value))
		}
		return raw
	}
	bad := func() json.RawMessage {
		f.add(path, "BASE_TYPE_CONVERT", "Not a value for this option: %s", raw)
		return nil
	}
	switch d.Type {
	case StringOption:
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return bad()
		}
		lo, hi := 0, 6000
		if d.MinLength != nil {
			lo = *d.MinLength
		}
		if d.MaxLength != nil {
			hi = *d.MaxLength
		}
		f.length(path, text, lo, hi)
	case IntegerOption, NumberOption:
		var n float64
		if json.Unmarshal(raw, &n) != nil || math.Abs(n) > 1<<53 || d.Type == IntegerOption && n != math.Trunc(n) {
			return bad()
		}
		if d.MinValue != nil && n < *d.MinValue {
			f.add(path, "NUMBER_TYPE_MIN", "Must be %v or more.", *d.MinValue)
		}
		if d.MaxValue != nil && n > *d.MaxValue {
			f.add(path, "NUMBER_TYPE_MAX", "Must be %v or less.", *d.MaxValue)
		}
		if d.Type == IntegerOption {
			raw = strconv.AppendInt(nil, int64(n), 10)
		}
	case BooleanOption:
		var b bool
		if json.Unmarshal(raw, &b) != nil {
			return bad()
		}
	case AttachmentOption:
		if _, ok := value.(Upload); !ok {
			return bad()
		}
	default:
		var id string
		if json.Unmarshal(raw, &id) != nil || !in.resolve(d, id) {
			return bad()
		}
	}
	if len(d.Choices) > 0 && !slices.ContainsFunc(d.Choices, func(c Choice) bool { return sameJSON(c.Value, raw) }) {
		f.add(path, "BASE_TYPE_CHOICES", "Value must be one of the choices.")
	}
	return raw
}

// sameJSON compares numbers by value, so that 1.0 is 1.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && x == y
}

// resolve finds the user, role or channel an option names.
func (in *invoker) resolve(d *CommandOption, id string) bool {
	switch d.Type {
	case UserOption:
		return in.user(id)
	case RoleOption:
		return in.role(id)
	case MentionableOption:
		return in.user(id) || in.role(id)
	case ChannelOption:
		c := in.s.channels[id]
		if c == nil || c.GuildID != in.c.GuildID || len(d.ChannelTypes) > 0 && !slices.Contains(d.ChannelTypes, c.Kind) {
			return false
		}
		if in.found.Channels == nil {
			in.found.Channels = make(map[string]*channelJSON)
		}
		j := in.s.channelJSON(c)
		p := in.s.permissions(c, in.i.UserID)
		j.Permissions = &p
		in.found.Channels[id], in.any = j, true
		return true
	}
	return false
}

func (in *invoker) user(id string) bool {
	u := in.s.users[id]
	if u == nil {
		return false
	}
	if in.found.Users == nil {
		in.found.Users = make(map[string]*User)
	}
	in.found.Users[id], in.any = u, true
	if g := in.s.guilds[in.c.GuildID]; g != nil && g.members[id] != nil {
		if in.found.Members == nil {
			in.found.Members = make(map[string]*memberJSON)
		}
		in.found.Members[id] = in.s.memberWith(g, id, in.c)
	}
	return true
}

func (in *invoker) role(id string) bool {
	g := in.s.guilds[in.c.GuildID]
	if g == nil || g.roles[id] == nil {
		return false
	}
	if in.found.Roles == nil {
		in.found.Roles = make(map[string]*Role)
	}
	in.found.Roles[id], in.any = g.roles[id], true
	return true
}

// file stores an uploaded option.
func (in *invoker) file(d *CommandOption, up Upload) json.RawMessage {
	if d.Type != AttachmentOption || len(up.Data) > maxFile {
		in.f.add("options."+d.Name, "BASE_TYPE_CONVERT", "Not a value for this option: a file of %d bytes", len(up.Data))
		return nil
	}
	m := Message{ChannelID: in.c.ID, OnlyFor: in.i.UserID}
	a := in.s.store(&m, []upload{{name: up.Name, data: up.Data}})[0]
	if in.found.Attachments == nil {
		in.found.Attachments = make(map[string]*Attachment)
	}
	in.found.Attachments[a.ID], in.any = &a, true
	in.i.files = append(in.i.files, a)
	return encode(a.ID)
}

// memberWith is a member with the permissions in a channel, as interactions have it.
func (s *Server) memberWith(g *guild, userID string, c *channel) *memberJSON {
	j := g.members[userID].wire(false)
	p := s.permissions(c, userID)
	j.Permissions = &p
	return j
}

// newInteraction makes one that has not begun.
func (s *Server) newInteraction(kind InteractionType, c *channel, userID, name string) *Interaction {
	i := &Interaction{ID: s.newID(), Type: kind, ChannelID: c.ID, GuildID: c.GuildID, UserID: userID, Name: name,
		Created: s.clock.Now(), server: s}
	i.state, i.changed = InteractionSent, make(chan struct{})
	i.summaryOf = InteractionSummary{ID: i.ID, UserID: userID, Type: kind, Name: name}
	var noise [4]uint64
	for n := range noise {
		noise[n] = rand.Uint64()
	}
	i.token = fmt.Sprintf("aW%016x%016x%016x%016x", noise[0], noise[1], noise[2], noise[3])
	return i
}
