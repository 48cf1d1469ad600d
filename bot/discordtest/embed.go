package discordtest

import (
	"net/url"
	"strings"
	"time"
)

// Embed is a framed box below a message. Documentation: resources/message.mdx, "Embed Object".
type Embed struct {
	Type        string       `json:"type,omitempty"` // "rich"
	Title       string       `json:"title,omitempty"`
	Description string       `json:"description,omitempty"`
	URL         string       `json:"url,omitempty"`
	Timestamp   string       `json:"timestamp,omitempty"` // ISO 8601
	Color       int          `json:"color,omitempty"`     // 0xRRGGBB
	Footer      *EmbedFooter `json:"footer,omitempty"`
	Image       *EmbedMedia  `json:"image,omitempty"`
	Thumbnail   *EmbedMedia  `json:"thumbnail,omitempty"`
	Author      *EmbedAuthor `json:"author,omitempty"`
	Fields      []EmbedField `json:"fields,omitempty"`
}

// EmbedFooter is the small line below.
type EmbedFooter struct {
	Text    string `json:"text"`
	IconURL string `json:"icon_url,omitempty"`
}

// EmbedMedia is a picture; attachment://NAME in a request becomes the URL of that file.
type EmbedMedia struct {
	URL      string `json:"url"`
	ProxyURL string `json:"proxy_url,omitempty"`
	Width    int    `json:"width,omitempty"`
	Height   int    `json:"height,omitempty"`
}

// EmbedAuthor is the small line above.
type EmbedAuthor struct {
	Name    string `json:"name"`
	URL     string `json:"url,omitempty"`
	IconURL string `json:"icon_url,omitempty"`
}

// EmbedField is a titled paragraph.
type EmbedField struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline,omitempty"`
}

// checkEmbeds notes what is wrong with the embeds of a message. Documentation: resources/message.mdx, "Embed
// Limits": lengths count after whitespace around a text is trimmed, all embeds together have 6000 characters.
func checkEmbeds(embeds []Embed, f *form) {
	if len(embeds) > 10 {
		f.add("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
	}
	total := 0
	text := func(path, s string, lo, hi int) {
		s = strings.TrimSpace(s)
		f.length(path, s, lo, hi)
		total += textLength(s)
	}
	for i, e := range embeds {
		path := "embeds." + itoa(i)
		text(path+".title", e.Title, 0, 256)
		text(path+".description", e.Description, 0, 4096)
		if len(e.Fields) > 25 {
			f.add(path+".fields", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
		}
		for j, field := range e.Fields {
			text(path+".fields."+itoa(j)+".name", field.Name, 1, 256)
			text(path+".fields."+itoa(j)+".value", field.Value, 1, 1024)
		}
		if e.Footer != nil {
			text(path+".footer.text", e.Footer.Text, 1, 2048)
			checkURL(path+".footer.icon_url", e.Footer.IconURL, f)
		}
		if e.Author != nil {
			text(path+".author.name", e.Author.Name, 1, 256)
			checkURL(path+".author.icon_url", e.Author.IconURL, f)
		}
		checkURL(path+".url", e.URL, f)
		for name, media := range map[string]*EmbedMedia{"image": e.Image, "thumbnail": e.Thumbnail} {
			if media != nil {
				checkURL(path+"."+name+".url", media.URL, f)
			}
		}
		if e.Color < 0 || e.Color > 0xffffff {
			f.add(path+".color", "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.")
		}
		if e.Timestamp != "" {
			if _, err := time.Parse(time.RFC3339, e.Timestamp); err != nil {
				f.add(path+".timestamp", "DATE_TIME_TYPE_PARSE", "Could not parse %s. Should be ISO8601.", e.Timestamp)
			}
		}
		if e.empty() {
			f.add(path+".description", "BASE_TYPE_REQUIRED", "This field is required")
		}
	}
	if total > 6000 {
		f.add("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
	}
}

func (e *Embed) empty() bool {
	return e.Title == "" && e.Description == "" && len(e.Fields) == 0 && e.Footer == nil && e.Image == nil &&
		e.Thumbnail == nil && e.Author == nil
}

// checkURL notes an address that is neither empty nor of the web nor a file of the message.
func checkURL(path, address string, f *form) {
	if address == "" {
		return
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "attachment" {
		f.add(path, "URL_TYPE_INVALID_URL", "Not a well formed URL.")
	}
}

// placeEmbeds returns the embeds as Discord stores them: rich, trimmed, attachment:// replaced by the file's URL.
func placeEmbeds(embeds []Embed, files []Attachment) []Embed {
	out := make([]Embed, 0, len(embeds))
	place := func(m *EmbedMedia) *EmbedMedia {
		if m == nil {
			return nil
		}
		media := *m
		if name, ok := strings.CutPrefix(media.URL, "attachment://"); ok {
			for _, a := range files {
				if a.Name == name {
					media.URL, media.ProxyURL, media.Width, media.Height = a.URL, a.ProxyURL, a.Width, a.Height
				}
			}
		}
		return &media
	}
	for _, e := range embeds {
		e.Type = "rich"
		e.Title, e.Description = strings.TrimSpace(e.Title), strings.TrimSpace(e.Description)
		e.Image, e.Thumbnail = place(e.Image), place(e.Thumbnail)
		out = append(out, e)
	}
	return out
}
