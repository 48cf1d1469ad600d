// Package prompt writes a conversation as the tokens a model was trained to read,
// and cuts it to fit the context window. What people write is always text: nothing
// in a message can become a special token or another speaker's line: where speakers
// share a turn, the further lines of a message are indented. Package jinja runs the
// templates that come with foreign models.
//
// A Template is safe for concurrent use.
package prompt
