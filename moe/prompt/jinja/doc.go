// Package jinja runs the chat templates that model files carry, in the part of the
// Jinja language (https://jinja.palletsprojects.com, version 3) that such templates
// use: if, for with its loop variable, break and continue, set, macro, filter and
// generation blocks; expressions with Jinja's operators, tests and filters; methods
// of strings, lists and dicts as Python has them. Blanks around blocks are treated
// as the transformers library does for chat templates: trim_blocks and lstrip_blocks
// are on. What is outside of that is an error of Parse, or of Render where it shows
// only there.
//
// Templates are foreign code: they can neither read nor change anything but the
// values given, and their steps, depth and output are limited. Steps count what is read
// and made, too, so that they bound time and memory.
//
// A Template is safe for concurrent use. Values given to Render are not changed.
package jinja
