package discordtest

// ComponentType is Discord's. Documentation: components/reference.mdx, "Component Types".
type ComponentType int

// The component types known here.
const (
	ActionRow         ComponentType = 1
	Button            ComponentType = 2
	StringSelect      ComponentType = 3
	TextInput         ComponentType = 4
	UserSelect        ComponentType = 5
	RoleSelect        ComponentType = 6
	MentionableSelect ComponentType = 7
	ChannelSelect     ComponentType = 8
	Section           ComponentType = 9
	TextDisplay       ComponentType = 10
	Thumbnail         ComponentType = 11
	MediaGallery      ComponentType = 12
	File              ComponentType = 13
	Separator         ComponentType = 14
	Container         ComponentType = 17
	Label             ComponentType = 18
)

// Component is a part of a message or modal that people see or use. It marshals to Discord's JSON.
// Documentation: components/reference.mdx.
type Component struct {
	Type       ComponentType `json:"type"`
	ID         int           `json:"id,omitempty"`
	CustomID   string        `json:"custom_id,omitempty"`
	Components []Component   `json:"components,omitempty"` // of rows, sections and containers
	Component  *Component    `json:"component,omitempty"`  // of a label
	Accessory  *Component    `json:"accessory,omitempty"`  // of a section

	// Buttons.
	Style    int             `json:"style,omitempty"` // of buttons 1–6; of text inputs 1 short, 2 paragraph
	Label    string          `json:"label,omitempty"`
	Emoji    *ComponentEmoji `json:"emoji,omitempty"`
	URL      string          `json:"url,omitempty"`
	SKU      string          `json:"sku_id,omitempty"`
	Disabled bool            `json:"disabled,omitempty"`

	// Selects.
	Options      []SelectOption `json:"options,omitempty"`
	ChannelTypes []ChannelKind  `json:"channel_types,omitempty"`
	Placeholder  string         `json:"placeholder,omitempty"`
	MinValues    *int           `json:"min_values,omitempty"`
	MaxValues    *int           `json:"max_values,omitempty"`

	// Text inputs.
	MinLength *int   `json:"min_length,omitempty"`
	MaxLength *int   `json:"max_length,omitempty"`
	Required  *bool  `json:"required,omitempty"`
	Value     string `json:"value,omitempty"`

	// The rest of components v2.
	Content     string      `json:"content,omitempty"` // of a text display
	Description string      `json:"description,omitempty"`
	Media       *EmbedMedia `json:"media,omitempty"` // of a thumbnail
	Items       []MediaItem `json:"items,omitempty"` // of a gallery
	File        *EmbedMedia `json:"file,omitempty"`
	Divider     *bool       `json:"divider,omitempty"`
	Spacing     int         `json:"spacing,omitempty"`
	AccentColor *int        `json:"accent_color,omitempty"`
	Spoiler     bool        `json:"spoiler,omitempty"`
}

// ComponentEmoji is the picture on a button or select option.
type ComponentEmoji struct {
	ID       string `json:"id,omitempty"`
	Name     string `json:"name,omitempty"`
	Animated bool   `json:"animated,omitempty"`
}

// SelectOption is one line of a string select.
type SelectOption struct {
	Label       string          `json:"label"`
	Value       string          `json:"value"`
	Description string          `json:"description,omitempty"`
	Emoji       *ComponentEmoji `json:"emoji,omitempty"`
	Default     bool            `json:"default,omitempty"`
}

// MediaItem is one picture of a gallery.
type MediaItem struct {
	Media       EmbedMedia `json:"media"`
	Description string     `json:"description,omitempty"`
	Spoiler     bool       `json:"spoiler,omitempty"`
}

// Modal is a form the bot opened in answer to an interaction.
type Modal struct {
	CustomID   string      `json:"custom_id"`
	Title      string      `json:"title"`
	Components []Component `json:"components"`
}
