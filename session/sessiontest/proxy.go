package sessiontest

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy stands between a process and its Redis. It is a link that can be slow or broken.
type Proxy struct {
	Addr  string       // its own, host:port
	Delay atomic.Int64 // ns that each piece from Redis waits
	Cut   atomic.Bool  // nothing passes in either direction, and nobody is told
	Lose  atomic.Bool  // what Redis replies is lost with its connection, greetings and NOSCRIPT excepted
}

// URL is the address as redisstore.Open takes it.
func (p *Proxy) URL() string { return "redis://" + p.Addr + "/0" }

// StartProxy starts one in front of a host:port; it ends with the test.
func StartProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String()}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop); l.Close(); wg.Wait() })
	pipe := func(from, to net.Conn, back bool) {
		defer from.Close()
		defer to.Close()
		b := make([]byte, 64<<10)
		greeting := true
		for {
			from.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // to see stop
			n, err := from.Read(b)
			if e, ok := err.(net.Error); ok && e.Timeout() && n == 0 {
				select {
				case <-stop:
					return
				default:
					continue
				}
			}
			if d := p.Delay.Load(); back && d > 0 {
				time.Sleep(time.Duration(d))
			}
			if p.Cut.Load() { // lost on the way: the connection is out of step for good
				for wait := true; wait; wait = p.Cut.Load() {
					select {
					case <-stop:
						return
					case <-time.After(100 * time.Millisecond):
					}
				}
				return
			}
			if back && p.Lose.Load() && !greeting && !strings.Contains(string(b[:n]), "NOSCRIPT") {
				return
			}
			greeting = false
			if _, werr := to.Write(b[:n]); werr != nil || err != nil {
				return
			}
		}
	}
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				client.Close()
				continue
			}
			wg.Go(func() { pipe(client, server, false) })
			wg.Go(func() { pipe(server, client, true) })
		}
	})
	return p
}
