package need

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// lines calls f for the lines of a file, "+" of great need, "-" of none.
func lines(t *testing.T, path string, f func(text string, need bool)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if line[0] != '#' {
			f(strings.TrimSpace(line[1:]), line[0] == '+')
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
	known := count(t, "lines.txt", 20)
	t.Log(known)
	if 100*known.found < 97*known.needs || 500*known.wrong > known.others {
		t.Errorf("what was learnt is not known: %v", known)
	}
}

// tally is what becomes of lines.
type tally struct{ needs, found, others, wrong int }

func (c tally) String() string {
	return fmt.Sprintf("of %d lines of great need %d are known, of %d others %d are taken for it", c.needs, c.found, c.others, c.wrong)
}

// count looks at one in so many lines of a file, of all takes minutes with the race detector.
func count(t *testing.T, path string, oneIn int) (c tally) {
	n := 0
	lines(t, path, func(text string, need bool) {
		if n++; n%oneIn > 0 {
			return
		}
		in := In(text)
		switch {
		case need && in:
			c.found++
		case in:
			c.wrong++
		}
		if need {
			c.needs++
		} else {
			c.others++
		}
	})
	return c
}

// Lines thought of by three who had seen nothing of this: what is known of what was not
// learnt. By the first three hundred a few settings of the classifier were chosen.
func TestInBlind(t *testing.T) {
	word := regexp.MustCompile(`[\p{L}\d]+`)
	simple := func(text string) string {
		return strings.Join(word.FindAllString(strings.ReplaceAll(strings.ToLower(text), "'", ""), -1), " ")
	}
	learnt := map[string]bool{}
	lines(t, "lines.txt", func(text string, _ bool) { learnt[simple(text)] = true })
	lines(t, "testdata/blind.txt", func(text string, _ bool) {
		if learnt[simple(text)] {
			t.Errorf("%q is among what was learnt", text)
		}
	})
	c := count(t, "testdata/blind.txt", 1)
	t.Log(c)
	if c.needs < 300 || c.others < 800 || 10*c.found < 8*c.needs || 50*c.wrong > c.others {
		t.Errorf("%v; want four fifths, and a fiftieth at most", c)
	}
}

// What is said in the middle of much else is found.
func TestInLong(t *testing.T) {
	var long strings.Builder
	for i := range 60 {
		fmt.Fprintf(&long, "and then we went to %s and had %s with %s ", []string{"the park", "school", "a shop", "the sea"}[i%4],
			[]string{"some tea", "a talk", "ice cream"}[i%3], []string{"my aunt", "all of them", "the neighbours", "a friend", "nobody"}[i%5])
	}
	for _, text := range []string{"i have the pills in my hand and i am going to take them all tonight", "my boyfriend locked me in and he hits me"} {
		if In(long.String()) || !In(long.String()+text+" "+long.String()) {
			t.Errorf("%q: %v alone, %v in the middle", text, In(text), In(long.String()+text+" "+long.String()))
		}
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
