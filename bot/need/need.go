// Package need knows when somebody speaks of great need, their own or another's, in English
// or, less well, Chinese: death by one's own hand, violence, poison, a heart, no breath, a
// fire. A model as small as the embedded one does not know it from a small trouble (see its
// card), and what is said then must be right.
//
// Two look for it, and one is enough: signs.txt, patterns of what is said plainly; and a
// classifier (moe/linear) of how people say it otherwise, learnt from lines.txt, which were
// written for it, and from messages of the model's corpus, that are none:
//
//	go run ./moe/cmd/moe classify -lines bot/need/lines.txt -rate 0.0007 -o bot/need/lines.bin CORPUS/chat/*.jsonl.zst
//
// What both miss, the model answers, which seldom does it well: see Help.
package need

import (
	_ "embed"
	"regexp"
	"strings"
	"sync"

	"moebot/moe/linear"
)

//go:embed signs.txt
var signsText string

//go:embed lines.bin
var learnt []byte

// classifier is what was learnt from lines.txt. It panics if lines.bin is none.
var classifier = sync.OnceValue(func() *linear.Model {
	m, err := linear.Parse(learnt)
	if err != nil {
		panic("need: lines.bin: " + err.Error())
	}
	return m
})

// sign is what great need is told by, but where unless is close by in the same sentence.
type sign struct{ says, unless *regexp.Regexp }

var signs = sync.OnceValue(func() []sign { return parse(signsText) })

// parse reads signs.txt, whose first lines say how. It panics at what is wrong there.
func parse(text string) (out []sign) {
	var names []string // and their parts, as strings.NewReplacer has them
	for block := range strings.SplitSeq(strings.ReplaceAll(text, "\n    ", ""), "\n\n") {
		var says, unless []string
		for line := range strings.Lines(block) {
			line = strings.TrimSuffix(line, "\n")
			switch kind, rest, _ := strings.Cut(line, " "); kind {
			case "+":
				says = append(says, strings.NewReplacer(names...).Replace(rest))
			case "-":
				unless = append(unless, strings.NewReplacer(names...).Replace(rest))
			case "let":
				name, part, _ := strings.Cut(rest, " = ")
				names = append(names, "{"+name+"}", part)
			case "", "#":
			default:
				panic("need: signs.txt: " + line)
			}
		}
		if len(says) == 0 {
			continue
		}
		s := sign{says: regexp.MustCompile(strings.Join(says, "|"))}
		if len(unless) > 0 {
			s.unless = regexp.MustCompile(strings.Join(unless, "|"))
		}
		out = append(out, s)
	}
	return out
}

// In reports whether a message speaks of great need. What stands in code or is quoted is not
// looked at.
func In(text string) bool {
	text = aside.ReplaceAllString(text, "\n")
	if classifier().Score(text) > 0 {
		return true
	}
	text = plain(text)
	for _, sentence := range sentences.Split(text, -1) {
		for _, s := range signs() {
			if s.in(sentence) {
				return true
			}
		}
	}
	return false
}

// nearby is how far from a sign, in bytes, that counts which makes it none.
const nearby = 40

func (s *sign) in(sentence string) bool {
	at := s.says.FindStringIndex(sentence)
	return at != nil && (s.unless == nil || !s.unless.MatchString(sentence[max(0, at[0]-nearby):min(len(sentence), at[1]+nearby)]))
}

var (
	aside     = regexp.MustCompile("(?s)```.*?(?:```|$)|`[^`\\n]*`|(?m:^> .*$)")
	sentences = regexp.MustCompile(`[.!?;\n。！？；]+`)
	blanks    = regexp.MustCompile(`[^\S\n]+`)
)

// bare are words as they are typed without their apostrophe.
var bare = regexp.MustCompile(`\b(?:(can|won|don|doesn|didn|isn|aren|wasn|hasn|haven|couldn|wouldn)t|(he|she|there|somebody|someone|mom|mum|dad|grandma|grandpa)s|(i)m|(i)ve)\b`)

// plain is a text as the signs have it: small letters, straight apostrophes, one blank.
func plain(text string) string {
	text = strings.NewReplacer("’", "'", "‘", "'", "`", "'").Replace(strings.ToLower(text))
	return bare.ReplaceAllStringFunc(blanks.ReplaceAllString(text, " "), func(w string) string {
		end := len(w) - 1
		if strings.HasSuffix(w, "ve") {
			end--
		}
		return w[:end] + "'" + w[end:]
	})
}

var help = regexp.MustCompile(`\b(?:crisis line|emergency (?:line|number)|helpline|the police|get help (?:now|right now|from)|somebody you trust|someone you trust|nobody may do that|an ambulance|call (?:112|911|999))\b`)

// Help reports whether an answer sends somebody for help.
func Help(answer string) bool { return help.MatchString(plain(answer)) }
