package discordtest

// CreateThread starts a public thread as a user, on a message of the channel or, when messageID is empty, on
// none. Everybody named joins besides the user who starts it. The error is an *Error.
func (s *Server) CreateThread(channelID, userID, name, messageID string, memberIDs ...string) (Channel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.createThread(channelID, userID, messageID, threadDraft{name: name, kind: PublicThread})
	if err != nil {
		return Channel{}, err
	}
	for _, id := range memberIDs {
		if err := s.joinThread(t, id); err != nil {
			return t.Channel, err
		}
	}
	return t.Channel, nil
}

// JoinThread lets a user into a thread. The error is an *Error.
func (s *Server) JoinThread(threadID, userID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.channels[threadID]
	if t == nil {
		return ErrUnknownChannel
	}
	return s.joinThread(t, userID)
}
