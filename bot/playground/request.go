package playground

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"moebot/bot/discordtest"
)

const maxBody = 64 << 10 // bytes of a request; Discord's longest message has 2,000 characters, options 6,000 each

// refusal is an error of the page's own, told to the person as it stands.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// act turns a function into the handler of a JSON POST: strict about the type and the size of the body, and
// answering errors with a sentence and, where the local Discord refused, Discord's code.
func act[Request any](do func(Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request Request
		if err := decode(w, r, &request); err != nil {
			answerError(w, err)
			return
		}
		result, err := do(request)
		if err != nil {
			answerError(w, err)
			return
		}
		if result == nil {
			result = struct{}{}
		}
		reply(w, http.StatusOK, result)
	}
}

func decode(w http.ResponseWriter, r *http.Request, request any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return &refusal{http.StatusUnsupportedMediaType, "The request must be JSON."}
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err = d.Decode(request)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &refusal{http.StatusRequestEntityTooLarge, "That is too long."}
	}
	if err != nil {
		return &refusal{http.StatusBadRequest, "The request is not understood."}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &refusal{http.StatusBadRequest, "The request is not understood."}
	}
	return nil
}

func answerError(w http.ResponseWriter, err error) {
	var discord *discordtest.Error
	var own *refusal
	switch {
	case errors.As(err, &discord):
		reply(w, discord.Status, map[string]any{"error": sentence(discord), "code": discord.Code})
	case errors.As(err, &own):
		fail(w, own.status, own.text)
	default:
		fail(w, http.StatusInternalServerError, err.Error())
	}
}

// sentence words a refusal of Discord for a person: its message, and what is wrong with which value.
func sentence(e *discordtest.Error) string {
	var b strings.Builder
	b.WriteString(e.Message)
	for _, field := range e.Fields {
		b.WriteString(" ")
		b.WriteString(field.Message)
	}
	return b.String()
}
