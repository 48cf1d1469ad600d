package jobs

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/session/sessiontest"
)

// newClusterWorld is a world on a Redis Cluster of three masters with a replica each.
func newClusterWorld(t *testing.T) (*world, []*sessiontest.Redis) {
	t.Helper()
	nodes := sessiontest.StartCluster(t, 1)
	var addrs []string
	for _, n := range nodes {
		addrs = append(addrs, n.Addr)
	}
	w := newWorldWithout(t)
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: true, ReadTimeout: time.Second, DisableIdentity: true, PoolSize: 100, ClusterStateReloadInterval: time.Second})
	t.Cleanup(func() { rdb.Close() })
	w.rdb = rdb
	return w, nodes
}

// Jobs on a Cluster: a worker dies, and then the master that has the streams. Each answer
// is whole.
func TestCluster(t *testing.T) {
	w, nodes := newClusterWorld(t)
	c := w.client(ClientOptions{})
	dying := w.worker(&counter{every: 2 * time.Millisecond}, WorkerOptions{Slots: 20})
	w.worker(&counter{every: 2 * time.Millisecond}, WorkerOptions{Slots: 20})
	w.until("they are known", func() bool { return c.Stats().Workers == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var all []<-chan error
	var said []*heard
	for i := range 20 {
		h, _, errs := w.ask(ctx, c, prompt(fmt.Sprint(i), "1", "count 2500"))
		all, said = append(all, errs), append(said, h)
	}
	w.until("all are being answered", func() bool {
		for _, h := range said {
			if _, n := h.now(); n == 0 {
				return false
			}
		}
		return true
	})
	dying.kill()
	w.until("the other goes on", func() bool { return c.Stats().Again > 0 })
	slot, err := strconv.Atoi(strings.Trim(nodes[0].Ask("CLUSTER", "KEYSLOT", keys.any()), ":\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	at := slot * 3 / 16384 // of three masters with as many slots each
	nodes[at].Kill()
	for end := time.Now().Add(time.Minute); !nodes[at+3].Is("role:master"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no replica becomes the master")
		}
	}
	for i, errs := range all {
		if err := <-errs; err != nil {
			t.Errorf("job %d: %v", i, err)
		}
		if text, _ := said[i].now(); text != counted(2500) {
			t.Errorf("job %d said %d bytes, want %d", i, len(text), len(counted(2500)))
		}
	}
	t.Logf("%d begun again, %d put again", c.Stats().Again, c.Stats().Lost)
	if a, err := c.Generate(ctx, prompt("1", "2", "count 3"), (&heard{}).emit); err != nil || a.Text != counted(3) {
		t.Errorf("after that: %q, %v", a.Text, err)
	}
}
