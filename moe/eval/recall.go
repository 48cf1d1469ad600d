package eval

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed recall.txt
var recallFile string

// Recall is a short conversation whose last answer has to say something that was said
// in it: a name, a thing, a whole sentence.
type Recall struct {
	Kind     string
	Messages []string // of the person, one after the other
	Wanted   []string // one of these, in lower case, must be in the answer to the last
	Line     int      // in the file
}

// Recalls are the conversations that come with the program.
func Recalls() []Recall {
	r, err := ParseRecalls(recallFile)
	if err != nil {
		panic("eval: " + err.Error())
	}
	return r
}

// ParseRecalls reads lines of the form "kind: message | message | wanted/wanted".
// Blank lines and those that begin with # are skipped.
func ParseRecalls(text string) ([]Recall, error) {
	var out []Recall
	for n, line := range statements(text) {
		kind, rest, ok := strings.Cut(line, ": ")
		fields := trimmed(strings.Split(rest, "|"))
		wanted := trimmed(strings.Split(strings.ToLower(fields[len(fields)-1]), "/"))
		if !ok || len(fields) < 2 || slices.Contains(fields, "") || slices.Contains(wanted, "") {
			return nil, fmt.Errorf("recall, line %d: want kind: message | wanted/wanted, have %q", n, line)
		}
		out = append(out, Recall{kind, fields[:len(fields)-1], wanted, n})
	}
	return out, nil
}

func trimmed(texts []string) []string {
	for i, s := range texts {
		texts[i] = strings.TrimSpace(s)
	}
	return texts
}

// Right reports whether an answer to the last message has what is wanted. Case does not count.
func (r Recall) Right(answer string) bool {
	answer = strings.ToLower(answer)
	return slices.ContainsFunc(r.Wanted, func(w string) bool { return strings.Contains(answer, w) })
}

// RecallScore says how many conversations of a kind ended rightly.
type RecallScore struct {
	Kind   string   `json:"kind"`
	Asked  int      `json:"asked"`
	Right  int      `json:"right"`
	Missed []string `json:"missed"` // the last message, and the answer that was wrong
}

// ScoreRecalls judges the answers to the last messages, in order.
func ScoreRecalls(recalls []Recall, answers []string) []RecallScore {
	var out []RecallScore
	for i, r := range recalls {
		at := slices.IndexFunc(out, func(s RecallScore) bool { return s.Kind == r.Kind })
		if at < 0 {
			at = len(out)
			out = append(out, RecallScore{Kind: r.Kind})
		}
		s := &out[at]
		s.Asked++
		if r.Right(answers[i]) {
			s.Right++
		} else {
			s.Missed = append(s.Missed, r.Messages[len(r.Messages)-1]+" → "+answers[i])
		}
	}
	return out
}
