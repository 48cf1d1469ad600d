// Package session says what a conversation is: who said what in a channel,
// with which settings, and how that is written down.
//
// It holds types, their checks, their versioned encoding (codec.go), that of
// archives (record.go), what encrypts it (seal.go), and nothing that stores:
// session/redisstore keeps sessions in a Redis, session/embedded is a Redis
// inside the process, and session/sessiontest is the behaviour both must show.
// What a store returns is a copy owned by the caller. The functions here keep
// no state and are safe for concurrent use; the values are not, like any Go
// value.
package session

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Errors every store returns, wrapped, for callers to test with errors.Is.
var (
	// ErrNotFound means that the store holds nothing under that key or name.
	// It is no failure: a session that is not found is a new one.
	ErrNotFound = errors.New("not found")
	// ErrConflict means that others kept changing the same thing meanwhile;
	// trying again from a fresh read may succeed.
	ErrConflict = errors.New("conflicting change")
	// ErrUnavailable means that the store cannot be reached or cannot accept
	// writes just now. The same call may succeed later; whether this one had
	// an effect is unknown.
	ErrUnavailable = errors.New("session store unavailable")
)

// Key names one conversation: everything said in one Discord channel, thread
// or direct message.
type Key struct {
	// Channel is the Discord channel id: 1 to 128 bytes of printable ASCII
	// without blanks.
	Channel string
}

// String returns the channel id.
func (k Key) String() string { return k.Channel }

// Validate reports a channel id no store accepts.
func (k Key) Validate() error { return ValidateID("channel", k.Channel) }

// ValidateID checks an identifier that becomes part of a store's key: 1 to 128
// bytes of printable ASCII without blanks. What names it in the error.
func ValidateID(what, id string) error {
	if id == "" {
		return fmt.Errorf("%s id is empty", what)
	}
	if len(id) > 128 {
		return fmt.Errorf("%s id is %d bytes long, more than 128", what, len(id))
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return fmt.Errorf("%s id %q holds a blank or a character outside ASCII", what, id)
		}
	}
	return nil
}

// Role says who speaks in a Turn.
type Role string

// The two speakers of a stored conversation. A persona is a setting, not a
// turn.
const (
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
)

// Turn is one message of a conversation, as the user saw it: text and never
// token ids, so that another model can read it.
type Turn struct {
	// ID is the Discord message id; it identifies the turn in its channel.
	ID string
	// Role is who speaks.
	Role Role
	// AuthorID is the Discord user id of the speaker, and Author the name
	// shown for them; both may be empty.
	AuthorID, Author string
	// Text is what was said, UTF-8.
	Text string
	// Time is when it was said. Stores keep milliseconds, in UTC.
	Time time.Time
	// Answer is what answers have beside it; nil for questions, and for answers
	// of which nothing more is known.
	Answer *Answer
}

// Validate reports a turn no store accepts: without an id or with an unknown
// role.
func (t Turn) Validate() error {
	if err := ValidateID("message", t.ID); err != nil {
		return err
	}
	if t.Role != RoleUser && t.Role != RoleAssistant {
		return fmt.Errorf("message %s: unknown role %q", t.ID, t.Role)
	}
	return nil
}

// Session is a conversation as a store holds it.
type Session struct {
	Key Key
	// Turns are the kept messages, oldest first; an answer stands directly
	// behind its question, whatever was asked in between. The oldest have
	// been dropped if there were too many, so the first may be an answer.
	Turns []Turn
	// Settings are the channel's own; nil fields mean the default.
	Settings Settings
}

// UpTo returns the turns up to and including the one with the given id: the
// context for answering that question while later ones already wait. Without
// such a turn it returns nil. The result aliases s.Turns.
func (s Session) UpTo(id string) []Turn {
	for i, t := range s.Turns {
		if t.ID == id {
			return s.Turns[: i+1 : i+1]
		}
	}
	return nil
}

// Pending is a question that a store accepted and that has no answer yet.
type Pending struct {
	Key  Key
	Turn Turn
	// Since is when it was accepted, to the millisecond, UTC.
	Since time.Time
}

// Counters are sums over all channels, by name: "messages" accepted, "answers"
// finished, and whatever else was counted. A name never counted is absent,
// hence 0.
type Counters struct {
	// Total is since the store was first used, Today since midnight UTC.
	Total, Today map[string]int64
}

// Limit is a bucket of tokens that a question takes one from: it holds Size of them
// and gets a new one each time Every has passed. All processes that share a store
// share its buckets.
type Limit struct {
	// Name is as ValidateID wants it.
	Name  string
	Size  int
	Every time.Duration
}

// Amount is what is added to a counter; its name is as ValidateID wants it.
type Amount struct {
	Name string
	N    int64
}

// cleanText makes s valid UTF-8: each run of bytes that are not becomes one
// U+FFFD.
func cleanText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
