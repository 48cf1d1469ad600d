package lab

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
)

// maxBody bounds a request, bytes.
const maxBody = 64 << 10

// Handler serves the Lab below "/": GET model, POST look, POST reply, the last as a
// stream of JSON lines. It answers machines on loopback addresses only.
func (l *Lab) Handler(talk Conversation) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /model", func(w http.ResponseWriter, r *http.Request) {
		about, err := l.About(r.Context())
		answer(w, about, err)
	})
	mux.HandleFunc("POST /look", func(w http.ResponseWriter, r *http.Request) {
		var q lookRequest
		if decode(w, r, &q) {
			v, err := l.look(r.Context(), q)
			answer(w, v, err)
		}
	})
	mux.HandleFunc("POST /reply", func(w http.ResponseWriter, r *http.Request) {
		var q replyRequest
		if !decode(w, r, &q) {
			return
		}
		begun := false
		out := json.NewEncoder(w)
		flush := http.NewResponseController(w)
		err := l.reply(r.Context(), talk, q, func(x line) {
			if !begun {
				begun = true
				w.Header().Set("Content-Type", "application/x-ndjson")
				w.Header().Set("Cache-Control", "no-store")
			}
			// The browser went away; there is nobody to tell, and the request's context ends.
			_ = out.Encode(x)
			_ = flush.Flush()
		})
		if err != nil {
			answer(w, nil, err)
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fromHere(r.RemoteAddr) {
			reply(w, http.StatusForbidden, map[string]string{"error": "The inside of the model is shown on this machine only."})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// fromHere reports whether an address of a connection is a loopback one.
func fromHere(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		reply(w, http.StatusUnsupportedMediaType, map[string]string{"error": "The request must be JSON."})
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"error": "The request is not understood."})
		return false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		reply(w, http.StatusBadRequest, map[string]string{"error": "The request is not understood."})
		return false
	}
	return true
}

// answer writes what was asked for, or what is wrong with the question.
func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	reply(w, http.StatusOK, v)
}

func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("lab: answer does not marshal: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The browser went away; there is nobody to tell.
	_, _ = w.Write(append(body, '\n'))
}
