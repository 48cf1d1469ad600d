package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"moebot/session"
)

// openTimeout bounds how long Open waits for an answer.
const openTimeout = 3 * time.Second

// clusterReload is how old the client's knowledge of who is master of what may get. A
// master that has died answers nothing, not even where its slots are now: with
// go-redis's 60 seconds their channels would be without a store for that long.
const clusterReload = time.Second

// Open connects to the Redis at o.URL:
//
//	redis://user:password@host:6379/0                             one node; rediss:// for TLS
//	unix:///path/redis.sock?db=0                                  one node on a Unix socket
//	redis://host1:26379,host2:26379,host3:26379/0?master_name=NAME  Sentinel: the sentinels' addresses
//	redis://user:password@host1:6379,host2:6379                   Cluster: some of its nodes
//	redis://host:6379?cluster=true                                Cluster with one known node
//
// With Sentinel, the user and password before the hosts are the sentinels'; those of
// the Redis behind are the parameters username and password. Addresses can also be
// given one by one, as parameters addr=host:port.
//
// Further query parameters are those of go-redis, such as read_timeout=2s; an
// unknown one is an error. No error text repeats the URL or its password.
//
// A Redis that does not answer is no error: it may come later, and until then
// the Store's methods return session.ErrUnavailable. One that answers with a
// refusal, such as a wrong password, is. Open waits three seconds at most, and
// no longer than ctx.
func Open(ctx context.Context, o Options) (*Store, error) {
	client, kind, err := newClient(o.URL)
	if err != nil {
		return nil, fmt.Errorf("redis url: %w; it is written like redis://user:password@host:6379/0", err)
	}
	if o.Kind == "" {
		o.Kind = kind
	}
	s, err := New(client, o)
	if err != nil {
		client.Close()
		return nil, err
	}
	pingCtx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	switch _, err := s.Ping(pingCtx); {
	case err == nil:
	case ctx.Err() != nil:
		s.Close()
		return nil, fmt.Errorf("open session store: %w", ctx.Err())
	case errors.Is(err, session.ErrUnavailable):
		s.o.Log.Warn("redis does not answer; going on without it until it does", "store", s.kind, "err", err)
	default:
		s.Close()
		return nil, fmt.Errorf("open session store: %w (check the user, the password and the database in the redis url)", err)
	}
	return s, nil
}

// newClient makes the client an URL asks for and says what kind it is.
func newClient(rawURL string) (redis.UniversalClient, string, error) {
	u, cluster, err := parse(rawURL)
	if err != nil {
		return nil, "", err
	}
	switch q := u.Query(); {
	case q.Has("master_name"):
		f, err := redis.ParseFailoverURL(u.String())
		if err != nil {
			return nil, "", withoutURL(err)
		}
		tune(&f.DialTimeout, &f.ReadTimeout, &f.WriteTimeout, &f.MaxRetries, &f.DialerRetries, &f.PipelinePoolSize)
		f.ContextTimeoutEnabled, f.DisableIdentity = true, true
		return redis.NewFailoverClient(f), "redis sentinel", nil
	case cluster:
		c, err := redis.ParseClusterURL(u.String())
		if err != nil {
			return nil, "", withoutURL(err)
		}
		tune(&c.DialTimeout, &c.ReadTimeout, &c.WriteTimeout, &c.MaxRetries, &c.DialerRetries, &c.PipelinePoolSize)
		c.ContextTimeoutEnabled, c.DisableIdentity = true, true
		c.ClusterStateReloadInterval = clusterReload
		c.MaintNotificationsConfig = noNotifications()
		return redis.NewClusterClient(c), "redis cluster", nil
	}
	c, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, "", withoutURL(err)
	}
	tune(&c.DialTimeout, &c.ReadTimeout, &c.WriteTimeout, &c.MaxRetries, &c.DialerRetries, &c.PipelinePoolSize)
	c.ContextTimeoutEnabled, c.DisableIdentity = true, true
	c.MaintNotificationsConfig = noNotifications()
	return redis.NewClient(c), "redis", nil
}

// noNotifications turns off a handshake that only one vendor's cloud answers.
func noNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// tune sets what the URL leaves open. A chat bot would rather say "not now"
// after a second or two than wait out the client's defaults; two retries still
// bridge a restart of a proxy or a failover under way. One pool of connections
// serves pipelines too.
func tune(dial, read, write *time.Duration, retries, dialRetries, pipelinePool *int) {
	for _, d := range []*time.Duration{dial, read, write} {
		if *d == 0 {
			*d = 2 * time.Second
		}
	}
	if *retries == 0 {
		*retries = 2
	}
	*dialRetries = 1
	if *pipelinePool == 0 {
		*pipelinePool = -1
	}
}
