package playground

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"moebot/bot/discordtest"
)

// completeTime is longer than Discord waits for choices.
const completeTime = 4 * time.Second

type completeRequest struct {
	Channel string         `json:"channel"`
	As      string         `json:"as"`
	Name    string         `json:"name"`    // of the command, with its sub-command
	Focused string         `json:"focused"` // the option that is being typed
	Options []optionOfPage `json:"options"` // what is there of all options
	Locale  string         `json:"locale"`  // of the page
}

// optionOfPage is the value of an option of a command; of a file its name and content.
type optionOfPage struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
	File  *struct {
		Name string `json:"name"`
		Data []byte `json:"data"` // base64
	} `json:"file"`
}

func optionsOf(list []optionOfPage) []discordtest.Option {
	options := make([]discordtest.Option, len(list))
	for i, o := range list {
		options[i] = discordtest.Option{Name: o.Name, Value: o.Value}
		if o.File != nil {
			options[i].Value = discordtest.Upload{Name: o.File.Name, Data: o.File.Data}
		}
	}
	return options
}

type choiceOfPage struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// complete asks the bot what it suggests for an option. No answer in time is no suggestion.
func (s *Server) complete(r completeRequest) (any, error) {
	if err := s.begins(r.As, r.Locale); err != nil {
		return nil, err
	}
	i, err := s.discord.Autocomplete(r.Channel, r.As, r.Name, r.Focused, optionsOf(r.Options)...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), completeTime)
	defer cancel()
	response, err := i.Wait(ctx)
	if err != nil && !errors.Is(err, discordtest.ErrNoAnswer) {
		return nil, &refusal{http.StatusGatewayTimeout, "The application did not suggest anything."}
	}
	choices := []choiceOfPage{}
	for _, c := range response.Choices {
		choices = append(choices, choiceOfPage{c.Name, c.Value})
	}
	return map[string]any{"choices": choices}, nil
}
