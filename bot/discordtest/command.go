package discordtest

import "encoding/json"

// CommandType is Discord's. Documentation: interactions/application-commands.mdx, "Application Command Types".
type CommandType int

// The command types known here.
const (
	ChatInput      CommandType = 1 // a slash command
	UserCommand    CommandType = 2
	MessageCommand CommandType = 3
)

// OptionType is Discord's. Documentation: interactions/application-commands.mdx, "Application Command Option Type".
type OptionType int

// The option types.
const (
	SubCommand        OptionType = 1
	SubCommandGroup   OptionType = 2
	StringOption      OptionType = 3
	IntegerOption     OptionType = 4
	BooleanOption     OptionType = 5
	UserOption        OptionType = 6
	ChannelOption     OptionType = 7
	RoleOption        OptionType = 8
	MentionableOption OptionType = 9
	NumberOption      OptionType = 10
	AttachmentOption  OptionType = 11
)

// Command is a registered application command. It marshals to Discord's JSON.
// Documentation: interactions/application-commands.mdx, "Application Command Object".
type Command struct {
	ID                       string            `json:"id"`
	ApplicationID            string            `json:"application_id"`
	GuildID                  string            `json:"guild_id,omitempty"` // empty: everywhere
	Type                     CommandType       `json:"type"`
	Name                     string            `json:"name"`
	NameLocalizations        map[string]string `json:"name_localizations"`
	Description              string            `json:"description"`
	DescriptionLocalizations map[string]string `json:"description_localizations"`
	Options                  []CommandOption   `json:"options,omitempty"`
	// DefaultMemberPermissions are what a member needs to see and run it; nil: nothing, 0: ADMINISTRATOR.
	DefaultMemberPermissions *Permissions `json:"default_member_permissions"`
	DMPermission             *bool        `json:"dm_permission,omitempty"` // global commands only
	NSFW                     bool         `json:"nsfw"`
	Contexts                 []int        `json:"contexts"` // 0 guild, 1 DM with the bot, 2 other DMs; nil: all
	IntegrationTypes         []int        `json:"integration_types,omitempty"`
	Version                  string       `json:"version"`
}

// CommandOption is a parameter of a command, a sub-command, or a group of them.
type CommandOption struct {
	Type                     OptionType        `json:"type"`
	Name                     string            `json:"name"`
	NameLocalizations        map[string]string `json:"name_localizations,omitempty"`
	Description              string            `json:"description"`
	DescriptionLocalizations map[string]string `json:"description_localizations,omitempty"`
	Required                 bool              `json:"required,omitempty"`
	Choices                  []Choice          `json:"choices,omitempty"`
	Options                  []CommandOption   `json:"options,omitempty"`
	ChannelTypes             []ChannelKind     `json:"channel_types,omitempty"`
	MinValue                 *float64          `json:"min_value,omitempty"`
	MaxValue                 *float64          `json:"max_value,omitempty"`
	MinLength                *int              `json:"min_length,omitempty"`
	MaxLength                *int              `json:"max_length,omitempty"`
	Autocomplete             bool              `json:"autocomplete,omitempty"`
}

// Choice is a value offered for an option: a string or a number, as JSON.
type Choice struct {
	Name              string            `json:"name"`
	NameLocalizations map[string]string `json:"name_localizations,omitempty"`
	Value             json.RawMessage   `json:"value"`
}

// Commands lists the commands registered everywhere and in the guild, by name; with an empty guildID only the
// former.
func (s *Server) Commands(guildID string) []Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commandList(guildID)
}

// LetEverybody has a command offered to everybody, whatever permissions it asks for, as the administrators of
// a server can decide. Documentation: interactions/application-commands.mdx, "Permissions".
func (s *Server) LetEverybody(command string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forAll == nil {
		s.forAll = map[string]bool{}
	}
	s.forAll[command] = true
}

// CommandsFor lists the commands that a user is offered in a channel: in scope there, and with the
// permissions they ask for.
func (s *Server) CommandsFor(channelID, userID string) []Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channelID]
	if c == nil {
		return nil
	}
	var list []Command
	for _, cmd := range s.commandList(c.GuildID) {
		if s.mayUse(&cmd, c, userID) {
			list = append(list, cmd)
		}
	}
	return list
}
