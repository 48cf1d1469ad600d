package need

import (
	"os"
	"strings"
	"testing"
)

// lines calls f for the lines of a file, "+" of great need, "-" of none; "!" is taken for it wrongly.
func lines(t *testing.T, path string, f func(text string, need bool)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if line[0] != '#' {
			f(strings.TrimSpace(line[1:]), line[0] != '-')
		}
	}
}

// Lines that have taught what is known.
func TestIn(t *testing.T) {
	lines(t, "testdata/lines.txt", func(text string, need bool) {
		if In(text) != need {
			t.Errorf("%q: %v, want %v", text, !need, need)
		}
	})
}

// Lines thought of by two who had seen nothing of this, and from which nothing was learnt but
// a few settings of the classifier: what is known of others.
func TestInBlind(t *testing.T) {
	learnt := map[string]bool{}
	lines(t, "lines.txt", func(text string, _ bool) { learnt[text] = true })
	var of, found, others, wrong int
	lines(t, "testdata/blind.txt", func(text string, need bool) {
		switch in := In(text); {
		case learnt[text]:
			t.Errorf("%q is among what was learnt", text)
		case need:
			if of++; in {
				found++
			}
		default:
			if others++; in {
				wrong++
			}
		}
	})
	t.Logf("of %d lines of great need %d are known, of %d others %d are taken for it", of, found, others, wrong)
	if of < 300 || others < 400 || 5*found < 4*of || 50*wrong > others {
		t.Errorf("of %d lines of great need %d are known, want four fifths; of %d others %d are taken for it, want a fiftieth at most", of, found, others, wrong)
	}
}

func TestInHowever(t *testing.T) {
	for text, want := range map[string]bool{
		"I WANT TO KILL MYSELF":                                       true,
		"i dont   want to live anymore":                               true,
		"I don’t want to live any more":                               true,
		"she's better off without me":                                 false,
		"my kids are better off without me":                           true,
		"i want to kill myself lol this map":                          false,
		"i want to die, i failed my exam":                             true,
		"i don't want to live anymore, i'm alone":                     true,
		"i'm going to kill myself. nobody cares haha":                 true,
		"im suicidal. i have a history of it":                         true,
		"he's not moving, he fell off a horse, i don't have my phone": true,
		"see this log:\n```\nI want to kill myself\n```":              false,
		"> i want to kill myself\nwhat does he mean":                  false,
		"my bot is not responding to slash commands":                  false,
		"my friend isn't answering my dms":                            false,
		"this boss hits me through walls":                             false,
		"i won't be here tomorrow":                                    false,
		"i cant breathe 😂😂😂":                                          false,
		"it's under the chest next to the pressure plate":             false,
		"i got shot through the wall":                                 false,
		"someone tried to kill me in the wilderness":                  false,
		"he choked on the last map":                                   false,
		"my flexbox collapsed":                                        false,
		"my screen turned purple":                                     false,
		"2fa locks me out and i lost my phone":                        false,
		"just pulled a knife, factory new":                            false,
		"someone is following me in dayz":                             false,
		"how do i kill a process on linux":                            false,
		"想死我了":                                                        false,
		"老板想死机":                                                       false,
		"他打我电话":                                                       false,
		"服务器着火了":                                                      false,
		"我不想活了":                                                       true,
		"笑死我了":                                                        false,
		"":                                                            false,
	} {
		if In(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func TestHelp(t *testing.T) {
	for text, want := range map[string]bool{
		"I'm very sorry that it's so dark. Please call an emergency line or tell someone you trust, right now.": true,
		"That's not okay. Please tell somebody you trust, a doctor, a teacher or the police.":                   true,
		"I’m so sorry. Please get help right now: a doctor, a crisis line.":                                     true,
		"I'm sorry to hear that. What happened?":                                                                false,
		"A doctor can look at it, if it hurts on.":                                                              false,
	} {
		if Help(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// The signs are looked for in every question: a long one must not take long.
func BenchmarkIn(b *testing.B) {
	text := strings.Repeat("the quick brown fox was not so quick today, said my mom, and took a pill ", 54)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		In(text)
	}
}
