package discordtest

import "slices"

// IsSelect reports whether people choose values from a component of this type.
func (t ComponentType) IsSelect() bool {
	return t == StringSelect || t >= UserSelect && t <= ChannelSelect
}

// componentCheck walks through the components of a message. Documentation: components/reference.mdx.
type componentCheck struct {
	f     *form
	v2    bool
	count int
	text  int             // characters in text displays
	ids   map[string]bool // custom ids seen
}

// checkComponents notes what is wrong with a message's components.
func checkComponents(list []Component, v2 bool, f *form) {
	c := componentCheck{f: f, v2: v2, ids: make(map[string]bool)}
	// "Legacy Message Component Behavior": up to 5 action rows at the top; with components v2 40 in all.
	if !v2 && len(list) > 5 {
		f.add("components", "BASE_TYPE_MAX_LENGTH", "Must be 5 or fewer in length.")
	}
	for i := range list {
		c.top("components."+itoa(i), &list[i], false)
	}
	if v2 && c.count > 40 {
		f.add("components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", "The total number of components cannot exceed 40.")
	}
	// The documentation gives no limit of text; 4000 characters per message is observed.
	if v2 && c.text > 4000 {
		f.add("components", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", "The total displayable text size must not exceed 4000.")
	}
}

// top checks a component outside an action row.
func (c *componentCheck) top(path string, x *Component, inContainer bool) {
	c.count++
	if !c.v2 && x.Type != ActionRow {
		c.wrongType(path, "(1,)")
		return
	}
	switch x.Type {
	case ActionRow:
		c.row(path, x)
	case TextDisplay:
		c.textDisplay(path, x)
	case Section:
		if n := len(x.Components); n < 1 || n > 3 {
			c.f.add(path+".components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 3 in length.")
		}
		for i := range x.Components {
			c.count++
			if x.Components[i].Type != TextDisplay {
				c.wrongType(path+".components."+itoa(i), "(10,)")
				continue
			}
			c.textDisplay(path+".components."+itoa(i), &x.Components[i])
		}
		switch {
		case x.Accessory == nil:
			c.f.add(path+".accessory", "BASE_TYPE_REQUIRED", "This field is required")
		case x.Accessory.Type == Button:
			c.count++
			c.button(path+".accessory", x.Accessory)
		case x.Accessory.Type == Thumbnail:
			c.count++
			c.f.length(path+".accessory.description", x.Accessory.Description, 0, 1024)
		default:
			c.wrongType(path+".accessory", "(2, 11)")
		}
	case MediaGallery:
		if n := len(x.Items); n < 1 || n > 10 {
			c.f.add(path+".items", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 10 in length.")
		}
	case File, Separator:
	case Container:
		if inContainer {
			c.wrongType(path, "(1, 9, 10, 12, 13, 14)")
			return
		}
		for i := range x.Components {
			c.top(path+".components."+itoa(i), &x.Components[i], true)
		}
	default:
		c.wrongType(path, "(1, 9, 10, 12, 13, 14, 17)")
	}
}

func (c *componentCheck) textDisplay(path string, x *Component) {
	c.f.length(path+".content", x.Content, 1, 4000)
	c.text += textLength(x.Content)
}

// row checks an action row: up to 5 buttons or a single select.
func (c *componentCheck) row(path string, x *Component) {
	if n := len(x.Components); n < 1 || n > 5 {
		c.f.add(path+".components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
	}
	for i := range x.Components {
		c.count++
		child, at := &x.Components[i], path+".components."+itoa(i)
		switch {
		case child.Type == Button:
			c.button(at, child)
		case child.Type.IsSelect():
			if len(x.Components) > 1 {
				c.f.add(path+".components", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width")
			}
			c.selection(at, child)
		default:
			c.wrongType(at, "(2, 3, 5, 6, 7, 8)")
		}
	}
}

// button: styles 1–4 have a custom id, 5 a URL, 6 a SKU; all but the last need a label or an emoji.
func (c *componentCheck) button(path string, x *Component) {
	c.f.length(path+".label", x.Label, 0, 80)
	switch {
	case x.Style < 1 || x.Style > 6:
		c.f.add(path+".style", "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3, 4, 5, 6).")
	case x.Style == 5:
		c.f.length(path+".url", x.URL, 1, 512)
		checkURL(path+".url", x.URL, c.f)
		if x.CustomID != "" {
			c.f.add(path+".custom_id", "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "A custom id and url cannot both be specified")
		}
	case x.Style == 6:
	default:
		c.customID(path, x)
		if x.URL != "" {
			c.f.add(path+".url", "BUTTON_COMPONENT_INVALID_URL", "A url is only for link buttons")
		}
	}
	if x.Style != 6 && x.Label == "" && x.Emoji == nil {
		c.f.add(path, "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED", "A label or emoji is required")
	}
}

func (c *componentCheck) selection(path string, x *Component) {
	c.customID(path, x)
	c.f.length(path+".placeholder", x.Placeholder, 0, 150)
	lo, hi := 1, 1
	if x.MinValues != nil {
		lo = *x.MinValues
	}
	if x.MaxValues != nil {
		hi = *x.MaxValues
	}
	if lo < 0 || lo > 25 {
		c.f.add(path+".min_values", "NUMBER_TYPE_MAX", "int value should be between 0 and 25.")
	}
	if hi < 1 || hi > 25 || hi < lo {
		c.f.add(path+".max_values", "NUMBER_TYPE_MAX", "int value should be between 1 and 25.")
	}
	if x.Type != StringSelect {
		return
	}
	if n := len(x.Options); n < 1 || n > 25 {
		c.f.add(path+".options", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 25 in length.")
	}
	seen := make(map[string]bool)
	for i, o := range x.Options {
		at := path + ".options." + itoa(i)
		c.f.length(at+".label", o.Label, 1, 100)
		c.f.length(at+".value", o.Value, 1, 100)
		c.f.length(at+".description", o.Description, 0, 100)
		if seen[o.Value] {
			c.f.add(at+".value", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "The specified option value is already used")
		}
		seen[o.Value] = true
	}
}

// customID: 1 to 100 characters, unique in the message. Documentation: "Custom ID".
func (c *componentCheck) customID(path string, x *Component) {
	c.f.length(path+".custom_id", x.CustomID, 1, 100)
	if x.CustomID != "" && c.ids[x.CustomID] {
		c.f.add(path+".custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
	}
	c.ids[x.CustomID] = true
}

func (c *componentCheck) wrongType(path, one string) {
	c.f.add(path+".type", "UNION_TYPE_CHOICES", "Value of field \"type\" must be one of %s.", one)
}

// checkModal notes what is wrong with a modal. Documentation: interactions/receiving-and-responding.mdx,
// "Modal": title up to 45 characters, custom id 1–100, 1 to 5 components.
func checkModal(m *Modal, f *form) {
	f.length("data.title", m.Title, 1, 45)
	f.length("data.custom_id", m.CustomID, 1, 100)
	if n := len(m.Components); n < 1 || n > 5 {
		f.add("data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
	}
	c := componentCheck{f: f, ids: make(map[string]bool)}
	for i := range m.Components {
		x, path := &m.Components[i], "data.components."+itoa(i)
		switch x.Type {
		case ActionRow:
			if len(x.Components) != 1 || x.Components[0].Type != TextInput {
				f.add(path+".components", "BASE_TYPE_BAD_LENGTH", "A row of a modal has one text input.")
				continue
			}
			input := &x.Components[0]
			f.length(path+".components.0.label", input.Label, 1, 45)
			c.textInput(path+".components.0", input)
		case Label:
			f.length(path+".label", x.Label, 1, 45)
			f.length(path+".description", x.Description, 0, 100)
			switch {
			case x.Component == nil:
				f.add(path+".component", "BASE_TYPE_REQUIRED", "This field is required")
			case x.Component.Type == TextInput:
				c.textInput(path+".component", x.Component)
			case x.Component.Type.IsSelect():
				c.selection(path+".component", x.Component)
			}
		case TextDisplay:
			c.textDisplay(path, x)
		default:
			c.wrongType(path, "(1, 10, 18)")
		}
	}
}

func (c *componentCheck) textInput(path string, x *Component) {
	c.customID(path, x)
	if x.Style < 0 || x.Style > 2 {
		c.f.add(path+".style", "BASE_TYPE_CHOICES", "Value must be one of (1, 2).")
	}
	c.f.length(path+".value", x.Value, 0, 4000)
	c.f.length(path+".placeholder", x.Placeholder, 0, 100)
	if x.MinLength != nil && (*x.MinLength < 0 || *x.MinLength > 4000) {
		c.f.add(path+".min_length", "NUMBER_TYPE_MAX", "int value should be between 0 and 4000.")
	}
	if x.MaxLength != nil && (*x.MaxLength < 1 || *x.MaxLength > 4000) {
		c.f.add(path+".max_length", "NUMBER_TYPE_MAX", "int value should be between 1 and 4000.")
	}
}

// findComponent looks for the interactive component with a custom id.
func findComponent(list []Component, customID string) *Component {
	for i := range list {
		x := &list[i]
		if x.CustomID == customID && customID != "" {
			return x
		}
		for _, inner := range [][]Component{x.Components, pointee(x.Accessory), pointee(x.Component)} {
			if found := findComponent(inner, customID); found != nil {
				return found
			}
		}
	}
	return nil
}

func pointee(x *Component) []Component {
	if x == nil {
		return nil
	}
	return []Component{*x}
}

// textOf is the text of components that people read, which is parsed for mentions in components v2.
func textOf(list []Component) string {
	var out []byte
	for i := range list {
		x := &list[i]
		if x.Type == TextDisplay {
			out = append(append(out, x.Content...), '\n')
		}
		out = append(out, textOf(x.Components)...)
	}
	return string(out)
}

// numberComponents gives every component without an id the next free one, as Discord does: the parts of a
// message are told apart by them. Documentation: components/reference.mdx, "Anatomy of a Component".
func numberComponents(list []Component) []Component {
	used := make(map[int]bool)
	var collect func([]Component)
	collect = func(list []Component) {
		for i := range list {
			used[list[i].ID] = true
			collect(list[i].Components)
			collect(pointee(list[i].Accessory))
		}
	}
	collect(list)
	next := 1
	var number func([]Component) []Component
	number = func(list []Component) []Component {
		list = slices.Clone(list)
		for i := range list {
			x := &list[i]
			if x.ID == 0 {
				for used[next] {
					next++
				}
				x.ID, used[next] = next, true
			}
			x.Components = number(x.Components)
			if x.Accessory != nil {
				x.Accessory = &number([]Component{*x.Accessory})[0]
			}
		}
		return list
	}
	return number(list)
}
