package dataset

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Encoder is the part of a tokenizer that rendering needs. Special tokens inside
// text must be encoded as text.
type Encoder interface {
	Encode(text string, allowSpecial bool) []int32
}

// Specials are the ids of the tokens which mark the parts of a document.
type Specials struct{ BOS, End, System, User, Assistant int32 }

// Renderer turns documents into token sequences:
//
//	chat  <|bos|>[<|system|>text<|end|>]<|user|>Name: text<|end|><|assistant|>text<|end|>...
//	text  <|bos|>text<|end|>
//
// A chat longer than MaxTokens is split before a user turn, the system turn
// repeated; NameShare of the conversations whose speaker has no name get one, so
// that the model meets names everywhere.
type Renderer struct {
	Encoder   Encoder
	Specials  Specials
	MaxTokens int     // of a chat sequence
	NameShare float64 // 0 to 1
}

// Sequence is one rendered document. Reply marks the tokens that the assistant
// said, its end token included; in a text every token but the first is marked.
type Sequence struct {
	Tokens []int32
	Reply  []bool
}

func (s *Sequence) add(reply bool, ids ...int32) {
	for _, id := range ids {
		s.Tokens = append(s.Tokens, id)
		s.Reply = append(s.Reply, reply)
	}
}

// Render returns the sequences of d; none if nobody replies in it.
func (r *Renderer) Render(d Document) []Sequence {
	if d.Text != "" {
		var s Sequence
		s.add(false, r.Specials.BOS)
		s.add(true, r.Encoder.Encode(Clean(d.Text), false)...)
		s.add(true, r.Specials.End)
		return []Sequence{s}
	}
	name := r.name(d)
	var head Sequence
	head.add(false, r.Specials.BOS)
	turns := d.Messages
	if turns[0].Role == "system" {
		head.add(false, r.Specials.System)
		head.add(false, r.Encoder.Encode(Clean(turns[0].Content), false)...)
		head.add(false, r.Specials.End)
		turns = turns[1:]
	}
	var out []Sequence
	cur, replies := head.clone(), 0
	for _, m := range turns {
		text := Clean(m.Content)
		if text == "" || m.Role == "system" {
			continue
		}
		if m.Role == "assistant" {
			cur.add(false, r.Specials.Assistant)
			cur.add(true, r.Encoder.Encode(text, false)...)
			cur.add(true, r.Specials.End)
			replies++
			continue
		}
		if n := Clean(m.Name); n != "" {
			text = n + ": " + text
		} else if name != "" {
			text = name + ": " + text
		}
		ids := r.Encoder.Encode(text, false)
		if replies > 0 && len(cur.Tokens)+len(ids)+2 > r.MaxTokens*3/4 {
			out = append(out, cur)
			cur, replies = head.clone(), 0
		}
		cur.add(false, r.Specials.User)
		cur.add(false, ids...)
		cur.add(false, r.Specials.End)
	}
	if replies > 0 {
		out = append(out, cur)
	}
	return out
}

func (s Sequence) clone() Sequence {
	return Sequence{append([]int32(nil), s.Tokens...), append([]bool(nil), s.Reply...)}
}

// name is the speaker's name that a nameless conversation gets, or "". It depends
// on the document alone.
func (r *Renderer) name(d Document) string {
	for _, m := range d.Messages {
		if m.Name != "" {
			return ""
		}
	}
	h := fnv.New64a()
	for _, m := range d.Messages {
		h.Write([]byte(m.Content))
	}
	rng := rand.New(rand.NewPCG(h.Sum64(), 1))
	if rng.Float64() >= r.NameShare {
		return ""
	}
	return names[rng.IntN(len(names))]
}

// names are made up for speakers: first names from many places, and handles such as
// people choose in chats.
var names = strings.Fields(`Adele Amara Anton Asha Bea Bjorn Carmen Chidi Cleo Dario Dilan Edith Emre Esme Farid Fatou
Gita Gustav Hana Henk Ida Imani Ivo Jasmin Joao Kamal Katya Kofi Lars Leila Luca Magda Malik Marit Milan Mina Nadine Nils
Noor Olga Pablo Petra Quentin Rania Rosalie Ruben Sanjay Selma Stefan Tamika Theo Ulla Valentin Vikram Wanda Xiomara Yara
Zeno aster brick cobalt_ dottie fern42 grizzly ivy jinx kettle lumen marmot nimbus otter pickle quokka rook sprout toast
umbra velvet wren yonder zigzag`)

// Clean is the text that a document is encoded from: NFC, \n for line ends, no blanks around.
func Clean(s string) string {
	return strings.TrimSpace(norm.NFC.String(strings.ReplaceAll(s, "\r\n", "\n")))
}
