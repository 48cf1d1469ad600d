package prompt

// Lesson renders a finished conversation to learn from: its tokens, and beside each
// whether the assistant says it, the token that ends its turn included.
func (t *Template) Lesson(turns []Turn) (tokens []int32, reply []bool) {
	tokens = append(tokens, t.start...)
	for _, turn := range turns {
		from := len(tokens) + len(t.open[turn.Role])
		tokens = t.appendTurn(tokens, turn)
		for len(reply) < len(tokens) {
			i := len(reply)
			reply = append(reply, turn.Role == Assistant && i >= from && i <= len(tokens)-len(t.close))
		}
	}
	return tokens, reply
}

// Lessons cuts a conversation into lessons of at most budget tokens. Each begins at a
// user turn, with a leading system turn repeated, and holds as many turns as fit;
// what does not fit by itself, and turns that nobody answers, are left out.
func (t *Template) Lessons(turns []Turn, budget int) (tokens [][]int32, replies [][]bool) {
	var head []Turn
	if len(turns) > 0 && turns[0].Role == System {
		head, turns = turns[:1], turns[1:]
	}
	emit := func(part []Turn) {
		for len(part) > 0 && part[len(part)-1].Role != Assistant {
			part = part[:len(part)-1]
		}
		if len(part) == 0 {
			return
		}
		ids, reply := t.Lesson(append(append([]Turn(nil), head...), part...))
		if len(ids) <= budget {
			tokens, replies = append(tokens, ids), append(replies, reply)
		}
	}
	size := func(part []Turn) int {
		n := len(t.start)
		for _, turn := range append(append([]Turn(nil), head...), part...) {
			n += len(t.appendTurn(nil, turn))
		}
		return n
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
		if len(cur) > 0 && size(append(append([]Turn(nil), cur...), exchange...)) > budget {
			emit(cur)
			cur = nil
		}
		cur = append(cur, exchange...)
	}
	emit(cur)
	return tokens, replies
}
