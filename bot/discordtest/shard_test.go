package discordtest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/coder/websocket"

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

// IDENTIFYs that come faster than max_concurrency allows get op 9, each shard by its
// own key.
func TestIdentifyPace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, discordtest.Options{Shards: 4, MaxConcurrency: 2})
	dg := w.client(t)
	g, err := dg.GatewayBot()
	if err != nil {
		t.Fatal(err)
	}
	if g.Shards != 4 || g.SessionStartLimit.MaxConcurrency != 2 || g.SessionStartLimit.Total != 1000 {
		t.Errorf("recommended: %+v", g)
	}
	for shard := range 2 {
		dg := w.client(t)
		dg.ShardID, dg.ShardCount = shard, 4
		open(t, dg)
	}
	if n, tooSoon := w.Identifies(); n != 2 || tooSoon != 0 {
		t.Errorf("%d IDENTIFYs, %d too soon", n, tooSoon)
	}
	c := dial(t, w) // discordgo would identify again and again
	c.Write(deadline(t), websocket.MessageText, fmt.Appendf(nil, `{"op":2,"d":{"token":%q,"intents":1,"shard":[2,4],"properties":{}}}`, w.Token()))
	if p := receive(t, c); p.Op != 9 {
		t.Errorf("a third IDENTIFY in five seconds gets op %d, want 9", p.Op)
	}
	if _, tooSoon := w.Identifies(); tooSoon != 1 {
		t.Errorf("%d too soon", tooSoon)
	}
}
