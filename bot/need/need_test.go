package need

import (
	"os"
	"strings"
	"testing"
)

// Lines as people write them, most thought of by who had not seen the signs, which were
// since made by them: so they say what is known, and not how much of what else there is. "+"
// is great need, "-" only sounds like it; "?" is great need that is not known, and "!" taken
// for it wrongly: what gets better or worse is to be noted there.
func TestIn(t *testing.T) {
	data, err := os.ReadFile("testdata/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	count := map[byte]int{}
	for line := range strings.Lines(string(data)) {
		mark, text := line[0], strings.TrimSpace(line[1:])
		count[mark]++
		if want := mark == '+' || mark == '!'; In(text) != want {
			t.Errorf("%q: %v, want %v", text, !want, want)
		}
	}
	if count['+'] < 3*count['?'] || count['-'] < 200 || count['!'] > 2 {
		t.Errorf("of the lines %d are known, %d are not, %d are taken for it of %d that are none", count['+'], count['?'], count['!'], count['-'])
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
