package discordtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// opt is a JSON value that may be missing or null, which mean different things when a message is edited.
type opt[T any] struct {
	set   bool // present, null included
	null  bool
	value T
}

func (o *opt[T]) UnmarshalJSON(b []byte) error {
	o.set = true
	if bytes.Equal(b, []byte("null")) {
		o.null = true
		return nil
	}
	return json.Unmarshal(b, &o.value)
}

// given reports whether there is a value.
func (o opt[T]) given() bool { return o.set && !o.null }

// nonce is a string or an integer. Documentation: resources/message.mdx, "Create Message".
type nonce string

func (n *nonce) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(n))
	}
	var number json.Number
	if err := json.Unmarshal(b, &number); err != nil {
		return err
	}
	if _, err := strconv.ParseInt(number.String(), 10, 64); err != nil && number != "" {
		return &json.UnmarshalTypeError{Value: "number"}
	}
	*n = nonce(number)
	return nil
}

// allowedMentions is the object that limits whom a message pings. Documentation: resources/message.mdx,
// "Allowed Mentions Object".
type allowedMentions struct {
	Parse       []string `json:"parse"`
	Roles       []string `json:"roles"`
	Users       []string `json:"users"`
	RepliedUser bool     `json:"replied_user"`
}

// messageReference names the message replied to. Documentation: resources/message.mdx, "Message Reference
// Structure".
type messageReference struct {
	Type      int    `json:"type"`
	MessageID string `json:"message_id"`
	ChannelID string `json:"channel_id"`
	GuildID   string `json:"guild_id"`
	Fail      *bool  `json:"fail_if_not_exists"`
}

// attachmentRequest describes a file of the request (ID is its number) or one to keep (ID is its id).
// Documentation: resources/message.mdx, "Attachment Request Structure".
type attachmentRequest struct {
	ID          json.RawMessage `json:"id"`
	Name        string          `json:"filename"`
	Description string          `json:"description"`
}

func (a attachmentRequest) id() string { return strings.Trim(string(a.ID), `"`) }

// messageBody is what creates or edits a message: the JSON of Create Message, Edit Message, Execute Webhook,
// Edit Webhook Message and the data of an interaction callback have these fields in common.
type messageBody struct {
	Content         opt[string]              `json:"content"`
	Nonce           opt[nonce]               `json:"nonce"`
	EnforceNonce    bool                     `json:"enforce_nonce"`
	TTS             opt[bool]                `json:"tts"`
	Embeds          opt[[]Embed]             `json:"embeds"`
	AllowedMentions opt[allowedMentions]     `json:"allowed_mentions"`
	Reference       opt[messageReference]    `json:"message_reference"`
	Components      opt[[]Component]         `json:"components"`
	Attachments     opt[[]attachmentRequest] `json:"attachments"`
	Flags           opt[MessageFlags]        `json:"flags"`
	StickerIDs      opt[[]string]            `json:"sticker_ids"`
	Poll            opt[json.RawMessage]     `json:"poll"`
}

// upload is a file of a request.
type upload struct {
	number      string // n of files[n]
	name        string
	description string
	contentType string
	data        []byte
}

// Documentation: reference.mdx, "Uploading Files": 10 MiB each by default; resources/message.mdx, "Create
// Message": 25 MiB per request; topics/opcodes-and-status-codes.mdx, 30015: 10 attachments.
const (
	maxFile        = 10 << 20
	maxRequest     = 25 << 20
	maxAttachments = 10
)

var errTooManyFiles = &Error{Status: 400, Code: 30015, Message: "Maximum number of attachments in a message reached (10)"}

// parseBody reads JSON, or multipart/form-data with a part payload_json and files, into v. The error is an
// *Error.
func parseBody(contentType string, body []byte, v any) ([]upload, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err == nil && kind == "multipart/form-data" {
		return parseMultipart(params["boundary"], body, v)
	}
	if len(body) == 0 {
		return nil, nil
	}
	return nil, parseJSON(body, v)
}

// parseJSON words its errors as Discord does: 50109 for what is no JSON, 50035 for a wrong type.
func parseJSON(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	if err == nil && !utf8.Valid(body) {
		return ErrInvalidJSON
	}
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	if err == nil {
		return nil
	}
	if errors.As(err, &syntax) || errors.Is(err, ErrInvalidJSON) || len(body) == 0 {
		return ErrInvalidJSON
	}
	var f form
	if errors.As(err, &wrong) {
		f.add(wrong.Field, "BASE_TYPE_CONVERT", "Could not interpret %q as the expected type.", wrong.Value)
	} else {
		f.add("", "BASE_TYPE_CONVERT", "Could not interpret a value as the expected type: %v", err)
	}
	return f.err()
}

func parseMultipart(boundary string, body []byte, v any) ([]upload, error) {
	if boundary == "" {
		return nil, ErrInvalidForm
	}
	var files []upload
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, ErrInvalidForm
		}
		data, err := io.ReadAll(p)
		if err != nil {
			return nil, ErrInvalidForm
		}
		name := p.FormName()
		if name == "payload_json" {
			if err := parseJSON(data, v); err != nil {
				return nil, err
			}
			continue
		}
		number, ok := fileNumber(name)
		if !ok {
			continue // other fields are form values of the deprecated kind
		}
		switch {
		case len(files) == maxAttachments:
			return nil, errTooManyFiles
		case len(data) > maxFile:
			return nil, ErrEntityTooLarge
		}
		files = append(files, upload{number: number, name: fileName(p.FileName()), contentType: p.Header.Get("Content-Type"), data: data})
	}
}

// fileNumber reads n of "files[n]"; "file" and "fileN" are accepted as well (observed).
func fileNumber(part string) (string, bool) {
	if n, ok := strings.CutPrefix(part, "files["); ok {
		n, ok = strings.CutSuffix(n, "]")
		return n, ok && n != ""
	}
	n, ok := strings.CutPrefix(part, "file")
	if n == "" {
		n = "0"
	}
	return n, ok
}

// fileName is a name that is safe in a URL path; Discord, too, replaces what is not (observed).
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z':
			return r
		case r > 127 && r != utf8.RuneError:
			return r
		}
		return '_'
	}, name)
	if strings.Trim(name, ".") == "" {
		return "file"
	}
	return name
}

// describe gives the files of a request the names and descriptions of its attachments field, and returns the
// ids of attachments to keep. It notes numbers that no file has.
func (b *messageBody) describe(files []upload, f *form) (described []upload, keep []string) {
	files = slices.Clone(files)
	for i, a := range b.Attachments.value {
		id := a.id()
		at := slices.IndexFunc(files, func(u upload) bool { return u.number == id })
		if at < 0 {
			// Numbers of files are small, ids of attachments are not.
			if n, ok := parseID(id); ok && n > 1<<32 {
				keep = append(keep, id)
				continue
			}
			f.add("attachments."+strconv.Itoa(i)+".id", "ATTACHMENT_NOT_FOUND", "Attachment data not found.")
			continue
		}
		if a.Name != "" {
			files[at].name = fileName(a.Name)
		}
		f.length("attachments."+strconv.Itoa(i)+".description", a.Description, 0, 1024)
		files[at].description = a.Description
	}
	return files, keep
}
