package discordtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Error is a refusal, as Discord words it. The Go API returns it too, so that the playground can show what
// Discord would have said. Documentation: reference.mdx, "Error Messages";
// topics/opcodes-and-status-codes.mdx, "JSON".
type Error struct {
	Status  int    // HTTP status
	Code    int    // Discord's JSON error code; 0 is a general error
	Message string // in Discord's words
	// Fields are the causes of 50035, keyed by the path of the offending value with dots ("embeds.0.title").
	Fields map[string]FieldError
	// RetryAfter is told with the refusals that end by themselves (30034, 20016).
	RetryAfter time.Duration
}

// FieldError says what is wrong with one value of a form.
type FieldError struct{ Code, Message string }

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "discord: %s (code %d, status %d)", e.Message, e.Code, e.Status)
	for _, path := range sortedKeys(e.Fields) {
		fmt.Fprintf(&b, "; %s: %s", path, e.Fields[path].Message)
	}
	return b.String()
}

// Is makes errors.Is compare by code: errors.Is(err, ErrMissingAccess).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Status == e.Status
}

// The refusals that tests ask for by name. Documentation: topics/opcodes-and-status-codes.mdx, "JSON Error Codes".
var (
	ErrUnauthorized        = &Error{Status: http.StatusUnauthorized, Message: "401: Unauthorized"}
	ErrNotFound            = &Error{Status: http.StatusNotFound, Message: "404: Not Found"}
	ErrMethodNotAllowed    = &Error{Status: http.StatusMethodNotAllowed, Message: "405: Method Not Allowed"}
	ErrUnknownApplication  = &Error{Status: http.StatusNotFound, Code: 10002, Message: "Unknown Application"}
	ErrUnknownChannel      = &Error{Status: http.StatusNotFound, Code: 10003, Message: "Unknown Channel"}
	ErrUnknownGuild        = &Error{Status: http.StatusNotFound, Code: 10004, Message: "Unknown Guild"}
	ErrUnknownMember       = &Error{Status: http.StatusNotFound, Code: 10007, Message: "Unknown Member"}
	ErrUnknownMessage      = &Error{Status: http.StatusNotFound, Code: 10008, Message: "Unknown Message"}
	ErrUnknownRole         = &Error{Status: http.StatusNotFound, Code: 10011, Message: "Unknown Role"}
	ErrUnknownUser         = &Error{Status: http.StatusNotFound, Code: 10013, Message: "Unknown User"}
	ErrUnknownEmoji        = &Error{Status: http.StatusBadRequest, Code: 10014, Message: "Unknown Emoji"}
	ErrUnknownWebhook      = &Error{Status: http.StatusNotFound, Code: 10015, Message: "Unknown Webhook"}
	ErrUnknownInteraction  = &Error{Status: http.StatusNotFound, Code: 10062, Message: "Unknown interaction"}
	ErrUnknownCommand      = &Error{Status: http.StatusNotFound, Code: 10063, Message: "Unknown application command"}
	ErrTooManyCommands     = &Error{Status: http.StatusBadRequest, Code: 30032, Message: "Maximum number of application commands reached (100)"}
	ErrDailyCommands       = &Error{Status: http.StatusTooManyRequests, Code: 30034, Message: "Max number of daily application command creates has been reached (200)"}
	ErrEntityTooLarge      = &Error{Status: http.StatusRequestEntityTooLarge, Code: 40005, Message: "Request entity too large"}
	ErrAlreadyAcknowledged = &Error{Status: http.StatusBadRequest, Code: 40060, Message: "Interaction has already been acknowledged."}
	ErrThreadExists        = &Error{Status: http.StatusBadRequest, Code: 160004, Message: "A thread has already been created for this message"}
	ErrMissingAccess       = &Error{Status: http.StatusForbidden, Code: 50001, Message: "Missing Access"}
	ErrOtherAuthor         = &Error{Status: http.StatusForbidden, Code: 50005, Message: "Cannot edit a message authored by another user"}
	ErrEmptyMessage        = &Error{Status: http.StatusBadRequest, Code: 50006, Message: "Cannot send an empty message"}
	ErrCannotMessageUser   = &Error{Status: http.StatusForbidden, Code: 50007, Message: "Cannot send messages to this user"}
	ErrNonText             = &Error{Status: http.StatusBadRequest, Code: 50008, Message: "Cannot send messages in a non-text channel"}
	ErrMissingPermissions  = &Error{Status: http.StatusForbidden, Code: 50013, Message: "Missing Permissions"}
	ErrBulkDeleteCount     = &Error{Status: http.StatusBadRequest, Code: 50016, Message: "Provided too few or too many messages to delete. Must provide at least 2 and fewer than 100 messages to delete."}
	ErrWrongChannelType    = &Error{Status: http.StatusBadRequest, Code: 50024, Message: "Cannot execute action on this channel type"}
	ErrWebhookToken        = &Error{Status: http.StatusUnauthorized, Code: 50027, Message: "Invalid Webhook Token"}
	ErrBulkDeleteAge       = &Error{Status: http.StatusBadRequest, Code: 50034, Message: "You can only bulk delete messages that are under 14 days old."}
	ErrInvalidForm         = &Error{Status: http.StatusBadRequest, Code: 50035, Message: "Invalid Form Body"}
	ErrArchivedThread      = &Error{Status: http.StatusBadRequest, Code: 50083, Message: "Thread is archived"}
	ErrInvalidJSON         = &Error{Status: http.StatusBadRequest, Code: 50109, Message: "The request body contains invalid JSON."}
	ErrNoHistory           = &Error{Status: http.StatusForbidden, Code: 160002, Message: "Cannot reply without permission to read message history"}
	ErrSlowMode            = &Error{Status: http.StatusTooManyRequests, Code: 20016, Message: "This action cannot be performed due to slowmode rate limit."}
)

// form collects what is wrong with a request body, to be refused all at once with 50035.
type form struct{ fields map[string]FieldError }

// add notes that the value at path is wrong; the first complaint about a path stays.
func (f *form) add(path, code, format string, args ...any) {
	if f.fields == nil {
		f.fields = make(map[string]FieldError)
	}
	if _, ok := f.fields[path]; !ok {
		f.fields[path] = FieldError{code, fmt.Sprintf(format, args...)}
	}
}

// length notes a text whose length in Discord's characters lies outside [lo, hi].
func (f *form) length(path, text string, lo, hi int) {
	switch n := textLength(text); {
	case n == 0 && lo > 0:
		f.add(path, "BASE_TYPE_REQUIRED", "This field is required")
	case n < lo || n > hi && lo > 0:
		f.add(path, "BASE_TYPE_BAD_LENGTH", "Must be between %d and %d in length.", lo, hi)
	case n > hi:
		f.add(path, "BASE_TYPE_MAX_LENGTH", "Must be %d or fewer in length.", hi)
	}
}

// err is the refusal, or nil when nothing was noted.
func (f *form) err() error {
	if len(f.fields) == 0 {
		return nil
	}
	e := *ErrInvalidForm
	e.Fields = f.fields
	return &e
}

// after is the refusal with the time it ends.
func (e *Error) after(d time.Duration) *Error {
	later := *e
	later.RetryAfter = d
	return &later
}

// MarshalJSON writes {"code", "message", "errors"} with the errors nested by path as Discord does:
// {"embeds":{"0":{"title":{"_errors":[{"code","message"}]}}}}.
func (e *Error) MarshalJSON() ([]byte, error) {
	out := map[string]any{"code": e.Code, "message": e.Message}
	if e.RetryAfter > 0 {
		out["retry_after"], out["global"] = roundedSeconds(e.RetryAfter), false
	}
	if len(e.Fields) > 0 {
		root := make(map[string]any)
		for path, field := range e.Fields {
			at := root
			for part := range strings.SplitSeq(path, ".") {
				if part == "" {
					continue
				}
				next, ok := at[part].(map[string]any)
				if !ok {
					next = make(map[string]any)
					at[part] = next
				}
				at = next
			}
			at["_errors"] = []any{map[string]string{"code": field.Code, "message": field.Message}}
		}
		out["errors"] = root
	}
	return json.Marshal(out)
}
