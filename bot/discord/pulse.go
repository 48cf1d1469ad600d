package discord

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// pulse measures the gateway's latency on its connection. discordgo's own figure is
// read and written without a lock.
type pulse struct {
	sent    atomic.Int64 // when the last frame was sent that none came after, ns; 0 for none
	latency atomic.Int64 // ns
}

func (p *pulse) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &pulseConn{c, p}, nil
}

type pulseConn struct {
	net.Conn
	p *pulse
}

func (c *pulseConn) Write(b []byte) (int, error) {
	c.p.sent.Store(time.Now().UnixNano())
	return c.Conn.Write(b)
}

func (c *pulseConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if sent := c.p.sent.Swap(0); sent != 0 && err == nil {
		c.p.latency.Store(time.Now().UnixNano() - sent)
	}
	return n, err
}
