package prompt

import "slices"

// Lesson renders a finished conversation to learn from: its tokens, and beside each
// whether the assistant says it, the token that ends its turn included. It ends with
// the last turn of the assistant; without one it is empty.
//
// A template that came with a model may render earlier turns otherwise once more
// follow, as those do that leave out old thoughts: then only the last is marked.
func (t *Template) Lesson(turns []Turn) (tokens []int32, reply []bool) {
	last := len(turns) - 1
	for last >= 0 && turns[last].Role != Assistant {
		last--
	}
	if last < 0 {
		return nil, nil
	}
	tokens = append(t.Render(turns[:last]), t.said(turns[last])...)
	reply = make([]bool, len(tokens))
	for i, turn := range turns[:last+1] {
		if turn.Role != Assistant {
			continue
		}
		before, said := t.Render(turns[:i]), t.said(turn)
		if len(before)+len(said) <= len(tokens) && slices.Equal(before, tokens[:len(before)]) && slices.Equal(said, tokens[len(before):][:len(said)]) {
			for j := range said {
				reply[len(before)+j] = true
			}
		}
	}
	return tokens, reply
}

// said is what the assistant says in a turn, with the token that ends it if there is one.
func (t *Template) said(turn Turn) []int32 {
	ids := t.tok.Encode(turn.text(), false)
	if end := t.End(); end >= 0 {
		ids = append(ids, end)
	}
	return ids
}

// Lessons cuts a conversation into lessons of at most budget tokens. Each begins at a
// user turn, with a leading system turn repeated, and holds as many turns as fit;
// what does not fit by itself, and turns that nobody answers, are left out.
func (t *Template) Lessons(turns []Turn, budget int) (tokens [][]int32, replies [][]bool) {
	var head []Turn
	if len(turns) > 0 && turns[0].Role == System {
		head, turns = turns[:1], turns[1:]
	}
	lesson := func(part []Turn) ([]int32, []bool) {
		return t.Lesson(append(append([]Turn(nil), head...), part...))
	}
	emit := func(part []Turn) {
		if ids, reply := lesson(part); len(ids) > 0 && len(ids) <= budget {
			tokens, replies = append(tokens, ids), append(replies, reply)
		}
	}
	var cur []Turn
	for len(turns) > 0 {
		// the next exchange: up to before the user turn that follows a reply
		n := 1
		for n < len(turns) && !(turns[n].Role == User && turns[n-1].Role == Assistant) {
			n++
		}
		exchange := turns[:n]
		turns = turns[n:]
		if len(cur) > 0 {
			if ids, _ := lesson(append(append([]Turn(nil), cur...), exchange...)); len(ids) > budget {
				emit(cur)
				cur = nil
			}
		}
		cur = append(cur, exchange...)
	}
	emit(cur)
	return tokens, replies
}
