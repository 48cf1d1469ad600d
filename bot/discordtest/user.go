package discordtest

import (
	"fmt"
	"slices"
)

// User is a person or a bot. Documentation: resources/user.mdx, "User Object".
type User struct {
	ID         string  `json:"id"`
	Name       string  `json:"username"`
	GlobalName *string `json:"global_name"` // the display name; nil for bots, which have none
	Bot        bool    `json:"bot,omitempty"`
	Avatar     *string `json:"avatar"`        // always nil here: no pictures
	Tag        string  `json:"discriminator"` // "0" for people, four digits for bots
}

// DisplayName is what a client shows: the display name where there is one.
func (u User) DisplayName() string {
	if u.GlobalName != nil && *u.GlobalName != "" {
		return *u.GlobalName
	}
	return u.Name
}

// AddUser makes a person known by name. Name and display name are the same.
func (s *Server) AddUser(name string) User { return s.addUser(name, false) }

// AddBot makes another bot, whose messages are sent by Send like those of people.
func (s *Server) AddBot(name string) User { return s.addUser(name, true) }

func (s *Server) addUser(name string, bot bool) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &User{ID: s.newID(), Name: name, Bot: bot, Tag: "0"}
	if bot {
		u.Tag = "0001"
	} else {
		u.GlobalName = &name
	}
	s.users[u.ID] = u
	s.publish(Event{Kind: UserChanged, User: u})
	return *u
}

// Speak sets the language of a person's client, told with each interaction of theirs from
// now on, such as "zh-CN".
func (s *Server) Speak(userID, locale string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustUser(userID)
	s.locales[userID] = locale
}

// Bot is the user of the application named in Options, the one that connects.
func (s *Server) Bot() User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.bot
}

// User finds a user by id.
func (s *Server) User(id string) (User, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[id]
	if u == nil {
		return User{}, false
	}
	return *u, true
}

// Users lists everybody, the application's own bot included, oldest first.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]User, 0, len(s.users))
	for _, u := range s.users {
		list = append(list, *u)
	}
	slices.SortFunc(list, func(a, b User) int { return compareIDs(a.ID, b.ID) })
	return list
}

// mustUser is for building worlds: an unknown id there is a mistake of the caller. s.mu is held.
func (s *Server) mustUser(id string) *User {
	u := s.users[id]
	if u == nil {
		panic(fmt.Sprintf("discordtest: no user %q", id))
	}
	return u
}
