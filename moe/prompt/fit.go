package prompt

import (
	"hash/fnv"
	"io"
	"slices"
)

// Fitted is a prompt and what became of the turns it was made from.
type Fitted struct {
	Tokens  []int32
	Dropped int  // turns left out, oldest first; a leading system turn is not counted and never left out
	Cut     bool // the newest turn, or the system turn, was too long and lost its middle
}

// maxTurns is how many turns a prompt holds at most. Whoever stores a conversation
// and keeps more than this may forget the oldest one by one: the prompt begins later.
const maxTurns = 40

// most is how many turns a prompt of t holds at most.
func (t *Template) most() int {
	if t.Keeps > 0 {
		return max(2, min(maxTurns, t.Keeps*2/3))
	}
	return maxTurns
}

// Fit renders the newest turns that fit budget tokens, and no more turns than Keeps
// allows. A leading system turn stays.
//
// When turns must go, more go than need be: the prompt keeps between half and all
// of the room, three quarters on average, and begins at a turn that is chosen by
// its own text among those possible. So, as a conversation grows, most prompts
// begin as the one before, which a prefix cache need not read again, even if the
// turns given are themselves cut off at the front. The last turn stays in any case;
// if it is too long by itself, its middle is left out.
func (t *Template) Fit(turns []Turn, budget int) Fitted {
	var f Fitted
	told := len(turns) > 0 && turns[0].Role == System
	fixed := t.fixed(told)
	var kept []Turn
	if told {
		system := turns[0]
		turns = turns[1:]
		if n := t.cost(system); fixed+n > budget/2 { // it may not crowd out the conversation
			system, f.Cut = t.shorten(system, budget/2-fixed), true
		}
		kept = append(kept, system)
		fixed += t.cost(system)
	}
	if len(turns) > 0 {
		f.Dropped = t.border(turns, budget-fixed)
		kept = append(kept, turns[f.Dropped:]...)
	}
	f.Tokens = t.Render(kept)
	first := len(kept) - (len(turns) - f.Dropped)                          // turns that stay in any case stand before
	for t.script != nil && len(f.Tokens) > budget && len(kept) > first+1 { // what was counted about was more
		kept = slices.Delete(kept, first, first+1)
		f.Dropped++
		f.Tokens = t.Render(kept)
	}
	if len(f.Tokens) > budget && len(turns) > 0 {
		last := len(kept) - 1
		whole := kept[last]
		for room := budget - fixed; ; room -= 1 + room/8 {
			kept[last] = t.shorten(whole, room)
			f.Tokens, f.Cut = t.Render(kept), true
			if t.script == nil || len(f.Tokens) <= budget || room <= 0 {
				break
			}
		}
	}
	return f
}

// border is the first turn that stays.
func (t *Template) border(turns []Turn, room int) int {
	// from the newest back: earliest turn that fits, and the candidates' best
	from, best := len(turns)-1, -1
	var top uint64
	user := false
	sum, most := 0, t.most()
	for i := len(turns) - 1; i >= 0; i-- {
		sum += t.cost(turns[i])
		n := len(turns) - i
		if sum > room || n > most {
			break
		}
		if from = i; i == 0 {
			return 0 // all fit
		}
		if sum <= room/2 && n <= most/2 {
			continue
		}
		// a prompt that begins with a question reads better than one that begins with an answer
		isUser := turns[i].Role == User
		if p := turns[i].priority(); best < 0 || isUser && !user || isUser == user && p >= top {
			best, top, user = i, p, isUser
		}
	}
	if best >= 0 {
		return best
	}
	return from
}

// priority orders turns by chance, but the same turn always alike.
func (turn Turn) priority() uint64 {
	h := fnv.New64a()
	io.WriteString(h, string(turn.Role)+"\x00"+turn.Name+"\x00"+turn.Text)
	x := h.Sum64() // its upper bits hardly hang on the last letters: mix (Steele et al. 2014, SplitMix64)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// shorten leaves out the middle of a turn so that it takes at most room tokens.
func (t *Template) shorten(turn Turn, room int) Turn {
	const gap = " ... "
	text := []rune(turn.Text)
	cut := func(n int) Turn {
		turn.Text = string(text[:n-n/2]) + gap + string(text[len(text)-n/2:])
		return turn
	}
	lo, hi := 0, len(text)
	for lo < hi { // the largest number of characters that fits
		n := (lo + hi + 1) / 2
		if t.cost(cut(n)) <= room {
			lo = n
		} else {
			hi = n - 1
		}
	}
	return cut(lo)
}
