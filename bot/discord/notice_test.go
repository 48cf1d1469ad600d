package discord

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"moebot/bot/chat"
)

// The question waited, and Discord has taken the answer but did not say so until it was
// given up: the notice stands in the answer's place, not beside it.
func TestNoticeInPlaceOfAnAnswerThatMayBeThere(t *testing.T) {
	w := &wall{}
	var silent atomic.Bool
	w.after = func(r *http.Request) {
		if silent.Load() && strings.HasSuffix(r.URL.Path, "/messages") {
			<-r.Context().Done()
		}
	}
	r := w.reply(t, "1")
	r.later = func(f func(context.Context)) { f(context.Background()) }
	r.Queued(1)
	eventually(t, "it says that it waits", func() bool { return len(w.reads()) == 1 })
	r.Start()
	silent.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if ids, err := r.Finish(ctx, chat.End{Text: "the answer", Answer: true, Of: 1}); err == nil || len(ids) > 0 {
		t.Fatalf("shown in %q, %v", ids, err)
	}
	if got := w.reads(); len(got) != 2 || got[1] != "the answer" {
		t.Fatalf("there stands %q", got)
	}
	silent.Store(false)
	if _, err := r.Finish(t.Context(), chat.End{Text: "a notice"}); err != nil {
		t.Fatal(err)
	}
	want(t, w, "a notice")
}

// A notice yields to the answer of another process, and an answer takes the notice's place:
// there is one message in the end. What was but a preview it replaces.
func TestNoticeAndAnswerOfTwoProcesses(t *testing.T) {
	end := func(r *reply, e chat.End) {
		t.Helper()
		if _, err := r.Finish(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	notice, answer := chat.End{Text: "not now"}, chat.End{Text: "the answer", Answer: true, Of: 1}
	for name, tc := range map[string]struct {
		first, second chat.End
		want          string
	}{
		"the notice first": {notice, answer, "the answer"},
		"the answer first": {answer, notice, "the answer"},
		"two notices":      {notice, notice, "not now"},
	} {
		w := &wall{}
		end(w.reply(t, "7"), tc.first)
		end(w.reply(t, "7"), tc.second)
		if got := w.reads(); len(got) != 1 || got[0] != tc.want {
			t.Errorf("%s: %q, want %q alone", name, got, tc.want)
		}
	}
	w := &wall{}
	r := w.reply(t, "7") // of a process that dies in mid-answer
	if err := r.show(t.Context(), 0, "the ans", stopRow(nil, "7", r.asker), true); err != nil {
		t.Fatal(err)
	}
	end(w.reply(t, "7"), notice)
	if got := w.reads(); len(got) != 1 || got[0] != "not now" {
		t.Errorf("after a preview: %q", got)
	}
}

// The store went away while questions waited, and another process has it back: its answer
// takes the notice's place there too, or stands for it.
func TestNoticeToAQuestionThatWaited(t *testing.T) {
	for _, answered := range []bool{false, true} {
		t.Run(fmt.Sprintf("answered %v", answered), func(t *testing.T) {
			w := &wall{}
			r := w.reply(t, "7")
			r.later = func(f func(context.Context)) { f(context.Background()) }
			r.Queued(1)
			eventually(t, "it says that it waits", func() bool { return len(w.reads()) == 1 })
			if answered {
				finish(t, w.reply(t, "7"), "the answer")
			}
			if _, err := r.Finish(t.Context(), chat.End{Text: "not now", Shared: true}); err != nil {
				t.Fatal(err)
			}
			if !answered {
				want(t, w, "not now")
				finish(t, w.reply(t, "7"), "the answer")
			}
			want(t, w, "the answer")
		})
	}
}
