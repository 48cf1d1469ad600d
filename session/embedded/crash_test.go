package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"moebot/session"
	"moebot/session/embedded"
	"moebot/session/redisstore"
)

// childEnv names the directory in which the test binary, run again, is to
// write until it is killed.
const childEnv = "MOEBOT_TEST_EMBEDDED_CHILD"

func childDir() string { return os.Getenv(childEnv) }

// child writes to the store in dir from eight goroutines and prints a line for
// every acknowledged write.
func child(dir string) {
	srv, err := embedded.Open(context.Background(), embedded.Options{Dir: dir, Log: quiet})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	store, err := redisstore.New(srv.Client(), redisstore.Options{MaxTurns: 10000})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	var out sync.Mutex
	say := func(a ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Println(a...) // one write: a line is there whole or not at all
	}
	start := time.Now().UnixNano()
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				k := session.Key{Channel: fmt.Sprint(w%4*10 + i%10)} // two writers a channel
				id := fmt.Sprintf("%d-%d-%d", start, w, i)
				if _, ok, err := store.Accept(context.Background(), k, turn(id, session.RoleUser)); err != nil || !ok {
					say("error:", ok, err)
					return
				}
				say("accepted", k, id)
				if i%2 == 0 {
					continue
				}
				if ok, err := store.Finish(context.Background(), k, id, turn("a"+id, session.RoleAssistant)); err != nil || !ok {
					say("error:", ok, err)
					return
				}
				say("finished", k, id)
			}
		}()
	}
	select {}
}

func turn(id string, r session.Role) session.Turn {
	return session.Turn{ID: id, Role: r, Author: "Ann", Text: "text of " + id + strings.Repeat(" and more", 20)}
}

// TestKill kills a writing process with kill -9, three times over the same
// directory, and looks for everything it was told is safe.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	accepted, finished := map[string]session.Key{}, map[string]session.Key{}
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for n := 0; ; n++ {
			if n == 1000*(round+1) {
				cmd.Process.Kill() // what is in the pipe is still read
			}
			line, err := lines.ReadString('\n')
			if err == io.EOF {
				break
			}
			if err != nil && !errors.Is(err, os.ErrClosed) {
				t.Fatal(err)
			}
			var what, channel, id string
			fmt.Sscan(line, &what, &channel, &id)
			switch what {
			case "accepted":
				accepted[id] = session.Key{Channel: channel}
			case "finished":
				finished[id] = session.Key{Channel: channel}
			default:
				t.Fatalf("child: %s", line)
			}
		}
		cmd.Wait()

		start := time.Now()
		store, closeStore := open(t, embedded.Options{Dir: dir}, redisstore.Options{MaxTurns: 10000})
		t.Logf("round %d: %d questions and %d answers acknowledged; reopened in %v",
			round, len(accepted), len(finished), time.Since(start).Round(time.Millisecond))
		have := map[string]string{} // id → text
		for c := range 40 {
			s, err := store.Load(t.Context(), session.Key{Channel: fmt.Sprint(c)})
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range s.Turns {
				if _, twice := have[u.ID]; twice {
					t.Errorf("turn %s is there twice", u.ID)
				}
				have[u.ID] = u.Text
			}
		}
		pending, err := store.Pending(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		open := map[string]bool{}
		for _, p := range pending {
			open[p.Turn.ID] = true
		}
		lost := 0
		for id := range accepted {
			if have[id] != turn(id, session.RoleUser).Text {
				lost++
			}
			if _, done := finished[id]; !done && !open[id] && have["a"+id] == "" {
				t.Errorf("question %s is neither pending nor answered", id)
			}
		}
		for id := range finished {
			if have["a"+id] == "" || open[id] {
				lost++
			}
		}
		if lost > 0 {
			t.Fatalf("%d of %d acknowledged writes are lost", lost, len(accepted)+len(finished))
		}
		closeStore()
	}
}
