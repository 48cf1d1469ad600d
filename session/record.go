package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// An archive is sessions written down to be kept or moved, in JSON Lines: a header, a
// line for each channel, one of counters, and an end, without which the file is not
// whole:
//
//	{"moebot":"sessions","version":1}
//	{"channel":"42","turns":[{"id":"5","role":"user","text":"hi"}],"settings":{"top_k":5},"open":[{"turn":{...},"since":1700000000123}],"seen":{"5":1700000000123},"expires":1702592000123}
//	{"counters":{"messages":1}}
//	{"end":1}
//
// Turns, settings and the rules for versions are those of the encoding of values, times
// Unix milliseconds, and the number of the end that of channels. A field that is not
// known is ignored.

// archiveName is what the header says it is.
const archiveName = "sessions"

// Record is one line of an archive. One of its fields is set.
type Record struct {
	// Channel is a channel's, or, with settings alone, a server's (ServerKey).
	Channel *Kept
	// Counters are sums since ever.
	Counters map[string]int64
	// End is the end, and how many channels came before.
	End *int
}

// Kept is all that a store keeps of a channel.
type Kept struct {
	Session
	// Open are questions without an answer, in the order they were accepted. Their
	// Keys are the session's.
	Open []Pending
	// Seen are the message ids that are known and when they became so, to the
	// millisecond; ids of turns need not be among them.
	Seen map[string]time.Time
	// Expires is when the turns will be forgotten; zero is not known.
	Expires time.Time
}

// Moved is how much an export wrote or an import read, and of the latter, what was new.
type Moved struct {
	// Channels with anything kept, servers included.
	Channels int
	// Turns, questions without an answer included.
	Turns int
	// Added are the turns that an import found missing and put into the store.
	Added int
}

type recordV1 struct {
	Archive string `json:"moebot,omitempty"`
	Version int    `json:"version,omitempty"`

	Channel  string           `json:"channel,omitempty"`
	Turns    []turnV1         `json:"turns,omitempty"`
	Settings *settingsV1      `json:"settings,omitempty"`
	Open     []openV1         `json:"open,omitempty"`
	Seen     map[string]int64 `json:"seen,omitempty"`
	Expires  int64            `json:"expires,omitempty"`

	Counters map[string]int64 `json:"counters,omitempty"`
	End      *int             `json:"end,omitempty"`
}

type openV1 struct {
	Turn  turnV1 `json:"turn"`
	Since int64  `json:"since"`
}

// ArchiveHeader is the first line of an archive, with its newline.
func ArchiveHeader() []byte {
	return fmt.Appendf(nil, "{\"moebot\":%q,\"version\":%d}\n", archiveName, version)
}

// CheckArchiveHeader reads the first line of an archive.
func CheckArchiveHeader(text []byte) error {
	var v recordV1
	if err := json.Unmarshal(text, &v); err != nil || v.Archive != archiveName {
		return &FormatError{"archive", `does not begin with {"moebot":"sessions",...}`}
	}
	if v.Version < 1 {
		return &FormatError{"archive", "has no version"}
	}
	if v.Version > version {
		return &VersionError{"archive", v.Version}
	}
	return nil
}

// EncodeRecord returns r as a line, with its newline. It fails as Validate of what is in
// it does.
func EncodeRecord(r Record) ([]byte, error) {
	v := recordV1{Counters: r.Counters, End: r.End}
	k := r.Channel
	if k == nil {
		return line(v)
	}
	if err := k.Validate(); err != nil {
		return nil, err
	}
	v.Channel = k.Key.Channel
	for _, t := range k.Turns {
		v.Turns = append(v.Turns, turnOf(t))
	}
	if !k.Settings.IsZero() {
		set := settingsV1(k.Settings)
		v.Settings = &set
	}
	for _, o := range k.Open {
		v.Open = append(v.Open, openV1{turnOf(o.Turn), o.Since.UnixMilli()})
	}
	if len(k.Seen) > 0 {
		v.Seen = map[string]int64{}
	}
	for id, t := range k.Seen {
		v.Seen[id] = t.UnixMilli()
	}
	if !k.Expires.IsZero() {
		v.Expires = k.Expires.UnixMilli()
	}
	return line(v)
}

// Validate reports a Kept that no store accepts.
func (k *Kept) Validate() error {
	err := errors.Join(k.Key.Validate(), k.Settings.Validate())
	for _, t := range k.Turns {
		err = errors.Join(err, t.Validate())
	}
	for _, o := range k.Open {
		err = errors.Join(err, o.Turn.Validate())
	}
	for id := range k.Seen {
		err = errors.Join(err, ValidateID("message", id))
	}
	return err
}

// DecodeRecord reads a line that EncodeRecord wrote. All that is wrong is a
// *FormatError.
func DecodeRecord(text []byte) (Record, error) {
	var v recordV1
	if err := json.Unmarshal(text, &v); err != nil {
		return Record{}, &FormatError{"record", err.Error()}
	}
	r := Record{Counters: v.Counters, End: v.End}
	kinds := 0
	for _, is := range []bool{v.Channel != "", v.Counters != nil, v.End != nil} {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		return Record{}, &FormatError{"record", "is not of a channel, nor counters, nor the end"}
	}
	for name := range v.Counters {
		if err := ValidateID("counter", name); err != nil {
			return Record{}, &FormatError{"record", err.Error()}
		}
	}
	if v.Channel == "" {
		return r, nil
	}
	k := &Kept{Session: Session{Key: Key{Channel: v.Channel}, Turns: []Turn{}}}
	for _, t := range v.Turns {
		k.Turns = append(k.Turns, t.turn())
	}
	if v.Settings != nil {
		k.Settings = Settings(*v.Settings)
	}
	for _, o := range v.Open {
		k.Open = append(k.Open, Pending{Key: k.Key, Turn: o.Turn.turn(), Since: time.UnixMilli(o.Since).UTC()})
	}
	if len(v.Seen) > 0 {
		k.Seen = map[string]time.Time{}
	}
	for id, t := range v.Seen {
		k.Seen[id] = time.UnixMilli(t).UTC()
	}
	if v.Expires != 0 {
		k.Expires = time.UnixMilli(v.Expires).UTC()
	}
	if err := k.Validate(); err != nil {
		return Record{}, &FormatError{"record", fmt.Sprintf("of channel %s: %v", v.Channel, err)}
	}
	r.Channel = k
	return r, nil
}
