// Package shards hands out the gateway shards of one bot to the processes that connect
// to Discord: each shard to one process at a time, about the same number to each, by
// leases in Redis that a process which dies holds no longer. It also keeps the pace of
// new sessions (IDENTIFYs) that Discord allows over all processes (events/gateway,
// Rate Limiting and Sharding: max_concurrency).
//
// Leases end by Redis's clock alone. A process that Redis does not hear for the time of
// a lease gives up its shards, since another may have them.
//
// # Key layout
//
// All keys lie in one slot of Redis Cluster.
//
//	mb:{shards}:count            string  gateway shards in all, while anybody holds one
//	mb:{shards}:processes        set     ids of processes, dead ones too
//	mb:{shards}:process:<id>     string  lease of a process
//	mb:{shards}:<n>:<shard>      string  the process that holds a shard of n; its lease
//	mb:{shards}:identify:<key>   string  a new session has just begun; key is shard mod max_concurrency
package shards

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Options are what a Keeper is told once; zero values choose.
type Options struct {
	Count       int           // gateway shards in all; 1
	Concurrency int           // max_concurrency: new sessions that may begin in the time of Every; 1
	Every       time.Duration // 5 s, as Discord's
	Lease       time.Duration // without a sign of life after which others take the shards; 20 s
	Log         *slog.Logger
}

func (o Options) fill() Options {
	o.Count, o.Concurrency = max(1, o.Count), max(1, o.Concurrency)
	if o.Every == 0 {
		o.Every = 5 * time.Second
	}
	if o.Lease == 0 {
		o.Lease = 20 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Keeper holds the shards of this process. It is safe for concurrent use.
type Keeper struct {
	rdb redis.UniversalClient
	opt Options
	id  string

	mu    sync.Mutex
	held  map[int]*held
	heard time.Time   // when that began of which Redis last heard
	over  *time.Timer // lets all shards go before others may have them
}

// held is a shard of this process.
type held struct {
	cancel  context.CancelFunc
	over    chan struct{} // closed when the work with it has ended
	leaving bool
}

var (
	//go:embed script/take.lua
	takeLua string
	//go:embed script/free.lua
	freeLua string

	takeScript = redis.NewScript(takeLua)
	freeScript = redis.NewScript(freeLua)
)

// New returns a keeper; Run makes it take shards. rdb stays open.
func New(rdb redis.UniversalClient, o Options) *Keeper {
	return &Keeper{rdb: rdb, opt: o.fill(), id: rand.Text(), held: map[int]*held{}}
}

// key makes a key of Redis; see the package comment.
func key(parts ...string) string { return "mb:{shards}:" + strings.Join(parts, ":") }

func (k *Keeper) shard(i int) string { return key(strconv.Itoa(k.opt.Count), strconv.Itoa(i)) }

// Run takes shards until ctx ends, and then gives them back. It calls hold, on a
// goroutine of its own, for each shard it has got; the context of hold ends when the
// shard is to be let go, and others get it when hold has returned.
func (k *Keeper) Run(ctx context.Context, hold func(ctx context.Context, shard int)) {
	tick := time.NewTicker(k.opt.Lease / 8)
	defer tick.Stop()
	var all sync.WaitGroup
	k.mu.Lock()
	k.heard = time.Now()
	k.over = time.AfterFunc(k.patience(), k.letAll)
	k.mu.Unlock()
	defer k.over.Stop()
	away := false
	for ctx.Err() == nil {
		err := k.turn(ctx, func(i int) { k.begin(i, &all, hold) })
		if err != nil && !away && ctx.Err() == nil {
			k.opt.Log.Warn("gateway shards cannot be looked after; trying again", "err", err)
		}
		away = err != nil
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	k.letAll()
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for open := true; open; {
		select {
		case <-done:
			open = false
		case <-tick.C: // what still works keeps its lease
			_ = k.turn(context.WithoutCancel(ctx), nil)
		}
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	k.rdb.Del(end, key("process", k.id))
	k.rdb.SRem(end, key("processes"), k.id)
}

// begin works with a shard until it is to be let go.
func (k *Keeper) begin(i int, all *sync.WaitGroup, hold func(context.Context, int)) {
	ctx, cancel := context.WithCancel(context.Background())
	h := &held{cancel: cancel, over: make(chan struct{})}
	k.mu.Lock()
	k.held[i] = h
	k.mu.Unlock()
	k.opt.Log.Info("a gateway shard is ours", "shard", i, "of", k.opt.Count)
	all.Go(func() {
		defer close(h.over)
		defer cancel()
		hold(ctx, i)
		<-ctx.Done() // one that fails for good stays ours, or others would fail with it in turn
		k.mu.Lock()
		delete(k.held, i)
		k.mu.Unlock()
		end, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		if err := freeScript.Run(end, k.rdb, []string{k.shard(i)}, k.id).Err(); err != nil {
			k.opt.Log.Warn("a gateway shard could not be given back; others wait for its lease to end", "shard", i, "err", err)
		}
		k.opt.Log.Info("a gateway shard is let go", "shard", i, "of", k.opt.Count)
	})
}

// turn renews what is held and sees to it that all processes hold about the same. With
// a nil begin it only renews.
func (k *Keeper) turn(ctx context.Context, begin func(int)) error {
	began := time.Now() // the leases are renewed after that
	ctx, cancel := context.WithTimeout(ctx, max(k.opt.Lease/4, time.Second))
	defer cancel()
	lease := k.opt.Lease.Milliseconds()
	_, err := k.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.SAdd(ctx, key("processes"), k.id)
		p.Set(ctx, key("process", k.id), 1, k.opt.Lease)
		p.Set(ctx, key("count"), k.opt.Count, 3*k.opt.Lease)
		return nil
	})
	if err != nil {
		return err
	}
	k.mu.Lock()
	var mine []int
	staying := 0
	for i, h := range k.held {
		mine = append(mine, i)
		if !h.leaving {
			staying++
		}
	}
	k.mu.Unlock()
	lost, err := k.renew(ctx, mine)
	if err != nil {
		return err
	}
	for _, i := range lost {
		k.opt.Log.Warn("another process has taken a gateway shard of ours", "shard", i)
		k.let(i)
		staying--
	}
	k.mu.Lock()
	k.heard = began
	k.over.Reset(k.patience() - time.Since(began))
	k.mu.Unlock()
	if begin == nil {
		return nil
	}
	others, err := k.processes(ctx)
	if err != nil {
		return err
	}
	share := (k.opt.Count + others - 1) / others
	if staying > share {
		k.letOne()
		return nil
	}
	for i := 0; i < k.opt.Count && staying < share; i++ {
		k.mu.Lock()
		_, have := k.held[i]
		k.mu.Unlock()
		if have {
			continue
		}
		ours, err := takeScript.Run(ctx, k.rdb, []string{k.shard(i)}, k.id, lease).Int()
		if err != nil {
			return err
		}
		if ours == 1 {
			begin(i)
			return nil // one at a time: others may be starting too
		}
	}
	return nil
}

// renew renews the leases of shards, in one round trip, and returns those that others hold.
func (k *Keeper) renew(ctx context.Context, mine []int) (lost []int, err error) {
	if len(mine) == 0 {
		return nil, nil
	}
	ours := make([]*redis.Cmd, len(mine))
	ask := func() error {
		_, err := k.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for n, i := range mine {
				ours[n] = takeScript.EvalSha(ctx, p, []string{k.shard(i)}, k.id, k.opt.Lease.Milliseconds())
			}
			return nil
		})
		return err
	}
	if err = ask(); redis.HasErrorPrefix(err, "NOSCRIPT") {
		if err = takeScript.Load(ctx, k.rdb).Err(); err == nil {
			err = ask()
		}
	}
	if err != nil {
		return nil, err
	}
	for n, i := range mine {
		if held, err := ours[n].Int(); err != nil {
			return nil, err
		} else if held == 0 {
			lost = append(lost, i)
		}
	}
	return lost, nil
}

// patience is how long after a renewal of the leases shards are kept without another
// one. The rest of the lease is for the work with them to end.
func (k *Keeper) patience() time.Duration { return k.opt.Lease * 3 / 4 }

func (k *Keeper) letAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, h := range k.held {
		h.leaving = true
		h.cancel()
	}
}

// let lets one shard go, letOne the one with the highest number.
func (k *Keeper) let(i int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.held[i]; h != nil {
		h.leaving = true
		h.cancel()
	}
}

func (k *Keeper) letOne() {
	k.mu.Lock()
	last := -1
	for i, h := range k.held {
		if !h.leaving {
			last = max(last, i)
		}
	}
	k.mu.Unlock()
	k.let(last)
}

// processes counts those that live, and forgets the dead.
func (k *Keeper) processes(ctx context.Context) (int, error) {
	ids, err := k.rdb.SMembers(ctx, key("processes")).Result()
	if err != nil {
		return 0, err
	}
	leases := make([]*redis.IntCmd, len(ids))
	_, err = k.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			leases[i] = p.Exists(ctx, key("process", id))
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	n := 0
	for i, id := range ids {
		if leases[i].Val() == 1 {
			n++
		} else if err := k.rdb.SRem(ctx, key("processes"), id).Err(); err != nil {
			return 0, err
		}
	}
	return max(1, n), nil
}

// Agree returns how many gateway shards there are: what the processes that run already
// say, or else want. That is forgotten when none has run for three leases.
func Agree(ctx context.Context, rdb redis.UniversalClient, o Options, want int) (int, error) {
	o = o.fill()
	if err := rdb.SetNX(ctx, key("count"), want, 3*o.Lease).Err(); err != nil {
		return 0, fmt.Errorf("agree on gateway shards: %v", err)
	}
	n, err := rdb.Get(ctx, key("count")).Int()
	if errors.Is(err, redis.Nil) {
		return want, nil
	}
	if err != nil {
		return 0, fmt.Errorf("agree on gateway shards: %v", err)
	}
	return n, nil
}

// Identify waits until a new session of a shard may begin. It returns only the
// context's error: without Redis it waits.
func (k *Keeper) Identify(ctx context.Context, shard int) error {
	session := key("identify", strconv.Itoa(shard%k.opt.Concurrency))
	for {
		got, err := k.rdb.SetNX(ctx, session, k.id, k.opt.Every).Result()
		if err == nil && got {
			return nil
		}
		wait := k.opt.Every / 4
		if err == nil {
			if left, err := k.rdb.PTTL(ctx, session).Result(); err == nil && left > 0 {
				wait = left
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait + time.Millisecond):
		}
	}
}

// Held lists how many shards this process has, and whether Redis has heard of it lately.
func (k *Keeper) Held() (n int, well bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.held), time.Since(k.heard) < k.opt.Lease
}
