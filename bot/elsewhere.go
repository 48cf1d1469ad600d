package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"moebot/bot/chat"
	"moebot/bot/config"
	"moebot/bot/discord"
	"moebot/bot/openai"
	"moebot/session"
)

// elsewhere is a model behind another server, which makes the answers of the channels
// whose setting engine says so.
type elsewhere struct {
	*openai.Client
	everywhere bool // of all channels that do not say otherwise
}

// openElsewhere returns nil if the configuration names no server.
func openElsewhere(c config.Config, m *mind, log *slog.Logger) (*elsewhere, error) {
	e := c.Engine
	if e.URL == "" {
		return nil, nil
	}
	client, err := openai.New(openai.Options{URL: e.URL, Model: e.Model, Key: c.EngineKey.Reveal(), Window: e.ContextTokens, Extras: e.Extras, Chances: e.Chances,
		Defaults: m.settings, Penalties: m.penalties, Log: log, Client: &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 64, ResponseHeaderTimeout: time.Duration(c.Reply.Timeout)}}})
	if err != nil {
		return nil, fmt.Errorf("engine.url: %w", err)
	}
	return &elsewhere{Client: client, everywhere: e.Everywhere}, nil
}

// makes reports whether the other server makes the answer to p. A channel that asks for
// it where there is none is answered by the own model.
func (e *elsewhere) makes(p chat.Prompt) bool { return e.by(p.Settings) != "" }

// by names who makes the answers where settings hold, "" if that is the own model.
func (e *elsewhere) by(set session.Settings) string {
	if e == nil || set.Engine == nil && !e.everywhere || set.Engine != nil && *set.Engine != session.EngineServer {
		return ""
	}
	return e.Describe()
}

// describe names the other model for people, after the own one's name.
func (e *elsewhere) describe(in discord.In) string {
	switch {
	case e == nil:
		return ""
	case e.everywhere:
		return fmt.Sprintf(in("; answers are made by %s where the setting engine is not own", "；设置 engine 不为 own 的地方由 %s 回答"), e.Describe())
	}
	return fmt.Sprintf(in("; where the setting engine is server, answers are made by %s", "；设置 engine 为 server 的地方由 %s 回答"), e.Describe())
}
