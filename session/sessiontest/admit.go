package sessiontest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"moebot/session"
)

func testAdmit(t *testing.T, s Store) {
	ctx := t.Context()
	const each = time.Hour // so that no token is added while the test runs
	person, server := session.Limit{Name: "person/77", Size: 2, Every: each}, session.Limit{Name: "server/5", Size: 3, Every: each}
	admit := func(k session.Key, id string, accepted, limited bool, limits ...session.Limit) {
		t.Helper()
		sess, ok, wait, err := s.Admit(ctx, k, question(id, "q"), limits)
		if err != nil || ok != accepted || (wait > 0) != limited || wait > each {
			t.Fatalf("Admit(%s, %s) = %v, wait %v, %v; want accepted %v, limited %v", k, id, ok, wait, err, accepted, limited)
		}
		if n := len(sess.Turns); n == 0 || ok && sess.Turns[n-1].ID != id {
			t.Fatalf("Admit(%s, %s) gives the turns %v", k, id, ids(sess.Turns))
		}
	}
	other := session.Key{Channel: "2002"} // in another partition
	admit(room, "1", true, false, person, server)
	admit(room, "1", false, false, person, server) // delivered again: it has its token
	admit(other, "2", true, false, person, server)
	admit(room, "3", true, true, person, server) // the person's second and last was "2"
	admit(room, "3", false, true, person, server)
	admit(room, "4", true, false, server) // "3" gave back the server's third, once
	admit(room, "3", false, true, person, server)
	admit(room, "4.1", true, true, server)
	admit(room, "5", true, false)
	if wait, err := s.Take(ctx, person.Name, person.Size, each); err != nil || wait == 0 {
		t.Errorf("Take shares no buckets with Admit: wait %v, %v", wait, err)
	}
	alone := session.Limit{Name: "server/6", Size: 1, Every: each}
	for _, c := range []struct {
		id      string
		limits  []session.Limit
		limited bool
	}{{"t1", []session.Limit{person, alone}, true}, {"t2", []session.Limit{alone}, false}, {"t2", []session.Limit{alone}, false}, {"t3", []session.Limit{alone}, true}, {"t4", nil, false}} {
		if wait, err := s.TakeAll(ctx, c.id, c.limits); err != nil || (wait > 0) != c.limited || wait > each {
			t.Errorf("TakeAll(%s, %v) = %v, %v; want limited %v", c.id, c.limits, wait, err, c.limited)
		}
	}
	if _, err := s.TakeAll(ctx, "t5", []session.Limit{{Name: "a b", Size: 1, Every: each}}); err == nil {
		t.Error("a bucket whose name has a blank: TakeAll has no error")
	}
	holds(t, s, room, "1", "3", "4", "4.1", "5") // a limited question is closed by who admitted it
	if p, err := s.Pending(ctx); err != nil || len(p) != 6 {
		t.Errorf("%d pending, %v; want 6", len(p), err)
	}
	if _, _, _, err := s.Admit(ctx, room, question("6", "q"), []session.Limit{{Name: "a b", Size: 1, Every: each}}); err == nil {
		t.Error("a bucket whose name has a blank: no error")
	}

	// the same messages in many processes at once: each takes one token
	crowd := session.Limit{Name: "person/crowd", Size: 4, Every: each}
	var all sync.WaitGroup
	var mu sync.Mutex
	limited, accepted := map[string]int{}, map[string]int{}
	for range 5 {
		all.Go(func() {
			for i := range 6 {
				id := fmt.Sprint("c", i)
				_, ok, wait, err := s.Admit(ctx, room, question(id, "q"), []session.Limit{crowd})
				mu.Lock()
				if err != nil {
					t.Error(err)
				}
				if ok {
					accepted[id]++
				}
				if wait > 0 {
					limited[id]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for i := range 6 {
		if id := fmt.Sprint("c", i); accepted[id] != 1 {
			t.Errorf("%s was accepted %d times", id, accepted[id])
		}
	}
	if len(limited) != 2 {
		t.Errorf("of 6 messages with 4 tokens %d were limited: %v", len(limited), limited)
	}
	for id, n := range limited {
		if n != 5 {
			t.Errorf("%s was limited for %d of 5", id, n)
		}
	}
}
