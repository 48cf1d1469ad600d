package prompt

// Fitted is a prompt and what became of the turns it was made from.
type Fitted struct {
	Tokens  []int32
	Dropped int  // turns left out, oldest first, the system turn never
	Cut     bool // the newest turn alone was too long and lost its middle
}

// Fit renders the newest turns that fit budget tokens. A leading system turn stays.
//
// When turns must go, they go down to three quarters of the budget at once, and the
// border depends only on the turns before it: as a conversation grows, many prompts
// in a row begin with the same tokens, which a prefix cache need not read again.
// The last turn stays in any case; if it is too long by itself, its middle is left out.
func (t *Template) Fit(turns []Turn, budget int) Fitted {
	fixed := len(t.start) + len(t.open[Assistant])
	var head []Turn
	if len(turns) > 0 && turns[0].Role == System {
		head, turns = turns[:1], turns[1:]
		fixed += len(t.appendTurn(nil, head[0]))
		if fixed > budget/2 { // a system text may not crowd out the conversation
			head, fixed = nil, len(t.start)+len(t.open[Assistant])
		}
	}
	if len(turns) == 0 {
		return Fitted{Tokens: t.Render(head)}
	}
	sizes := make([]int, len(turns))
	for i, turn := range turns {
		sizes[i] = len(t.appendTurn(nil, turn))
	}
	from := t.border(sizes, budget-fixed)
	kept := append(append([]Turn(nil), head...), turns[from:]...)
	f := Fitted{Tokens: t.Render(kept), Dropped: from}
	if len(f.Tokens) > budget {
		last := len(kept) - 1
		kept[last] = t.shorten(kept[last], budget-fixed)
		f.Tokens, f.Cut = t.Render(kept), true
	}
	return f
}

// border is the first turn that stays. It walks through the conversation as it
// grew: each time the turns since the border pass the room, the border moves up
// until they fill three quarters of it.
func (t *Template) border(sizes []int, room int) int {
	from, sum := 0, 0
	for i, n := range sizes {
		sum += n
		if sum <= room {
			continue
		}
		for from < i && sum > room*3/4 {
			sum -= sizes[from]
			from++
		}
	}
	return from
}

// shorten leaves out the middle of a turn so that it takes at most room tokens.
func (t *Template) shorten(turn Turn, room int) Turn {
	const gap = " ... "
	text := []rune(turn.Text)
	lo, hi := 0, len(text)
	for lo < hi { // the largest number of characters that fits
		n := (lo + hi + 1) / 2
		s := turn
		s.Text = string(text[:n-n/2]) + gap + string(text[len(text)-n/2:])
		if len(t.appendTurn(nil, s)) <= room {
			lo = n
		} else {
			hi = n - 1
		}
	}
	turn.Text = string(text[:lo-lo/2]) + gap + string(text[len(text)-lo/2:])
	return turn
}
