package playground

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"moebot/bot/discordtest"
)

const (
	maxName   = 32  // characters of a person's name, as on Discord
	maxPeople = 200 // users in the local Discord; a page that adds more has gone wild

	zeroWidthJoiner = '\u200d' // in emoji of several people
)

type sendRequest struct {
	Channel string `json:"channel"`
	As      string `json:"as"`
	Content string `json:"content"`
	Reply   string `json:"reply"` // the message answered, or empty
}

func (s *Server) send(r sendRequest) (any, error) {
	if err := s.isPerson(r.As); err != nil {
		return nil, err
	}
	var options []discordtest.SendOption
	if r.Reply != "" {
		options = append(options, discordtest.ReplyTo(r.Reply))
	}
	m, err := s.discord.Send(r.Channel, r.As, r.Content, options...)
	return map[string]string{"id": m.ID}, err
}

type editRequest struct {
	Channel string `json:"channel"`
	Message string `json:"message"`
	As      string `json:"as"`
	Content string `json:"content"`
}

func (s *Server) edit(r editRequest) (any, error) {
	if err := s.isPerson(r.As); err != nil {
		return nil, err
	}
	_, err := s.discord.Edit(r.Channel, r.Message, r.As, r.Content)
	return nil, err
}

type deleteRequest struct {
	Channel string `json:"channel"`
	Message string `json:"message"`
	As      string `json:"as"`
}

func (s *Server) remove(r deleteRequest) (any, error) {
	if err := s.isPerson(r.As); err != nil {
		return nil, err
	}
	return nil, s.discord.Delete(r.Channel, r.Message, r.As)
}

type typingRequest struct {
	Channel string `json:"channel"`
	As      string `json:"as"`
}

func (s *Server) typing(r typingRequest) (any, error) {
	if err := s.isPerson(r.As); err != nil {
		return nil, err
	}
	return nil, s.discord.Typing(r.Channel, r.As)
}

type commandRequest struct {
	Channel string         `json:"channel"`
	As      string         `json:"as"`
	Name    string         `json:"name"` // with its sub-command, separated by blanks
	Options []optionOfPage `json:"options"`
	Locale  string         `json:"locale"` // of the page
}

func (s *Server) command(r commandRequest) (any, error) {
	if err := s.begins(r.As, r.Locale); err != nil {
		return nil, err
	}
	return started(s.discord.Command(r.Channel, r.As, r.Name, optionsOf(r.Options)...))
}

type clickRequest struct {
	Channel string   `json:"channel"`
	Message string   `json:"message"`
	As      string   `json:"as"`
	ID      string   `json:"id"` // the component's custom id
	Values  []string `json:"values"`
	Locale  string   `json:"locale"` // of the page
}

func (s *Server) click(r clickRequest) (any, error) {
	if err := s.begins(r.As, r.Locale); err != nil {
		return nil, err
	}
	return started(s.discord.Click(r.Channel, r.Message, r.As, r.ID, r.Values...))
}

type menuRequest struct {
	Channel string `json:"channel"`
	Message string `json:"message"`
	As      string `json:"as"`
	Name    string `json:"name"`   // of a command in the menu of messages
	Locale  string `json:"locale"` // of the page
}

func (s *Server) menu(r menuRequest) (any, error) {
	if err := s.begins(r.As, r.Locale); err != nil {
		return nil, err
	}
	return started(s.discord.CommandOn(r.Channel, r.As, r.Name, r.Message))
}

type submitRequest struct {
	As          string            `json:"as"`
	Interaction string            `json:"interaction"` // in answer to which the form was opened
	Values      map[string]string `json:"values"`      // by the inputs' ids
	Locale      string            `json:"locale"`      // of the page
}

func (s *Server) submit(r submitRequest) (any, error) {
	if err := s.begins(r.As, r.Locale); err != nil {
		return nil, err
	}
	i, ok := s.discord.Interaction(r.Interaction)
	if !ok || i.UserID != r.As {
		return nil, &refusal{http.StatusGone, "This form is too old; open it again."}
	}
	return started(s.discord.Submit(i, r.Values))
}

// started names the interaction; the page hears of its fate in the stream.
func started(i *discordtest.Interaction, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return map[string]string{"interaction": i.ID}, nil
}

type dmRequest struct {
	As string `json:"as"`
}

// dm opens the direct messages of a person with the bot.
func (s *Server) dm(r dmRequest) (any, error) {
	if err := s.isPerson(r.As); err != nil {
		return nil, err
	}
	c, err := s.discord.OpenDM(r.As)
	if err != nil {
		return nil, err
	}
	view, _ := channelOf(c)
	return view, nil
}

type threadRequest struct {
	Channel string `json:"channel"`
	Message string `json:"message"` // the thread hangs on it
	As      string `json:"as"`
	Name    string `json:"name"`
}

func (s *Server) thread(r threadRequest) (any, error) {
	if err := s.isPerson(r.As); err != nil {
		return nil, err
	}
	c, err := s.discord.CreateThread(r.Channel, r.As, r.Name, r.Message)
	if err != nil {
		return nil, err
	}
	view, _ := channelOf(c)
	return view, nil
}

type personRequest struct {
	Name  string `json:"name"`
	Admin bool   `json:"admin"`
}

// person adds somebody to all guilds.
func (s *Server) person(r personRequest) (any, error) {
	name, err := personName(r.Name)
	if err != nil {
		return nil, err
	}
	users := s.discord.Users()
	if len(users) >= maxPeople {
		return nil, &refusal{http.StatusConflict, "There are enough people here."}
	}
	for _, u := range users {
		if sameName(u.DisplayName(), name) {
			return nil, &refusal{http.StatusConflict, "Somebody here has that name already."}
		}
	}
	u := s.discord.AddUser(name)
	for _, g := range s.discord.Guilds() {
		if r.Admin {
			s.discord.AddAdmin(g.ID, u.ID)
		} else {
			s.discord.AddMember(g.ID, u.ID)
		}
	}
	return s.user(u), nil
}

// isPerson keeps the page from speaking as a bot.
func (s *Server) isPerson(id string) error {
	u, ok := s.discord.User(id)
	if !ok {
		return &refusal{http.StatusBadRequest, "This person is not here any more; choose another."}
	}
	if u.Bot {
		return &refusal{http.StatusForbidden, "Bots speak for themselves."}
	}
	return nil
}

// begins is isPerson for who begins an interaction, and notes the language of their page.
func (s *Server) begins(id, locale string) error {
	if err := s.isPerson(id); err != nil {
		return err
	}
	switch locale {
	case "":
	case "en-US", "zh-CN":
		s.discord.Speak(id, locale)
	default:
		return &refusal{http.StatusBadRequest, "The page has no such language."}
	}
	return nil
}

// personName checks the name of a new person: Discord's length, nothing that looks like nothing.
func personName(name string) (string, error) {
	name = strings.Join(strings.Fields(name), " ")
	n := utf8.RuneCountInString(name)
	if n == 0 || n > maxName || !utf8.ValidString(name) {
		return "", &refusal{http.StatusBadRequest, "A name has 1 to 32 characters."}
	}
	for _, r := range name {
		if unicode.Is(unicode.C, r) && r != zeroWidthJoiner || strings.ContainsRune("@#:`", r) {
			return "", &refusal{http.StatusBadRequest, "A name has no @, #, : or backtick, and nothing that is not seen."}
		}
	}
	return name, nil
}

func sameName(a, b string) bool { return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b)) }
