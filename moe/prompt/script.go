package prompt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"moebot/moe/prompt/jinja"
	"moebot/moe/tokenizer"
)

// script renders conversations with the chat template of a model's file.
type script struct {
	tok      *tokenizer.Tokenizer
	template *jinja.Template
	form     form
	controls []string // texts of the control tokens, the longest first
	begin    string   // written behind what the template itself opens the assistant's turn with
	end      int32    // ends a turn; -1 if written and the vocabulary has no such token
	written  bool     // the template is ChatML, whose borders are text
	fixed    int      // tokens of a prompt beside its turns, about,
	told     int      // and of one with a system turn, where the template may leave out a text of its own
	perTurn  int      // tokens of a turn beside its text, about
}

// form is how a conversation is laid out for a template that is not made for all
// that can happen in a channel. Each form does what the one before does, too.
type form uint8

const (
	asItIs   form = iota
	takesIn       // neighbouring turns of one role become one, and the first is a user's
	noSystem      // what the system says stands before the first user's words
	forms
)

// newScript reads a template and tries it on conversations of all kinds. An error
// says why it cannot be used.
func newScript(tok *tokenizer.Tokenizer, source string) (*script, error) {
	s := &script{tok: tok}
	return s, s.read(source)
}

// writtenScript is ChatML for a vocabulary without its tokens. The text of a prompt is
// encoded as one, as llama.cpp does, so words at a border may share a token with it.
func writtenScript(tok *tokenizer.Tokenizer) (*script, error) {
	s := &script{tok: tok, written: true}
	return s, s.read("{% for m in messages %}{{ '" + imStart + "' + m.role + '\n' + m.content + '" + imEnd + "\n' }}{% endfor %}{% if add_generation_prompt %}{{ '" + imStart + "assistant\n' }}{% endif %}")
}

func (s *script) read(source string) error {
	template, err := jinja.Parse(source)
	if err != nil {
		return err
	}
	s.template = template
	tok := s.tok
	for id := range int32(tok.Size()) {
		if tok.IsControl(id) && tok.Token(id) != "" {
			s.controls = append(s.controls, tok.Token(id))
		}
	}
	slices.SortStableFunc(s.controls, func(a, b string) int { return len(b) - len(a) })
	hard := []Turn{{System, "", "Text1"}, {Assistant, "", "Text2"}, {User, "", "Text3"}, {User, "", "Text4"}, {Assistant, "", "Text5"}, {User, "", "Text6"}}
	for ; s.form < forms; s.form++ {
		if err = s.try(hard); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	return s.learn()
}

// try renders a conversation and looks for all its texts, each behind the one before;
// but a template may tell what the system says wherever it likes.
func (s *script) try(turns []Turn) error {
	out, err := s.text(turns, true)
	if err != nil {
		return err
	}
	rest := out
	for _, turn := range s.form.arrange(turns) {
		for _, part := range strings.Fields(turn.Text) {
			if turn.Role == System && strings.Contains(out, part) {
				continue
			}
			_, behind, ok := strings.Cut(rest, part)
			if !ok {
				return fmt.Errorf("it leaves out what the %s says", turn.Role)
			}
			rest = behind
		}
	}
	return nil
}

// learn finds out how the template ends a turn and begins the assistant's, and how
// many tokens it adds.
func (s *script) learn() error {
	ask, answer, more := Turn{User, "", "Text1"}, Turn{Assistant, "", "Text2"}, Turn{User, "", "Text3"}
	open, err := s.text([]Turn{ask}, true)
	if err != nil {
		return err
	}
	whole, err := s.text([]Turn{ask, answer, more}, false)
	if err != nil {
		return err
	}
	_, said, _ := strings.Cut(whole, ask.Text)
	before, after, _ := strings.Cut(said, answer.Text)
	_, opened, _ := strings.Cut(open, ask.Text)
	// A model may open its turn with tokens of its own choice, gpt-oss with a channel.
	// The template shows how an answer that was given was opened.
	if extra, ok := strings.CutPrefix(before, opened); ok && s.firstControl(extra) >= 0 {
		s.begin = extra
	}
	after, _, _ = strings.Cut(after, more.Text)
	switch spec := s.tok.Spec(); {
	case s.firstControl(after) >= 0:
		s.end = s.firstControl(after)
	case spec.EOT >= 0:
		s.end = spec.EOT
	case spec.EOS >= 0:
		s.end = spec.EOS
	case s.written:
		s.end = -1
	default:
		return errors.New("nothing in it ends a turn, and the vocabulary has no token for that")
	}
	text := len(s.tok.Encode(ask.Text, false))
	one, three := len(s.encode(open)), len(s.encode(whole))
	s.perTurn = max(0, (three-one+1)/2-text) + 2
	told, err := s.text([]Turn{{System, "", "Text0"}, ask}, true)
	if err != nil {
		return err
	}
	begin := len(s.tok.Encode(s.begin, true))
	s.fixed = max(0, one-text-s.perTurn) + begin
	s.told = max(0, len(s.encode(told))-2*(text+s.perTurn))
	return nil
}

// is reports whether the script makes the same prompts as a template without one.
func (s *script) is(t *Template) bool {
	system, user, other, answer := Turn{System, "", "Be kind."}, Turn{User, "Mia", "Hi."}, Turn{User, "", "And?"}, Turn{Assistant, "", "Well."}
	for _, turns := range [][]Turn{{user}, {user, answer, user, other}, {system, user, answer, other}, {system, answer, user}} {
		if out, err := s.text(turns, true); err != nil || !slices.Equal(s.encode(out), t.Render(turns)) {
			return false
		}
	}
	return s.form == asItIs && s.end == t.End()
}

// firstControl is the control token that comes first in a text, -1 if there is none.
func (s *script) firstControl(text string) int32 {
	best, first := "", len(text)
	for _, c := range s.controls {
		if i := strings.Index(text, c); i >= 0 && i < first {
			best, first = c, i
		}
	}
	if best == "" {
		return -1
	}
	id, _ := s.tok.ID(best)
	return id
}

// arrange lays a conversation out. The turns given are not changed.
func (f form) arrange(turns []Turn) []Turn {
	if f == asItIs {
		return turns
	}
	var out []Turn
	system := ""
	for _, turn := range turns {
		named := turn.Role == User && turn.Name != ""
		turn.Text, turn.Name = turn.text(), ""
		if named {
			turn.Text = indented(turn.Text)
		}
		switch last := len(out) - 1; {
		case turn.Role == System && f == noSystem:
			system += turn.Text + "\n\n"
		case turn.Role == Assistant && (last < 0 || out[last].Role == System):
			// an answer to what has been forgotten
		case last >= 0 && out[last].Role == turn.Role:
			out[last].Text += "\n" + turn.Text
		default:
			out = append(out, turn)
		}
	}
	if system != "" && len(out) > 0 {
		out[0].Text = system + out[0].Text
	} else if system != "" {
		out = []Turn{{User, "", strings.TrimSpace(system)}}
	}
	return out
}

// indented is a text whose further lines do not begin as a speaker's.
func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n  ") }

// text renders a conversation, what people say hidden so that it holds no control
// token, and with open begins the assistant's next turn.
func (s *script) text(turns []Turn, open bool) (string, error) {
	messages := jinja.NewList()
	for _, turn := range s.form.arrange(turns) {
		messages.Items = append(messages.Items, jinja.NewDict("role", string(turn.Role), "content", s.hide(turn.text())))
	}
	spec := s.tok.Spec()
	name := func(id int32) string {
		if id < 0 {
			return ""
		}
		return s.tok.Token(id)
	}
	out, err := s.template.Render(map[string]any{"messages": messages, "add_generation_prompt": open, "bos_token": name(spec.BOS), "eos_token": name(spec.EOS),
		"enable_thinking": false, // a chat wants the answer
		"strftime_now": jinja.Func(func(args []any) (any, error) {
			if len(args) != 1 {
				return nil, errors.New("strftime_now wants a format")
			}
			format, _ := args[0].(string)
			return strftime(time.Now(), format), nil
		})})
	if err == nil && open {
		out += s.begin
	}
	return out, err
}

// render is the prompt's tokens. A conversation that the template refuses for what
// is said in it is tried in simpler forms, and at last written without it.
func (s *script) render(turns []Turn) []int32 {
	simpler := *s
	for ; simpler.form < forms; simpler.form++ {
		if out, err := simpler.text(turns, true); err == nil && simpler.tells(out, turns) {
			return s.encode(out)
		}
	}
	var plain strings.Builder
	for _, turn := range turns {
		plain.WriteString(string(turn.Role) + ": " + s.hide(indented(turn.text())) + "\n")
	}
	return s.encode(plain.String() + string(Assistant) + ":")
}

// tells reports whether a conversation that does not end with a user's turn came out with
// what the system says: some templates tell that before the last turn, if it is a user's.
func (s *script) tells(out string, turns []Turn) bool {
	if len(turns) == 0 || turns[len(turns)-1].Role == User {
		return true
	}
	for _, turn := range s.form.arrange(turns) {
		for _, part := range strings.Fields(s.hide(turn.text())) {
			if turn.Role == System && !strings.Contains(out, part) {
				return false
			}
		}
	}
	return true
}

// hidden is where the characters of a control token's text are moved to, a plane of
// Unicode for private use, so that neither template nor tokenizer takes what a
// person writes for the token.
const hidden = 0xf0000

// hide moves the control tokens written out in a text out of sight. Borders that are
// text, which nothing can hide, get a blank inside.
func (s *script) hide(text string) string {
	if s.written {
		text = strings.ReplaceAll(text, "<|im_", "<| im_")
	}
	text = strings.Map(func(c rune) rune {
		if c >= hidden {
			return '\ufffd'
		}
		return c
	}, text)
	for _, c := range s.controls {
		if strings.Contains(text, c) {
			text = strings.ReplaceAll(text, c, strings.Map(func(r rune) rune { return r + hidden }, c))
		}
	}
	return text
}

func isHidden(c rune) bool { return c >= hidden }

func reveal(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= hidden {
			c -= hidden
		}
		return c
	}, text)
}

// encode turns what text returned to tokens, control tokens of the template's own
// among them.
func (s *script) encode(text string) []int32 {
	var out []int32
	if spec := s.tok.Spec(); spec.AddBOS && spec.BOS >= 0 && !strings.HasPrefix(text, s.tok.Token(spec.BOS)) {
		out = []int32{spec.BOS}
	}
	for strings.ContainsFunc(text, isHidden) { // the text around what is hidden, up to the next control tokens, is plain
		at := strings.IndexFunc(text, isHidden)
		from, to := 0, len(text)
		for _, c := range s.controls {
			if i := strings.LastIndex(text[:at], c); i >= 0 {
				from = max(from, i+len(c))
			}
			if i := strings.Index(text[at:], c); i >= 0 {
				to = min(to, at+i)
			}
		}
		out = s.tok.Append(out, text[:from], true)
		out = s.tok.Append(out, reveal(text[from:to]), false)
		text = text[to:]
	}
	return s.tok.Append(out, text, true)
}

// strftime writes a time as C's function of that name, in English.
func strftime(t time.Time, format string) string {
	layouts := map[byte]string{'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'B': "January", 'b': "Jan", 'h': "Jan", 'A': "Monday", 'a': "Mon", 'H': "15", 'I': "03", 'M': "04", 'S': "05",
		'p': "PM", 'Z': "MST", 'z': "-0700", 'j': "002", 'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06", 'R': "15:04"}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		short := format[i] == '-' && i+1 < len(format)
		if short {
			i++
		}
		layout, ok := layouts[format[i]]
		switch part := t.Format(layout); {
		case !ok:
			b.WriteString(format[i : i+1])
		case short:
			b.WriteString(cmp.Or(strings.TrimLeft(part, "0 "), "0"))
		default:
			b.WriteString(part)
		}
	}
	return b.String()
}
