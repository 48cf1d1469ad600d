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
	silence time.Duration // without a word from Discord after which the connection fails
	sent    atomic.Int64  // when the last frame was sent that none came after, ns; 0 for none
	latency atomic.Int64  // ns
	conn    atomic.Pointer[pulseConn]
}

func (p *pulse) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	pc := &pulseConn{c, p}
	p.conn.Store(pc)
	return pc, nil
}

// cut breaks the connection, also one that is just being made.
func (p *pulse) cut() {
	if c := p.conn.Load(); c != nil {
		c.Close()
	}
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
	// discordgo waits for the first words of a new connection without a limit; on an
	// old one the watchdog is sooner
	if err := c.SetReadDeadline(time.Now().Add(c.p.silence)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if sent := c.p.sent.Swap(0); sent != 0 && err == nil {
		c.p.latency.Store(time.Now().UnixNano() - sent)
	}
	return n, err
}
