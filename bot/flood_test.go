package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"moebot/bot/discordtest"
)

// tally follows what is answered.
type tally struct {
	mu       sync.Mutex
	answered map[string]bool // by question
	asked    map[string]time.Time
	took     []time.Duration // from the question to its answer's end
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := slices.Sorted(slices.Values(t.took))
	if len(s) == 0 {
		return "nothing"
	}
	at := func(q float64) time.Duration { return s[min(len(s)-1, int(q*float64(len(s))))].Round(time.Millisecond) }
	return fmt.Sprintf("p50 %v p95 %v p99 %v max %v", at(.5), at(.95), at(.99), s[len(s)-1].Round(time.Millisecond))
}

// finished reports whether a message is an answer at its end: it can be asked for again.
func finished(m *discordtest.Message) bool {
	for _, row := range m.Components {
		for _, c := range row.Components {
			if c.Label == "Regenerate" {
				return true
			}
		}
	}
	return false
}

// settled reports whether a question has an answer, or a notice.
func settled(m *discordtest.Message) bool {
	return finished(m) || len(m.Components) == 0 && m.Content != "" && !strings.HasPrefix(m.Content, "*")
}

// flood asks questions in all channels, a few at a time in each, until each channel had
// its number, and waits until all are answered. It returns the questions by channel, in
// order.
func (f *fleet) flood(each int, patience time.Duration) (map[string][]string, *tally) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	defer cancel()
	tl := &tally{answered: map[string]bool{}, asked: map[string]time.Time{}}
	slots := map[string]chan struct{}{}
	for _, c := range f.channels {
		slots[c] = make(chan struct{}, 5) // fewer than reply.queue_len
	}
	bot := f.d.Bot().ID
	events := f.d.Subscribe(ctx)
	go func() {
		for e := range events {
			m := e.Message
			if m == nil || m.Author.ID != bot || m.ReplyTo == "" || e.Kind != discordtest.MessageCreated && e.Kind != discordtest.MessageUpdated || !settled(m) {
				continue
			}
			slot, ours := slots[m.ChannelID]
			if !ours {
				continue
			}
			tl.mu.Lock()
			was := tl.answered[m.ReplyTo]
			tl.answered[m.ReplyTo] = true
			if at, ok := tl.asked[m.ReplyTo]; ok && !was {
				tl.took = append(tl.took, time.Since(at))
			}
			tl.mu.Unlock()
			if !was {
				f.answers.Add(1)
				<-slot
			}
		}
	}()
	questions := map[string][]string{}
	var senders sync.WaitGroup
	end := time.Now().Add(patience)
	for i, c := range f.channels {
		senders.Go(func() {
			for k := range each {
				select {
				case slots[c] <- struct{}{}:
				case <-time.After(time.Until(end)):
					f.t.Errorf("channel %d waits for an answer for too long, at question %d", i, k)
					return
				}
				time.Sleep(f.pace)
				at := time.Now()
				m, err := f.d.Send(c, f.people[k%2].ID, fmt.Sprintf("<@%s> question %d of channel %d", bot, k, i))
				if err != nil {
					f.t.Error(err)
					return
				}
				tl.mu.Lock()
				tl.asked[m.ID] = at
				questions[c] = append(questions[c], m.ID)
				tl.mu.Unlock()
			}
		})
	}
	senders.Wait()
	waitFor(f.t, "all is answered", time.Until(end), func() bool {
		tl.mu.Lock()
		defer tl.mu.Unlock()
		return f.t.Failed() || len(tl.answered) >= each*len(f.channels)
	})
	return questions, tl
}

// logged are the lines of all processes in which one of the words is.
func (f *fleet) logged(words ...string) string {
	var out strings.Builder
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, p := range f.processes {
		for line := range strings.Lines(p.log.String()) {
			if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) }) {
				fmt.Fprintf(&out, "%s %d: %s", p.role, i, line)
			}
		}
	}
	return out.String()
}

// result is what became of questions.
type result struct{ asked, once, refused, lost, doubled, outOfOrder, unfinished int }

// check looks at every channel: each question answered once, in order.
func (f *fleet) check(questions map[string][]string) (r result) {
	f.t.Helper()
	bot := f.d.Bot().ID
	waitFor(f.t, "nothing is pending", time.Minute, func() bool {
		p, err := f.store.Pending(f.t.Context())
		return err == nil && len(p) == 0
	})
	for _, c := range f.channels {
		n := map[string]int{}
		var order []string
		for _, m := range f.d.Messages(c) {
			if m.Author.ID != bot || m.ReplyTo == "" || m.OnlyFor != "" {
				continue
			}
			switch {
			case finished(&m) && strings.HasSuffix(m.Content, " …"):
				r.unfinished++
			case strings.HasPrefix(m.Content, "*waiting"):
				continue // it goes when Discord has heard so
			case !finished(&m):
				r.refused++
				if r.refused < 10 {
					f.t.Logf("refused: %q", m.Content)
				}
			}
			n[m.ReplyTo]++
			if finished(&m) { // a notice does not wait for its turn
				order = append(order, m.ReplyTo)
			}
		}
		at := map[string]int{}
		for i, q := range questions[c] {
			at[q] = i
			r.asked++
			switch {
			case n[q] == 0:
				r.lost++
			case n[q] > 1:
				r.doubled++
			default:
				r.once++
			}
		}
		for i := 1; i < len(order); i++ {
			if at[order[i]] < at[order[i-1]] {
				r.outOfOrder++
				f.t.Logf("channel %s: question %d is answered after %d:\n%s", c, at[order[i]], at[order[i-1]], f.logged(order[i], order[i-1], "shard"))
			}
		}
	}
	if r.lost+r.doubled+r.outOfOrder+r.unfinished > 0 || r.refused > 0 && !f.mayRefuse || r.once != r.asked {
		f.t.Errorf("%+v", r)
	}
	return r
}
