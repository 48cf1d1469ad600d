package interp

import (
	"fmt"
	"strings"

	"moebot/moe/prompt"
)

// ProbeSet is labelled text for a probe.
type ProbeSet struct {
	Name     string
	Classes  []string
	Examples []Example
}

// Example is one text, the position at which it is read, its class and its group:
// all examples of one group are either learnt from or tested on, so that a probe
// cannot win by knowing words.
type Example struct {
	IDs   []int32
	At    int
	Class int
	Group int
}

var (
	probeNouns  = strings.Fields("dog man girl bird king horse teacher friend mother child doctor sister")
	probeOwners = strings.Fields("dogs men girls birds kings horses teachers friends mothers children doctors sisters")
	probePlaces = strings.Fields("house tree river road")
	probeVerbs  = strings.Fields("walked/walks went/goes came/comes ran/runs looked/looks turned/turns moved/moves returned/returns pointed/points drove/drives")
	probeTopics = []string{"animals dog cat horse bird fish cow mouse bear sheep fox pig duck",
		"food bread soup meat cheese rice butter cake milk sugar coffee tea fruit",
		"weather rain wind snow storm sun cloud cold fog heat thunder ice frost",
		"family mother father brother sister uncle son daughter aunt wife husband parents child"}
	probeFrames = []string{"We talked about the %s and then we went home", "I thought of the %s when I came home", "He wrote about the %s until he was home", "They asked about the %s on the way home"}
)

// ProbeSets are the labelled properties that come with the program. Each text ends
// in a word that says nothing of its class.
func (l *Lab) ProbeSets() []ProbeSet {
	out := []ProbeSet{l.questions(), l.tenses(), l.numbers(), l.topics(), l.places()}
	if s, ok := l.speakers(); ok {
		out = append(out, s)
	}
	return out
}

// add puts in a text that is read at its last token.
func (s *ProbeSet) add(l *Lab, text string, class, group int) {
	ids := l.Encode(text, false)
	s.Examples = append(s.Examples, Example{ids, len(ids) - 1, class, group})
}

func (l *Lab) questions() ProbeSet {
	s := ProbeSet{Name: "question", Classes: []string{"statement", "question"}}
	for g, n := range probeNouns {
		for _, verb := range []string{"see", "find"} {
			for _, p := range probePlaces {
				s.add(l, fmt.Sprintf("The %s can %s the %s", n, verb, p), 0, g)
				s.add(l, fmt.Sprintf("Can the %s %s the %s", n, verb, p), 1, g)
			}
		}
	}
	return s
}

func (l *Lab) tenses() ProbeSet {
	s := ProbeSet{Name: "tense", Classes: []string{"past", "present"}}
	for g, v := range probeVerbs {
		for i, n := range probeNouns[:5] {
			for class, form := range strings.Split(v, "/") {
				for _, p := range probePlaces[i%2*2 : i%2*2+2] {
					s.add(l, fmt.Sprintf("The %s %s to the %s", n, form, p), class, g)
				}
			}
		}
	}
	return s
}

func (l *Lab) numbers() ProbeSet {
	s := ProbeSet{Name: "number", Classes: []string{"singular", "plural"}}
	for g := range probeNouns {
		for class, n := range []string{probeNouns[g], probeOwners[g]} {
			for _, where := range []string{"near", "behind"} {
				for _, p := range probePlaces {
					s.add(l, fmt.Sprintf("The %s %s the %s", n, where, p), class, g)
				}
			}
		}
	}
	return s
}

func (l *Lab) topics() ProbeSet {
	s := ProbeSet{Name: "topic"}
	g := 0
	for class, line := range probeTopics {
		words := strings.Fields(line)
		s.Classes = append(s.Classes, words[0])
		for _, w := range words[1:] {
			for _, frame := range probeFrames {
				s.add(l, fmt.Sprintf(frame, w), class, g)
			}
			g++
		}
	}
	return s
}

// places asks whether a token stands early or late, whatever token it is.
func (l *Lab) places() ProbeSet {
	s := ProbeSet{Name: "position", Classes: []string{"token 2 to 6", "token 16 on"}}
	for g, text := range l.sentences() {
		ids := l.Encode(text, false)
		if len(ids) < 18 {
			continue
		}
		for i := range 3 {
			late := 16 + (g*7+i*5)%(len(ids)-16)
			s.Examples = append(s.Examples, Example{ids, 2 + (g+2*i)%5, 0, len(s.Examples) / 6}, Example{ids, late, 1, len(s.Examples) / 6})
		}
	}
	return s
}

// sentences are those that come with the program.
func (l *Lab) sentences() (out []string) {
	for text := range strings.SplitSeq(strings.TrimSpace(builtin), "\n") {
		if !strings.HasPrefix(text, "# ") {
			out = append(out, text)
		}
	}
	names, lists := Concepts()
	for _, n := range names {
		out = append(out, lists[n]...)
	}
	return out
}

// speakers asks whose turn it is, by the chat format of the model if it has one.
func (l *Lab) speakers() (ProbeSet, bool) {
	tmpl, err := prompt.New(l.Tok)
	if err != nil {
		return ProbeSet{}, false
	}
	s := ProbeSet{Name: "speaker", Classes: []string{"user", "assistant"}}
	g := 0
	for _, text := range l.sentences() {
		said := l.Tok.Encode(text, false)
		own := append(tmpl.Render([]prompt.Turn{{Role: prompt.User, Text: "Hello"}}), said...)
		// The text as the user's second turn, cut off behind its last token.
		other := tmpl.Render([]prompt.Turn{{Role: prompt.User, Text: "Hello"}, {Role: prompt.User, Text: text}})
		end := len(other)
		for end > len(said) && !equalTail(other[:end], said) {
			end--
		}
		if end == len(said) || len(own) > l.length || end > l.length {
			continue
		}
		s.Examples = append(s.Examples, Example{other[:end], end - 1, 0, g}, Example{own, len(own) - 1, 1, g})
		g++
	}
	return s, g >= 10
}

func equalTail(ids, tail []int32) bool {
	for i, id := range tail {
		if ids[len(ids)-len(tail)+i] != id {
			return false
		}
	}
	return true
}
