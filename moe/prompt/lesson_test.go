package prompt

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// marked writes a lesson with the assistant's words in braces.
func marked(show func([]int32) string, ids []int32, reply []bool) string {
	var b strings.Builder
	for i, id := range ids {
		if reply[i] && (i == 0 || !reply[i-1]) {
			b.WriteByte('{')
		}
		b.WriteString(show([]int32{id}))
		if reply[i] && (i+1 == len(ids) || !reply[i+1]) {
			b.WriteByte('}')
		}
	}
	return b.String()
}

func TestLessonMarksTheAssistant(t *testing.T) {
	turns := []Turn{{Role: System, Text: "be"}, {Role: User, Name: "Al", Text: "hi"}, {Role: Assistant, Text: "yo"}, {Role: User, Text: "a"}, {Role: Assistant, Text: "b"}}
	for _, tc := range []struct {
		name     string
		specials []string
		want     string
	}{
		{"own", own, "<|bos|><|system|>be<|end|><|user|>Al: hi<|end|><|assistant|>{yo<|end|>}<|user|>a<|end|><|assistant|>{b<|end|>}"},
		{"ChatML", []string{"<|im_start|>", "<|im_end|>"}, "<|im_start|>system\nbe<|im_end|>\n<|im_start|>user\nAl: hi<|im_end|>\n<|im_start|>assistant\n{yo<|im_end|>}\n" +
			"<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n{b<|im_end|>}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tmpl, tok := newTemplate(t, tc.specials...)
			ids, reply := tmpl.Lesson(turns)
			if len(ids) != len(reply) {
				t.Fatalf("%d tokens, %d marks", len(ids), len(reply))
			}
			if d := cmp.Diff(tc.want, marked(func(ids []int32) string { return show(tok, ids) }, ids, reply)); d != "" {
				t.Error(d)
			}
		})
	}
}

// A template of the model's own marks the same words.
func TestLessonWithScripts(t *testing.T) {
	turns := []Turn{{User, "", "hi"}, {Assistant, "", "yo"}, {User, "", "a"}, {Assistant, "", "b"}, {User, "", "unanswered"}}
	for _, tc := range []struct{ name, source, want string }{
		{"plain", plainScript, "<s><|start|>user\nhi<|end|><|start|>assistant\n{yo<|end|>}<|start|>user\na<|end|><|start|>assistant\n{b<|end|>}"},
		{"with a channel", channelScript, "<|start|>user<|message|>hi<|end|><|start|>assistant<|channel|>final<|message|>{yo<|end|>}<|start|>user<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>{b<|end|>}"},
	} {
		tok := scripted(t, tc.source, scriptTokens...)
		tmpl, err := New(tok)
		if err != nil || tmpl.Warning != nil {
			t.Fatalf("%s: %v, %v", tc.name, err, tmpl.Warning)
		}
		ids, reply := tmpl.Lesson(turns)
		if got := marked(func(ids []int32) string { return show(tok, ids) }, ids, reply); got != tc.want {
			t.Errorf("%s: got  %q\nwant %q", tc.name, got, tc.want)
		}
	}
	for name, source := range map[string]string{"strict": strictScript, "thinking": thinkScript} {
		tok := scripted(t, source, scriptTokens...)
		tmpl, err := New(tok)
		if err != nil || tmpl.Warning != nil {
			t.Fatalf("%s: %v, %v", name, err, tmpl.Warning)
		}
		ids, reply := tmpl.Lesson(turns)
		if got := marked(func(ids []int32) string { return show(tok, ids) }, ids, reply); !strings.HasSuffix(got, "{b"+tok.Token(tmpl.End())+"}") {
			t.Errorf("%s: the last answer is not marked in %q", name, got)
		}
	}
}

func TestLessonsFitTheBudget(t *testing.T) {
	tmpl, tok := newTemplate(t, own...)
	say := func(texts ...string) (turns []Turn) {
		for i, s := range texts {
			turns = append(turns, Turn{Role: []Role{User, Assistant}[i%2], Text: s})
		}
		return turns
	}
	for _, tc := range []struct {
		name   string
		turns  []Turn
		budget int
		want   []string
	}{
		{"all in one", say("a", "b", "c", "d"), 20, []string{"<|bos|><|user|>a<|end|><|assistant|>{b<|end|>}<|user|>c<|end|><|assistant|>{d<|end|>}"}},
		{"two parts, the system turn again", append([]Turn{{Role: System, Text: "s"}}, say("a", "b", "c", "d")...), 12,
			[]string{"<|bos|><|system|>s<|end|><|user|>a<|end|><|assistant|>{b<|end|>}", "<|bos|><|system|>s<|end|><|user|>c<|end|><|assistant|>{d<|end|>}"}},
		{"unanswered", say("a", "b", "c"), 20, []string{"<|bos|><|user|>a<|end|><|assistant|>{b<|end|>}"}},
		{"nobody replies", say("a"), 20, nil},
		{"too long by itself", say("aaaaaaaaaaaaaaaaaa", "b", "c", "d"), 12, []string{"<|bos|><|user|>c<|end|><|assistant|>{d<|end|>}"}},
		{"empty", nil, 12, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ids, replies := tmpl.Lessons(tc.turns, tc.budget)
			var got []string
			for i := range ids {
				if len(ids[i]) > tc.budget {
					t.Errorf("lesson of %d tokens, budget %d", len(ids[i]), tc.budget)
				}
				got = append(got, marked(func(ids []int32) string { return show(tok, ids) }, ids[i], replies[i]))
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
