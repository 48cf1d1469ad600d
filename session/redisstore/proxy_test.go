package redisstore_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy stands between a store and its Redis. It is a link that can be slow or broken.
type proxy struct {
	addr  string
	delay atomic.Int64 // ns that each piece from Redis waits
	cut   atomic.Bool  // nothing passes in either direction, and nobody is told
}

// startProxyTo starts one in front of a host:port; it ends with the test.
func startProxyTo(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String()}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop); l.Close(); wg.Wait() })
	pipe := func(from, to net.Conn, back bool) {
		defer from.Close()
		defer to.Close()
		b := make([]byte, 64<<10)
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
			if d := p.delay.Load(); back && d > 0 {
				time.Sleep(time.Duration(d))
			}
			if p.cut.Load() {
				n = 0 // lost on the way; the connection is out of step for good
				select {
				case <-stop:
				case <-time.After(100 * time.Millisecond):
					for p.cut.Load() {
						select {
						case <-stop:
							return
						case <-time.After(20 * time.Millisecond):
						}
					}
				}
				return
			}
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
