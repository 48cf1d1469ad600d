package jobs

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// old stands in for a worker of an older version: it takes what it finds, also what waits
// for another worker, and refuses to read it. It counts that.
func (w *world) old(ctx context.Context, id, other string, refused *atomic.Int64) {
	for ctx.Err() == nil {
		me, _ := json.Marshal(card{ID: id, Slots: 8, Version: plain})
		w.rdb.SAdd(ctx, keys.workers(), id)
		w.rdb.Set(ctx, keys.worker(id), me, lease)
		res, err := w.rdb.XReadGroup(ctx, &redis.XReadGroupArgs{Group: group, Consumer: id, Streams: []string{keys.any(), keys.to(other), ">", ">"}, Count: 1, Block: 20 * time.Millisecond}).Result()
		if err != nil {
			continue
		}
		for _, s := range res {
			for _, e := range entries(s.Stream, s.Messages) {
				var v jobV1
				if json.Unmarshal([]byte(e.text[1:]), &v) != nil {
					continue
				}
				names := []string{keys.job(v.Client, v.ID), keys.out(v.Client)}
				begun, err := beginScript.Run(ctx, w.rdb, names, v.ID, e.id, e.id, id, tries, maxDeaths, outTTL.Milliseconds(), 0).Slice()
				if err == nil && begun[0] == "go" {
					refused.Add(1)
					said, err := sayScript.Run(ctx, w.rdb, names, v.ID, begun[1], 1, failed, whyVersion, 0, outTTL.Milliseconds(), "", 0, e.id).Int()
					if ctx.Err() == nil && (said != 1 || err != nil) {
						w.t.Errorf("the refusal is not said: %d, %v", said, err)
					}
				}
				w.rdb.XAck(ctx, e.stream, group, e.id)
				w.rdb.XDel(ctx, e.stream, e.id)
			}
		}
	}
}

// What an older worker refuses to read goes to one that reads it, though that is busy.
func TestOlderWorkerInTheWay(t *testing.T) {
	w := newWorld(t)
	k := sealKeys(t, "a")
	c := w.client(ClientOptions{Keys: k})
	capable := w.worker(&counter{every: 10 * time.Millisecond}, WorkerOptions{Keys: k, Slots: 1})
	w.until("it is known", func() bool { return c.Stats().Workers == 1 })
	_, _, first := w.ask(t.Context(), c, prompt("1", "1", "count 100"))
	w.until("it is busy", func() bool { return capable.Stats().Running == 1 })
	var refused atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { defer close(over); w.old(ctx, "old", capable.id, &refused) }()
	defer func() { cancel(); <-over }()
	_, answers, second := w.ask(t.Context(), c, prompt("2", "1", "count 5"))
	w.until("the old one refuses", func() bool { return refused.Load() > 0 })
	for _, errs := range []<-chan error{first, second} {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if a := <-answers; a.Text != counted(5) {
		t.Errorf("the answer is %q", a.Text)
	}
	t.Logf("refused %d times", refused.Load())
	w.clean(c)
}
