package discordtest

import (
	"context"
	"time"
)

// EventKind says what happened.
type EventKind string

// What a subscriber is told.
const (
	MessageCreated     EventKind = "message_created"
	MessageUpdated     EventKind = "message_updated" // edited, reacted to, embeds, thread
	MessageDeleted     EventKind = "message_deleted" // Message is what it was
	TypingStarted      EventKind = "typing"
	InteractionChanged EventKind = "interaction"
	ChannelChanged     EventKind = "channel" // added or changed; threads and direct messages too
	ChannelRemoved     EventKind = "channel_removed"
	GuildChanged       EventKind = "guild"
	UserChanged        EventKind = "user"
	MemberChanged      EventKind = "member"   // joined, left or other roles
	CommandsChanged    EventKind = "commands" // of the guild, or everywhere when GuildID is empty
	BotConnected       EventKind = "bot_connected"
	BotDisconnected    EventKind = "bot_disconnected"
	// Resync is the last event of a subscriber that was too slow: subscribe anew and look at everything.
	Resync EventKind = "resync"
)

// Event is one thing that happened, with what it is about; the rest is empty.
type Event struct {
	Seq         uint64 // grows by one with each event of the server
	Kind        EventKind
	Time        time.Time
	GuildID     string
	Channel     *Channel
	Message     *Message
	User        *User
	ChannelID   string // of messages and typing too
	Interaction *InteractionInfo
}

// InteractionInfo is an interaction in an Event.
type InteractionInfo struct {
	ID, ChannelID, UserID string
	Type                  InteractionType
	Name                  string
	State                 InteractionState
	Error                 string // for a person, when it failed
	Response              Response
}

// subscriberBuffer is how many events a subscriber may be behind.
const subscriberBuffer = 4096

type subscriber struct{ events chan Event }

// Subscribe follows everything that happens from now on, in order, until ctx ends or the server closes; then
// the channel is closed. The server never waits for a subscriber: one that is more than 4095 events behind
// gets a Resync and is closed.
func (s *Server) Subscribe(ctx context.Context) <-chan Event {
	sub := &subscriber{events: make(chan Event, subscriberBuffer)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		close(sub.events)
		return sub.events
	}
	s.subscribers[sub] = true
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		select {
		case <-ctx.Done():
		case <-s.done:
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unsubscribe(sub)
	}()
	return sub.events
}

// Position is the Seq of the newest event.
func (s *Server) Position() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position
}

// unsubscribe ends a subscription once. s.mu is held.
func (s *Server) unsubscribe(sub *subscriber) {
	if s.subscribers[sub] {
		delete(s.subscribers, sub)
		close(sub.events)
	}
}

// publish tells the subscribers. s.mu is held, so that they see the order in which things happened.
func (s *Server) publish(e Event) {
	s.position++
	if len(s.subscribers) == 0 {
		return
	}
	e.Seq, e.Time = s.position, s.clock.Now()
	for sub := range s.subscribers {
		if len(sub.events) == cap(sub.events)-1 {
			e := Event{Seq: e.Seq, Time: e.Time, Kind: Resync}
			sub.events <- e
			s.unsubscribe(sub)
			continue
		}
		sub.events <- e
	}
}

// publishChannel tells of a channel. s.mu is held.
func (s *Server) publishChannel(kind EventKind, c *channel) {
	snapshot := c.Channel
	s.publish(Event{Kind: kind, GuildID: c.GuildID, ChannelID: c.ID, Channel: &snapshot})
}

// publishMessage tells of a message. s.mu is held.
func (s *Server) publishMessage(kind EventKind, m *Message) {
	s.publish(Event{Kind: kind, GuildID: m.GuildID, ChannelID: m.ChannelID, Message: m})
}
