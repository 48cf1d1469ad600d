package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A sealed value is encrypted and authenticated with AES-256-GCM (NIST SP 800-38D).
// It is the text
//
//	2:<key id>.<check>:<nonce, 12 bytes><ciphertext and tag, 16 bytes more than the value>
//
// where 2 is the encoding's version, so that a program that knows only plain values
// says that a newer one wrote it, and check are 8 hexadecimal digits made of the key,
// so that a wrong key is told from a value that was changed. All before the nonce can
// be read without a key. Authenticated with the value are that header, and what the
// value is and where it belongs: it cannot be passed off as another channel's. Within a
// channel an old value can be put back by who can write to the store.
//
// Nonces are random. One key should seal no more than 2^32 values (ibid., 8.3), after
// which, or every year, another is put before it.
const sealedVersion = "2:"

// keyBytes is the length of a key.
const keyBytes = 32

// KeyError is a sealed value that cannot be read with the keys at hand. It is left as
// it is: with the right keys it can be read again.
type KeyError struct {
	// What was to be read, such as "turn".
	What string
	// KeyID names the key that sealed it, as it is called where keys are given.
	KeyID string
	// Reason says why it cannot be read.
	Reason string
}

// Error names the key and the reason.
func (e *KeyError) Error() string {
	return fmt.Sprintf("%s is sealed with key %s, %s", e.What, e.KeyID, e.Reason)
}

// Keys seal values. The first seals, each opens what it sealed: another key is put
// before the old one, which goes when nothing is left that it sealed. A nil *Keys seals
// nothing and opens what is not sealed. Keys do not change and are safe for concurrent
// use.
type Keys struct {
	first string                 // header of what is sealed
	gcm   map[string]cipher.AEAD // by header
	names map[string]bool        // ids of keys
}

// ParseKeys reads keys, "id:base64" separated by commas; each is 32 bytes in base64, an
// id 1 to 32 letters, digits, hyphens or underscores. The empty text is none: nil. Its
// errors repeat no key.
func ParseKeys(text string) (*Keys, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	k := &Keys{gcm: map[string]cipher.AEAD{}, names: map[string]bool{}}
	for i, part := range strings.Split(text, ",") {
		id, code, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || !isKeyID(id) {
			return nil, fmt.Errorf("key %d is not written like name:base64, the name of letters, digits, - or _", i+1)
		}
		if k.names[id] {
			return nil, fmt.Errorf("key %d: there are two of the name %s", i+1, id)
		}
		key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(code, "="))
		if err != nil || len(key) != keyBytes {
			return nil, fmt.Errorf("key %d (%s) is not 32 bytes in base64, such as `openssl rand -base64 32` prints", i+1, id)
		}
		if err := k.add(id, key); err != nil {
			return nil, fmt.Errorf("key %d (%s): %w", i+1, id, err)
		}
	}
	return k, nil
}

func isKeyID(id string) bool {
	for _, c := range id {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 32
}

func (k *Keys) add(id string, key []byte) error {
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("moebot: which key is it"))
	header := sealedVersion + id + "." + hex.EncodeToString(mac.Sum(nil)[:4]) + ":"
	if k.first == "" {
		k.first = header
	}
	k.gcm[header], k.names[id] = gcm, true
	return nil
}

// Headers are what values begin with that k can open, but for those not sealed, sorted.
func (k *Keys) Headers() []string {
	if k == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(k.gcm))
}

// Seal returns value sealed by the first key, or as it is if k is nil. What says what
// it is, such as "turn", and place where it belongs, such as a channel's id.
func (k *Keys) Seal(what, place, value string) string {
	if k == nil {
		return value
	}
	return string(k.gcm[k.first].Seal([]byte(k.first), nil, []byte(value), bound(k.first, what, place)))
}

// Open returns what Seal was given. A value that is not sealed is returned as it is. The
// error is a *KeyError, or a *FormatError if it is no sealed value although it begins
// like one.
func (k *Keys) Open(what, place, stored string) (string, error) {
	header, id, ok := sealHeader(stored)
	switch {
	case !strings.HasPrefix(stored, sealedVersion):
		return stored, nil
	case !ok:
		return "", &FormatError{what, "begins like a sealed value and is none"}
	case k == nil:
		return "", &KeyError{what, id, "and there are no keys"}
	}
	gcm := k.gcm[header]
	if gcm == nil {
		if k.names[id] {
			return "", &KeyError{what, id, "and the key of that name is another one"}
		}
		return "", &KeyError{what, id, "which is not among the keys"}
	}
	value, err := gcm.Open(nil, nil, []byte(stored[len(header):]), bound(header, what, place))
	if err != nil {
		return "", &KeyError{what, id, "but not for this place, or it was changed since"}
	}
	return string(value), nil
}

// sealHeader returns the header of a sealed value and the id of its key.
func sealHeader(stored string) (header, id string, ok bool) {
	rest, ok := strings.CutPrefix(stored, sealedVersion)
	if !ok {
		return "", "", false
	}
	name, _, ok := strings.Cut(rest[:min(len(rest), 64)], ":")
	id, check, ok2 := strings.Cut(name, ".")
	if !ok || !ok2 || !isKeyID(id) || len(check) != 8 {
		return "", "", false
	}
	return stored[:len(sealedVersion)+len(name)+1], id, true
}

// bound is what is authenticated with a value.
func bound(header, what, place string) []byte {
	return []byte("moebot " + header + " " + what + "\x00" + place)
}

// IsKeyError reports whether err is a *KeyError.
func IsKeyError(err error) bool {
	var e *KeyError
	return errors.As(err, &e)
}
