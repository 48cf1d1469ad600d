package main

import (
	"fmt"

	"moebot/bot/discordtest"
	"moebot/bot/playground"
)

// playgroundParts are the local Discord and its page.
type playgroundParts struct {
	token   string
	discord *discordtest.Server
	page    *playground.Server
}

// openPlayground starts a Discord in memory, with a server, channels and people in
// it, and the page that shows it.
func openPlayground(s *service) (*playgroundParts, error) {
	d := discordtest.New(discordtest.Options{Log: s.log})
	playground.Seed(d)
	if err := d.Start("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("playground: %w", err)
	}
	notices := []playground.Notice{{Label: "Model", Text: s.mind.describe()}}
	if s.local != nil {
		notices = append(notices, playground.Notice{Label: "Memory", Text: "embedded store, kept in " + s.local.Path()})
	} else {
		notices = append(notices, playground.Notice{Label: "Memory", Text: s.store.Kind() + ", at REDIS_URL"})
	}
	notices = append(notices, playground.Notice{Label: "Version", Text: programVersion()})
	p := &playgroundParts{token: d.Token(), discord: d, page: playground.New(d, playground.Options{Notices: notices, Tracer: s.mind, Lab: s.mind.lab.Handler(s.conversation), Log: s.log})}
	s.mind.traced = p.page.Traced
	return p, nil
}

func (p *playgroundParts) close() {
	p.page.Close()
	p.discord.Close()
}
