package discordtest

import (
	"bytes"
	"image"
	_ "image/gif"  // to know the size of pictures
	_ "image/jpeg" // to know the size of pictures
	_ "image/png"  // to know the size of pictures
	"mime"
	"net/http"
	"path"
	"strings"
)

// store keeps the files of a message where the CDN finds them. s.mu is held.
func (s *Server) store(m *Message, files []upload) []Attachment {
	list := make([]Attachment, 0, len(files))
	for _, u := range files {
		a := &Attachment{ID: s.newID(), Name: fileName(u.name), Description: u.description, Size: len(u.data),
			ContentType: contentType(u), Ephemeral: m.OnlyFor != "", data: u.data}
		a.URL = "https://cdn.discordapp.com/attachments/" + m.ChannelID + "/" + a.ID + "/" + a.Name
		a.ProxyURL = strings.Replace(a.URL, "cdn.discordapp.com", "media.discordapp.net", 1)
		if strings.HasPrefix(a.ContentType, "image/") {
			if c, _, err := image.DecodeConfig(bytes.NewReader(u.data)); err == nil {
				a.Width, a.Height = c.Width, c.Height
			}
		}
		s.files[a.ID] = a
		list = append(list, *a)
	}
	return list
}

// unstore forgets files. s.mu is held.
func (s *Server) unstore(list []Attachment) {
	for _, a := range list {
		delete(s.files, a.ID)
	}
}

// contentType is by the name's extension, else what the request said, else by the first bytes.
func contentType(u upload) string {
	if t := mime.TypeByExtension(path.Ext(u.name)); t != "" {
		return t
	}
	if u.contentType != "" && u.contentType != "application/octet-stream" {
		return u.contentType
	}
	return http.DetectContentType(u.data)
}

// serveFile is the CDN. Documentation: reference.mdx, "Image Formatting" and "Signed Attachment CDN URLs"; the
// signature is left out, links here do not expire.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	a := s.files[r.PathValue("attachment")]
	s.mu.Unlock()
	if a == nil || a.Name != r.PathValue("name") {
		http.Error(w, "This content is no longer available.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", a.ContentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write(a.data)
}
