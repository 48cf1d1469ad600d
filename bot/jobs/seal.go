package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"moebot/session"
)

// What is sealed of a job that is, in the sense of session.Keys. Its place is the job's
// id. Whether a job is sealed, the client decides; the worker that answers does the same.
const (
	aPrompt  = "prompt" // turns, settings and beginning
	aPiece   = "piece"
	anAnswer = "answer"
	aTrace   = "trace"
)

// sealWords returns the words of a job, sealed.
func sealWords(k *session.Keys, id string, w wordsV1) ([]byte, error) {
	b, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	return []byte(k.Seal(aPrompt, id, string(b))), nil
}

func openWords(k *session.Keys, id string, stored []byte) (w wordsV1, err error) {
	text, err := k.Open(aPrompt, id, string(stored))
	if err == nil {
		err = json.Unmarshal([]byte(text), &w)
	}
	return w, err
}

// sealPiece returns a piece of an answer, sealed, with its length in front: say.lua puts
// the pieces of an answer behind each other.
func sealPiece(k *session.Keys, id, text string) string {
	s := k.Seal(aPiece, id, text)
	return strconv.Itoa(len(s)) + ":" + s
}

// openPieces returns the text of sealed pieces that stand behind each other.
func openPieces(k *session.Keys, id, pieces string) (string, error) {
	var text strings.Builder
	for pieces != "" {
		size, rest, ok := strings.Cut(pieces[:min(len(pieces), 20)], ":")
		n, err := strconv.Atoi(size)
		at := len(size) + 1
		if !ok || err != nil || n < 0 || n > len(pieces)-at {
			return "", fmt.Errorf("read a piece: %.8q is not its length", size+rest)
		}
		s, err := k.Open(aPiece, id, pieces[at:at+n])
		if err != nil {
			return "", err
		}
		text.WriteString(s)
		pieces = pieces[at+n:]
	}
	return text.String(), nil
}

// seal seals what a worker says of a job.
func (j job) seal(k *session.Keys, kind, data, trace string) (string, string) {
	switch {
	case !j.sealed:
	case kind == piece:
		data = sealPiece(k, j.id, data)
	case kind == done:
		data = k.Seal(anAnswer, j.id, data)
		if trace != "" {
			trace = k.Seal(aTrace, j.id, trace)
		}
	}
	return data, trace
}

// open is an event of the job as it was before seal. What cannot be opened is a failure.
func (j job) open(k *session.Keys, e event) (event, error) {
	if !j.sealed {
		return e, nil
	}
	var err error
	switch e.kind {
	case piece:
		e.data, err = openPieces(k, j.id, e.data)
	case done:
		var err2 error
		e.data, err = k.Open(anAnswer, j.id, e.data)
		e.trace, err2 = k.Open(aTrace, j.id, e.trace)
		err = errors.Join(err, err2)
	}
	if err != nil {
		e.kind, e.data, e.trace = failed, whyFailed, ""
	}
	return e, err
}
