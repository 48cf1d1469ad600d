package discordtest

// React puts an emoji under a message as a user. The error is an *Error.
func (s *Server) React(channelID, messageID, userID, emoji string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.react(channelID, messageID, userID, emoji)
}

// Unreact takes a user's emoji away again. The error is an *Error.
func (s *Server) Unreact(channelID, messageID, userID, emoji string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unreact(channelID, messageID, userID, emoji)
}
