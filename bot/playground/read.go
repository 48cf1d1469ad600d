package playground

import (
	"mime"
	"net/http"

	"moebot/bot/discordtest"
)

// pageSize is how many messages the page loads at once.
const pageSize = 100

func (s *Server) getState(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, s.snapshot())
}

func (s *Server) getMessages(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if _, ok := s.discord.Channel(q.Get("channel")); !ok {
		fail(w, http.StatusNotFound, "There is no such channel.")
		return
	}
	// One more than is shown tells whether there are older ones.
	list := s.discord.MessagesBefore(q.Get("channel"), q.Get("before"), pageSize+1)
	more := len(list) > pageSize
	if more {
		list = list[1:]
	}
	views := make([]messageView, len(list))
	for i := range list {
		views[i] = s.message(&list[i])
	}
	reply(w, http.StatusOK, map[string]any{"messages": views, "more": more})
}

// getCommands lists what a person may run in a channel.
func (s *Server) getCommands(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	list := s.discord.CommandsFor(q.Get("channel"), q.Get("as"))
	if list == nil {
		list = []discordtest.Command{}
	}
	reply(w, http.StatusOK, map[string]any{"commands": list})
}

func (s *Server) getEvents(w http.ResponseWriter, r *http.Request) {
	if !s.hub.open() {
		fail(w, http.StatusServiceUnavailable, "The playground is closing.")
		return
	}
	// A browser that reconnects says in the header what it saw last; the address still has the first position.
	position := r.Header.Get("Last-Event-ID")
	if position == "" {
		position = r.URL.Query().Get("after")
	}
	s.hub.serve(r.Context(), w, position)
}

func (s *Server) getTrace(w http.ResponseWriter, r *http.Request) {
	if s.options.Tracer != nil {
		if t, ok := s.options.Tracer.Trace(r.URL.Query().Get("message")); ok {
			reply(w, http.StatusOK, traceOf(t))
			return
		}
	}
	reply(w, http.StatusOK, traceView{Tokens: []tokenView{}})
}

// getFile serves an attachment. Only pictures of well-known kinds are shown; the rest is to be saved, so that no
// attachment becomes a page of this origin.
func (s *Server) getFile(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	m, _ := s.discord.Message(q.Get("channel"), q.Get("message"))
	for _, a := range m.Attachments {
		if a.ID != q.Get("id") {
			continue
		}
		kind, disposition := "application/octet-stream", "attachment"
		switch a.ContentType {
		case "image/png", "image/jpeg", "image/gif", "image/webp":
			kind, disposition = a.ContentType, "inline"
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": a.Name}))
		w.Header().Set("Cache-Control", "private, max-age=3600")
		// The browser went away; there is nobody to tell.
		_, _ = w.Write(a.Bytes())
		return
	}
	fail(w, http.StatusNotFound, "There is no such file.")
}
