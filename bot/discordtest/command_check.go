package discordtest

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// commandName is what slash commands and options may be called. Documentation:
// interactions/application-commands.mdx, "Application Command Naming".
var commandName = regexp.MustCompile(`^[-_'\p{L}\p{N}\p{Devanagari}\p{Thai}]{1,32}$`)

// locales are the keys of localizations. Documentation: reference.mdx, "Locales".
var locales = []string{"id", "da", "de", "en-GB", "en-US", "es-ES", "es-419", "fr", "hr", "it", "lt", "hu", "nl",
	"no", "pl", "pt-BR", "ro", "fi", "sv-SE", "vi", "tr", "cs", "el", "bg", "ru", "uk", "hi", "th", "zh-CN", "ja", "zh-TW", "ko"}

// checkCommand notes what is wrong with a command to be registered. prefix is the path of the command in the
// request, with a dot at its end, or empty.
func checkCommand(c *Command, prefix string, f *form) {
	switch c.Type {
	case ChatInput:
		checkName(prefix+"name", c.Name, f)
		f.length(prefix+"description", c.Description, 1, 100)
	case UserCommand, MessageCommand:
		f.length(prefix+"name", c.Name, 1, 32)
		if c.Description != "" {
			f.add(prefix+"description", "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION", "Context menu commands cannot have description")
		}
		if len(c.Options) > 0 {
			f.add(prefix+"options", "APPLICATION_COMMAND_CONTEXT_MENU_OPTIONS", "Context menu commands cannot have options")
		}
	default:
		f.add(prefix+"type", "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3).")
	}
	for key, name := range c.NameLocalizations {
		checkLocale(prefix+"name_localizations", key, f)
		if c.Type == ChatInput {
			checkName(prefix+"name_localizations."+key, name, f)
		} else {
			f.length(prefix+"name_localizations."+key, name, 1, 32)
		}
	}
	for key, text := range c.DescriptionLocalizations {
		checkLocale(prefix+"description_localizations", key, f)
		f.length(prefix+"description_localizations."+key, text, 1, 100)
	}
	for i, context := range c.Contexts {
		if context < 0 || context > 2 {
			f.add(prefix+"contexts."+itoa(i), "BASE_TYPE_CHOICES", "Value must be one of (0, 1, 2).")
		}
	}
	for i, kind := range c.IntegrationTypes {
		if kind < 0 || kind > 1 {
			f.add(prefix+"integration_types."+itoa(i), "BASE_TYPE_CHOICES", "Value must be one of (0, 1).")
		}
	}
	checkOptions(c.Options, prefix+"options", 0, f)
	// "a maximum of 8000 characters for combined name, description, and value properties ... only the longest
	// localization for each field (including the default value) is counted".
	if n := commandSize(c); n > 8000 {
		f.add(prefix+"name", "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)")
	}
}

func checkName(path, name string, f *form) {
	f.length(path, name, 1, 32)
	if name != "" && (!commandName.MatchString(name) || name != lower(name)) {
		f.add(path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
	}
}

// lower uses the lowercase variant where there is one.
func lower(s string) string { return strings.Map(unicode.ToLower, s) }

func checkLocale(path, key string, f *form) {
	if !slices.Contains(locales, key) {
		f.add(path, "DICT_TYPE_INVALID_KEY", "Key %q is not a locale.", key)
	}
}

// checkOptions notes what is wrong with options; depth is 0 for a command, 1 for a group, 2 for a sub-command.
// Documentation: "Application Command Option Structure", "Subcommands and Subcommand Groups".
func checkOptions(options []CommandOption, path string, depth int, f *form) {
	if len(options) > 25 {
		f.add(path, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
	}
	names := make(map[string]bool)
	optional, nested, plain := false, false, false
	for i := range options {
		o, at := &options[i], path+"."+itoa(i)
		checkName(at+".name", o.Name, f)
		f.length(at+".description", o.Description, 1, 100)
		if names[o.Name] {
			f.add(path, "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATE", "Option name already used")
		}
		names[o.Name] = true
		for key, text := range o.NameLocalizations {
			checkLocale(at+".name_localizations", key, f)
			checkName(at+".name_localizations."+key, text, f)
		}
		for key, text := range o.DescriptionLocalizations {
			checkLocale(at+".description_localizations", key, f)
			f.length(at+".description_localizations."+key, text, 1, 100)
		}
		switch o.Type {
		case SubCommandGroup:
			nested = true
			if depth > 0 {
				f.add(at+".type", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-command groups are only allowed in a command")
			}
			if slices.ContainsFunc(o.Options, func(x CommandOption) bool { return x.Type != SubCommand }) {
				f.add(at+".options", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "A sub-command group has sub-commands only")
			}
			checkOptions(o.Options, at+".options", 1, f)
		case SubCommand:
			nested = true
			if depth > 1 {
				f.add(at+".type", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-commands cannot be nested in sub-commands")
			}
			checkOptions(o.Options, at+".options", 2, f)
		default:
			plain = true
			// "Required options must be listed before optional options".
			if o.Required && optional {
				f.add(at, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", "Required options must be placed before non-required options")
			}
			optional = optional || !o.Required
			checkValueOption(o, at, f)
		}
	}
	if nested && plain {
		f.add(path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-command and sub-command group option types are mutually exclusive to all other types")
	}
}

// checkValueOption checks an option that takes a value.
func checkValueOption(o *CommandOption, path string, f *form) {
	if o.Type < StringOption || o.Type > AttachmentOption {
		f.add(path+".type", "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11).")
		return
	}
	number := o.Type == IntegerOption || o.Type == NumberOption
	if !number && (o.MinValue != nil || o.MaxValue != nil) {
		f.add(path+".min_value", "APPLICATION_COMMAND_OPTIONS_RANGE_INVALID", "Only numbers have a range")
	}
	if o.Type == IntegerOption {
		for _, bound := range []*float64{o.MinValue, o.MaxValue} {
			if bound != nil && *bound != math.Trunc(*bound) {
				f.add(path+".min_value", "NUMBER_TYPE_COERCE", "Value %v is not int.", *bound)
			}
		}
	}
	if o.MinValue != nil && o.MaxValue != nil && *o.MinValue > *o.MaxValue {
		f.add(path+".max_value", "NUMBER_TYPE_MIN", "max_value must not be less than min_value.")
	}
	if o.MinLength != nil && (*o.MinLength < 0 || *o.MinLength > 6000 || o.Type != StringOption) {
		f.add(path+".min_length", "NUMBER_TYPE_MAX", "int value should be between 0 and 6000.")
	}
	if o.MaxLength != nil && (*o.MaxLength < 1 || *o.MaxLength > 6000 || o.Type != StringOption) {
		f.add(path+".max_length", "NUMBER_TYPE_MAX", "int value should be between 1 and 6000.")
	}
	text := o.Type == StringOption || number
	if o.Autocomplete && (!text || len(o.Choices) > 0) {
		f.add(path+".autocomplete", "APPLICATION_COMMAND_OPTION_AUTOCOMPLETE_CHOICES_INVALID", "Autocomplete is for options of text or numbers without choices")
	}
	if len(o.Choices) > 0 && !text {
		f.add(path+".choices", "APPLICATION_COMMAND_OPTIONS_CHOICES_INVALID", "Choices are for text and numbers only")
	}
	checkChoices(o.Choices, o.Type, path+".choices", f)
}

// checkChoices notes what is wrong with choices of an option, or suggested by autocompletion. Documentation:
// "Application Command Option Choice Structure": 25 at most, name 1–100, text up to 100 characters.
func checkChoices(choices []Choice, kind OptionType, path string, f *form) {
	if len(choices) > 25 {
		f.add(path, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
	}
	names := make(map[string]bool)
	for i, c := range choices {
		at := path + "." + itoa(i)
		f.length(at+".name", c.Name, 1, 100)
		if names[c.Name] {
			f.add(path, "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_DUPLICATE", "Option choice names must be unique")
		}
		names[c.Name] = true
		for key, text := range c.NameLocalizations {
			checkLocale(at+".name_localizations", key, f)
			f.length(at+".name_localizations."+key, text, 1, 100)
		}
		var value any
		if json.Unmarshal(c.Value, &value) != nil {
			f.add(at+".value", "BASE_TYPE_REQUIRED", "This field is required")
			continue
		}
		switch v := value.(type) {
		case string:
			if kind != StringOption {
				f.add(at+".value", "NUMBER_TYPE_COERCE", "Value %q is not a number.", v)
			}
			f.length(at+".value", v, 0, 100)
		case float64:
			if kind == StringOption || kind == IntegerOption && v != math.Trunc(v) {
				f.add(at+".value", "BASE_TYPE_CONVERT", "Value %v does not fit the option's type.", v)
			}
		default:
			f.add(at+".value", "BASE_TYPE_REQUIRED", "This field is required")
		}
	}
}

func commandSize(c *Command) int {
	return longest(c.Name, c.NameLocalizations) + longest(c.Description, c.DescriptionLocalizations) + optionsSize(c.Options)
}

func optionsSize(options []CommandOption) int {
	n := 0
	for i := range options {
		o := &options[i]
		n += longest(o.Name, o.NameLocalizations) + longest(o.Description, o.DescriptionLocalizations) + optionsSize(o.Options)
		for _, c := range o.Choices {
			n += longest(c.Name, c.NameLocalizations)
			var text string
			if json.Unmarshal(c.Value, &text) == nil {
				n += textLength(text)
			}
		}
	}
	return n
}

func longest(text string, localized map[string]string) int {
	n := textLength(text)
	for _, t := range localized {
		n = max(n, textLength(t))
	}
	return n
}
