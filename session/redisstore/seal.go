package redisstore

import (
	"fmt"

	"moebot/session"
)

// What is sealed, in the sense of session.Keys.
const (
	aTurn    = "turn"
	settings = "settings"
	aFact    = "fact"
)

// encodeTurn is session.EncodeTurn, sealed if there are keys.
func (s *Store) encodeTurn(k session.Key, t session.Turn) (string, error) {
	v, err := session.EncodeTurn(t)
	if err != nil {
		return "", err
	}
	return s.o.Keys.Seal(aTurn, k.Channel, v), nil
}

// decodeTurn reads what encodeTurn wrote, and what was written without keys.
func (s *Store) decodeTurn(k session.Key, stored string) (session.Turn, error) {
	v, err := s.o.Keys.Open(aTurn, k.Channel, stored)
	if err != nil {
		return session.Turn{}, err
	}
	return session.DecodeTurn(v)
}

// decodeOpen reads an open question: a token and the turn.
func (s *Store) decodeOpen(k session.Key, stored string) (session.Turn, error) {
	return s.decodeTurn(k, stored[min(tokenLen, len(stored)):])
}

// encodeSettings is session.EncodeSettings, sealed if there are keys, with "" for the
// zero Settings.
func (s *Store) encodeSettings(k session.Key, set session.Settings) (string, error) {
	if set.IsZero() {
		return "", nil
	}
	v, err := session.EncodeSettings(set)
	if err != nil {
		return "", err
	}
	return s.o.Keys.Seal(settings, k.Channel, v), nil
}

// decodeSettings reads what encodeSettings wrote.
func (s *Store) decodeSettings(k session.Key, stored string) (session.Settings, error) {
	if stored == "" {
		return session.Settings{}, nil
	}
	v, err := s.o.Keys.Open(settings, k.Channel, stored)
	if err != nil {
		return session.Settings{}, err
	}
	return session.DecodeSettings(v)
}

// unsealable is what accept.lua says of a session that cannot be read: it was left as
// it was. The header names the key.
func (s *Store) unsealable(k session.Key, header string) error {
	_, err := s.o.Keys.Open(aTurn, k.Channel, header)
	if err == nil { // keys do not change
		err = fmt.Errorf("redis takes %q for a key that is missing", header)
	}
	return err
}
