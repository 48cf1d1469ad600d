package shards

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office notes who works with which shard.
type office struct {
	t  *testing.T
	m  *miniredis.Miniredis
	mu sync.Mutex
	at map[int]string
}

// staff is a process.
type staff struct {
	*Keeper
	rdb  *redis.Client
	stop context.CancelFunc
	over chan struct{}
}

const count = 4

func (o *office) hire(name string) *staff {
	rdb := redis.NewClient(&redis.Options{Addr: o.m.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1})
	o.t.Cleanup(func() { rdb.Close() })
	s := &staff{Keeper: New(rdb, Options{Count: count, Lease: time.Second, Every: 200 * time.Millisecond, Concurrency: 2}), rdb: rdb, over: make(chan struct{})}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(o.t.Context())
	go func() {
		defer close(s.over)
		s.Run(ctx, func(ctx context.Context, i int) {
			o.mu.Lock()
			if o.at[i] != "" {
				o.t.Errorf("shard %d is %s's, and %s gets it", i, o.at[i], name)
			}
			o.at[i] = name
			o.mu.Unlock()
			<-ctx.Done()
			time.Sleep(20 * time.Millisecond) // the last answers
			o.mu.Lock()
			o.at[i] = ""
			o.mu.Unlock()
		})
	}()
	o.t.Cleanup(func() { s.stop(); <-s.over })
	return s
}

// have waits until each has so many shards.
func (o *office) have(want map[string]int) {
	o.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := map[string]int{}
		o.mu.Lock()
		for _, name := range o.at {
			if name != "" {
				got[name]++
			}
		}
		o.mu.Unlock()
		same := len(got) == len(want)
		for name, n := range want {
			same = same && got[name] == n
		}
		if same {
			return
		}
		if time.Now().After(end) {
			o.t.Fatalf("the shards are %v, want %v", got, want)
		}
	}
}

// miniredis has no clock of its own.
func (o *office) clock() {
	ctx := o.t.Context()
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
			o.m.FastForward(10 * time.Millisecond)
		}
	})
	o.t.Cleanup(all.Wait)
}

func TestShares(t *testing.T) {
	o := &office{t: t, m: miniredis.RunT(t), at: map[int]string{}}
	o.clock()
	ann := o.hire("ann")
	o.have(map[string]int{"ann": 4})
	bob := o.hire("bob")
	o.have(map[string]int{"ann": 2, "bob": 2}) // given up, not taken away
	cyd := o.hire("cyd")
	cyd2 := o.hire("dan")
	o.have(map[string]int{"ann": 1, "bob": 1, "cyd": 1, "dan": 1})
	cyd.stop()
	<-cyd.over
	cyd2.stop()
	<-cyd2.over
	o.have(map[string]int{"ann": 2, "bob": 2})
	ann.rdb.Close() // as if it had died; it gives its shards up when its lease is over
	o.have(map[string]int{"bob": 4})
	if n, well := ann.Held(); n != 0 || well {
		t.Errorf("without Redis it holds %d, and is well: %v", n, well)
	}
	bob.stop()
	<-bob.over
	o.have(map[string]int{})
	if keys := o.m.Keys(); len(keys) > 3 { // what ann could not give back, and the count
		t.Errorf("left: %q", keys)
	}
}

func TestAgree(t *testing.T) {
	m := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer rdb.Close()
	for _, tc := range []struct{ want, got int }{{4, 4}, {8, 4}} {
		if n, err := Agree(t.Context(), rdb, Options{Lease: time.Second}, tc.want); err != nil || n != tc.got {
			t.Errorf("wanting %d: %d, %v", tc.want, n, err)
		}
	}
	m.FastForward(4 * time.Second)
	if n, err := Agree(t.Context(), rdb, Options{Lease: time.Second}, 8); err != nil || n != 8 {
		t.Errorf("when all are gone: %d, %v", n, err)
	}
}

// Two processes together begin no more sessions of a key than one in Every.
func TestIdentify(t *testing.T) {
	o := &office{t: t, m: miniredis.RunT(t), at: map[int]string{}}
	o.clock()
	const every = 200 * time.Millisecond
	var mu sync.Mutex
	times := map[int][]time.Time{} // by key
	var all sync.WaitGroup
	start := time.Now()
	for range 2 {
		rdb := redis.NewClient(&redis.Options{Addr: o.m.Addr(), ContextTimeoutEnabled: true})
		defer rdb.Close()
		k := New(rdb, Options{Concurrency: 2, Every: every})
		for shard := range 4 {
			all.Go(func() {
				if err := k.Identify(t.Context(), shard); err != nil {
					t.Error(err)
				}
				mu.Lock()
				times[shard%2] = append(times[shard%2], time.Now())
				mu.Unlock()
			})
		}
	}
	all.Wait()
	for key := range 2 {
		list := times[key]
		if len(list) != 4 {
			t.Fatalf("%d sessions of key %d", len(list), key)
		}
		// the clock of miniredis is never fast, so neither is this
		if took := slices.MaxFunc(list, time.Time.Compare).Sub(start); took < 3*every-20*time.Millisecond {
			t.Errorf("four sessions of key %d in %v", key, took)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", DialerRetries: 1, MaxRetries: -1})
	defer rdb.Close()
	if err := New(rdb, Options{}).Identify(ctx, 0); err == nil {
		t.Error("a session begins without Redis")
	}
}
