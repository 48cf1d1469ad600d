package discordtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// Gateway opcodes. Documentation: topics/opcodes-and-status-codes.mdx, "Gateway Opcodes".
const (
	opDispatch            = 0
	opHeartbeat           = 1
	opIdentify            = 2
	opPresence            = 3
	opVoiceState          = 4
	opResume              = 6
	opReconnect           = 7
	opRequestGuildMembers = 8
	opInvalidSession      = 9
	opHello               = 10
	opHeartbeatACK        = 11
)

// Gateway close codes. Documentation: topics/opcodes-and-status-codes.mdx, "Gateway Close Event Codes".
const (
	closeUnknownOpcode     = 4001
	closeDecode            = 4002
	closeNotAuthenticated  = 4003
	closeAuthentication    = 4004
	closeAlreadyIdentified = 4005
	closeInvalidSeq        = 4007
	closeRateLimited       = 4008
	closeTimedOut          = 4009
	closeInvalidShard      = 4010
	closeInvalidVersion    = 4012
	closeInvalidIntents    = 4013
	closeDisallowed        = 4014
)

// closeReason is what Discord says with a code.
func closeReason(code int) string {
	switch code {
	case closeUnknownOpcode:
		return "Unknown opcode."
	case closeDecode:
		return "Error while decoding payload."
	case closeNotAuthenticated:
		return "Not authenticated."
	case closeAuthentication:
		return "Authentication failed."
	case closeAlreadyIdentified:
		return "Already authenticated."
	case closeInvalidSeq:
		return "Invalid seq."
	case closeRateLimited:
		return "Rate limited."
	case closeTimedOut:
		return "Session timed out."
	case closeInvalidShard:
		return "Invalid shard."
	case closeInvalidVersion:
		return "Invalid API version."
	case closeInvalidIntents:
		return "Invalid intent(s)."
	case closeDisallowed:
		return "Disallowed intent(s)."
	}
	return ""
}

// Limits of what a client may send. Documentation: events/gateway.mdx, "Sending Events" (4096 bytes) and "Rate
// Limiting" (120 events per 60 s).
const (
	maxPayload       = 4096
	maxEvents        = 120
	eventWindow      = time.Minute
	maxQueue         = 1 << 17 // frames a client may be behind before it is cut off
	handshakeTimeout = 30 * time.Second
)

// frame is one gateway payload to the client.
type frame struct {
	Op   int     `json:"op"`
	Data any     `json:"d"`
	Seq  *int64  `json:"s"`
	Type *string `json:"t"`
}

// queued is a frame on its way, or the close code that ends the connection.
type queued struct {
	data      []byte
	due       time.Time // not before
	closeCode int
	reason    string
}

// conn is one WebSocket connection. Its queue is guarded by Server.mu.
type conn struct {
	server  *Server
	ws      *websocket.Conn
	tcp     net.Conn
	queue   []queued
	wake    chan struct{} // holds a token when there is something in the queue
	done    chan struct{} // closed when the reader has ended
	session *session      // once identified or resumed
	beat    time.Time     // last heartbeat, real time
	sent    []time.Time   // recent events from the client, for the rate limit
	closing bool          // we said goodbye first: the client's close code is an echo
}

// tcpCapture keeps the connection under the WebSocket, to be able to cut it without a word.
type tcpCapture struct {
	http.ResponseWriter
	conn net.Conn
}

func (t *tcpCapture) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := t.ResponseWriter.(http.Hijacker).Hijack()
	t.conn = c
	return c, rw, err
}

// serveGateway is one connection from HELLO to the end. Documentation: events/gateway.mdx, "Connection
// Lifecycle".
func (s *Server) serveGateway(w http.ResponseWriter, r *http.Request) {
	capture := &tcpCapture{ResponseWriter: w}
	ws, err := websocket.Accept(capture, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return
	}
	c := &conn{server: s, ws: ws, tcp: capture.conn, wake: make(chan struct{}, 1), done: make(chan struct{}), beat: time.Now()}
	defer c.tcp.Close()
	ws.SetReadLimit(1 << 20)

	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.conns[c] = true
	// Documentation: events/gateway.mdx, "Gateway URL Query String Params".
	q := r.URL.Query()
	if v := q.Get("v"); v != "" && !slices.Contains(apiVersions, "v"+v) {
		c.closeWith(closeInvalidVersion)
	} else if e := q.Get("encoding"); e != "" && e != "json" {
		c.closeWith(closeDecode)
	} else {
		c.push(frame{Op: opHello, Data: map[string]any{"heartbeat_interval": s.opts.Heartbeat.Milliseconds()}})
	}
	s.mu.Unlock()

	writer := make(chan struct{})
	go func() {
		defer close(writer)
		c.write()
	}()
	code := c.read()
	s.mu.Lock()
	close(c.done)
	delete(s.conns, c)
	if c.closing {
		code = -1
	}
	if x := c.session; x != nil && x.conn == c {
		x.disconnected(code)
	}
	s.mu.Unlock()
	c.tcp.Close()
	<-writer
	// The library's own goroutines end with this call.
	ws.CloseNow()
}

// read handles what the client sends until the connection ends; it returns the client's close code, -1 for
// none.
func (c *conn) read() int {
	s := c.server
	for {
		// A client that sends no heartbeat is thrown out. How long Discord waits is not documented.
		ctx, cancel := context.WithTimeout(context.Background(), s.opts.Heartbeat*3/2+time.Second)
		_, data, err := c.ws.Read(ctx)
		cancel()
		if err != nil {
			var closed websocket.CloseError
			if errors.As(err, &closed) {
				return int(closed.Code)
			}
			return -1
		}
		s.mu.Lock()
		late := time.Since(c.beat) > s.opts.Heartbeat*3/2+time.Second
		if late {
			c.closeWith(closeTimedOut)
		} else {
			c.receive(data)
		}
		s.mu.Unlock()
	}
}

// receive handles one payload. s.mu is held.
func (c *conn) receive(data []byte) {
	if c.closing {
		return
	}
	now := time.Now()
	c.sent = append(slices.DeleteFunc(c.sent, func(t time.Time) bool { return now.Sub(t) > eventWindow }), now)
	if len(c.sent) > maxEvents {
		c.closeWith(closeRateLimited)
		return
	}
	var p struct {
		Op   *int            `json:"op"`
		Data json.RawMessage `json:"d"`
	}
	if len(data) > maxPayload || json.Unmarshal(data, &p) != nil || p.Op == nil {
		c.closeWith(closeDecode)
		return
	}
	switch *p.Op {
	case opHeartbeat:
		c.beat = now
		if !c.server.faults.ignoresHeartbeats() {
			c.push(frame{Op: opHeartbeatACK})
		}
	case opIdentify:
		c.identify(p.Data)
	case opResume:
		c.resume(p.Data)
	case opRequestGuildMembers, opPresence, opVoiceState:
		if c.session == nil {
			c.closeWith(closeNotAuthenticated)
			return
		}
		if *p.Op == opRequestGuildMembers {
			c.session.guildMembers(p.Data)
		}
	default:
		c.closeWith(closeUnknownOpcode)
	}
}

// push queues a frame that is not part of a session. s.mu is held.
func (c *conn) push(f frame) {
	data, err := json.Marshal(f)
	if err != nil {
		panic("discordtest: frame does not marshal: " + err.Error())
	}
	c.enqueue(queued{data: data})
}

// closeWith queues the end of the connection. s.mu is held.
func (c *conn) closeWith(code int) {
	c.closing = true
	c.enqueue(queued{closeCode: code, reason: closeReason(code)})
}

func (c *conn) enqueue(q queued) {
	if d := c.server.faults.gatewayDelay(); d > 0 {
		q.due = time.Now().Add(d)
	}
	c.queue = append(c.queue, q)
	if len(c.queue) > maxQueue {
		c.tcp.Close()
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write sends the queue until the connection ends.
func (c *conn) write() {
	for {
		select {
		case <-c.wake:
		case <-c.done:
			return
		}
		c.server.mu.Lock()
		batch := c.queue
		c.queue = nil
		c.server.mu.Unlock()
		for _, q := range batch {
			if wait := time.Until(q.due); !q.due.IsZero() && wait > 0 {
				t := time.NewTimer(wait)
				select {
				case <-t.C:
				case <-c.done:
					t.Stop()
					return
				}
			}
			if q.closeCode != 0 {
				// Waits for the client's close frame, 5 s at most, or until the connection is cut.
				c.ws.Close(websocket.StatusCode(q.closeCode), q.reason)
				c.tcp.Close()
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
			err := c.ws.Write(ctx, websocket.MessageText, q.data)
			cancel()
			if err != nil {
				c.tcp.Close()
				return
			}
		}
	}
}
