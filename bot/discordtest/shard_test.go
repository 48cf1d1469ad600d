package discordtest_test

import (
	"fmt"
	"testing"
	"time"

	"moebot/bot/discordtest"
)

func TestSharding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{})
	for i := range 7 {
		time.Sleep(time.Millisecond)
		w.AddGuild(fmt.Sprint("g", i), w.ada.ID)
	}
	seen := make(map[string]int)
	for shard := range 2 {
		dg := w.client(t)
		dg.ShardID, dg.ShardCount = shard, 2
		open(t, dg)
		dg.State.RLock()
		for _, g := range dg.State.Guilds {
			seen[g.ID]++
		}
		dg.State.RUnlock()
	}
	if len(seen) != 8 {
		t.Errorf("%d guilds over two shards, want 8: %v", len(seen), seen)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("guild %s is on %d shards", id, n)
		}
	}
}
