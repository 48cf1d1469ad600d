package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Level is where settings are made; the nearer to the message one is, the more it
// counts.
type Level int

// The levels, outermost first.
const (
	LevelDefault Level = iota // the configuration
	LevelServer
	LevelChannel // also a direct message
	LevelThread
	levels
)

// String is the level as people write it.
func (l Level) String() string {
	switch l {
	case LevelDefault:
		return "default"
	case LevelServer:
		return "server"
	case LevelChannel:
		return "channel"
	case LevelThread:
		return "thread"
	}
	return "level " + strconv.Itoa(int(l))
}

// ParseLevel reads what String writes.
func ParseLevel(s string) (Level, bool) {
	for l := range levels {
		if s == l.String() {
			return l, true
		}
	}
	return 0, false
}

// Tree is the settings of one place: each level's own.
type Tree [levels]Settings

// Merged are the settings in force.
func (t Tree) Merged() Settings {
	s := t[LevelDefault]
	for _, over := range t[1:] {
		s = s.Merge(over)
	}
	return s
}

// Own are the levels that set a field, outermost first.
func (t Tree) Own(f Field) (out []Level) {
	for l := range levels {
		if f.IsSet(t[l]) {
			out = append(out, l)
		}
	}
	return out
}

// ServerKey is the key under which a store keeps the settings of a server. It is no
// channel's: Discord gives a server and its first channel the same id.
func ServerKey(id string) Key { return Key{Channel: "server/" + id} }

// MarshalSettings writes settings as one JSON object for people to read and change,
// keys in the order of Fields.
func MarshalSettings(s Settings) ([]byte, error) { return json.Marshal(settingsV1(s)) }

// UnmarshalSettings reads such an object, strictly: an unknown name, a value of the
// wrong type or out of range is a *SettingError that names it; there may be several,
// joined, in no order. What is no JSON object is a *FormatError.
func UnmarshalSettings(data []byte) (Settings, error) {
	var object map[string]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&object); err != nil || object == nil {
		return Settings{}, &FormatError{"settings", "this is no JSON object"}
	}
	if _, err := dec.Token(); err != io.EOF {
		return Settings{}, &FormatError{"settings", "something stands behind the JSON object"}
	}
	var out Settings
	var errs []error
	for i := range fields {
		f := &fields[i]
		raw, ok := object[f.Name]
		if !ok {
			continue
		}
		delete(object, f.Name)
		var one Settings
		var bad *SettingError
		if err := json.Unmarshal(raw, f.ref(&one)); err != nil || !f.IsSet(one) {
			bad = &SettingError{f.Name, fmt.Sprintf("%.60s", raw), f.Want}
		}
		if bad != nil || errors.As(one.Validate(), &bad) {
			errs = append(errs, bad)
			continue
		}
		f.Copy(&out, one)
	}
	for name := range object {
		errs = append(errs, &SettingError{Name: fmt.Sprintf("%.40s", name)})
	}
	if err := errors.Join(errs...); err != nil {
		return Settings{}, err
	}
	return out, nil
}
