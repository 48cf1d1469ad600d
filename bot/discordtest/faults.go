package discordtest

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Faults makes the server misbehave. Standing faults last until they are lifted or Clear is called; others
// happen at once, on every gateway connection there is, and report how many that were. Chances are drawn
// from Options.Seed. Safe for concurrent use.
type Faults struct {
	server *Server

	mu         sync.Mutex
	random     *rand.Rand
	rest       []*restFault
	deaf       bool // to heartbeats
	delay      time.Duration
	duplicate  float64
	reorder    float64
	lose       float64
	identify   int // close code
	identifies int // how often still
	resumes    int // RESUMEs to refuse
}

// RESTFault says which requests go wrong and how. Exactly one of Status, HangUp and LoseAnswer, or none for a
// mere Delay.
type RESTFault struct {
	Method      string  // empty: any
	Route       string  // as in Requests, without the method ("/channels/{channel}/messages"); empty: any
	Channel     string  // id of the one whose requests it strikes; empty: any
	Count       int     // how many requests it strikes; 0: all
	Probability float64 // that it strikes a request it could strike; 0: 1

	Delay      time.Duration // before the request is looked at
	Status     int           // answer with this status instead; 429 with RetryAfter
	RetryAfter time.Duration // of a 429
	Global     bool          // the 429 is one of the global limit
	HangUp     bool          // close the connection; the request has had no effect
	LoseAnswer bool          // close the connection after the request had its effect
}

type restFault struct {
	RESTFault
	left int
}

func newFaults(s *Server, seed uint64) *Faults {
	return &Faults{server: s, random: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
}

// REST adds a fault; of several that fit a request, the first added strikes. lift takes it away again.
func (f *Faults) REST(fault RESTFault) (lift func()) {
	r := &restFault{RESTFault: fault, left: fault.Count}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rest = append(f.rest, r)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.rest = slices.DeleteFunc(f.rest, func(x *restFault) bool { return x == r })
	}
}

// strike finds the fault of a request and counts it; path is what route stands for.
func (f *Faults) strike(method, route, path string) (RESTFault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, r := range f.rest {
		if r.Method != "" && r.Method != method || r.Route != "" && r.Route != route ||
			r.Channel != "" && !strings.Contains(path+"/", "/channels/"+r.Channel+"/") || !f.happens(r.Probability, 1) {
			continue
		}
		if r.Count > 0 {
			if r.left--; r.left == 0 {
				f.rest = slices.Delete(f.rest, i, i+1)
			}
		}
		return r.RESTFault, true
	}
	return RESTFault{}, false
}

// happens draws a chance; zero stands for without. f.mu is held.
func (f *Faults) happens(p, without float64) bool {
	if p == 0 {
		p = without
	}
	return p >= 1 || p > 0 && f.random.Float64() < p
}

// Clear ends all standing faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rest, f.deaf, f.delay, f.duplicate, f.reorder, f.lose, f.identifies, f.resumes = nil, false, 0, 0, 0, 0, 0, 0
}

// IgnoreHeartbeats leaves heartbeats without an ACK: the connection looks like a zombie.
func (f *Faults) IgnoreHeartbeats(on bool) { f.set(func() { f.deaf = on }) }

// SlowGateway delays every frame to the bot; order stays.
func (f *Faults) SlowGateway(d time.Duration) { f.set(func() { f.delay = d }) }

// Duplicate is the chance of a dispatched event to be sent twice.
func (f *Faults) Duplicate(p float64) { f.set(func() { f.duplicate = p }) }

// Reorder is the chance of a dispatched event to be sent after the one that follows it, or 50 ms later when
// none does.
func (f *Faults) Reorder(p float64) { f.set(func() { f.reorder = p }) }

// Lose is the chance of a dispatched event never to be sent.
func (f *Faults) Lose(p float64) { f.set(func() { f.lose = p }) }

// RefuseIdentify closes the gateway with a code (4004, 4014, 4000 ...) on each of the next n IDENTIFYs.
func (f *Faults) RefuseIdentify(code, n int) { f.set(func() { f.identify, f.identifies = code, n }) }

// RefuseResume answers the next n RESUMEs with op 9, d: false.
func (f *Faults) RefuseResume(n int) { f.set(func() { f.resumes = n }) }

func (f *Faults) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// Reconnect sends op 7: the bot shall reconnect and resume.
func (f *Faults) Reconnect() int {
	return f.each(func(x *session) { x.send(frame{Op: opReconnect}) })
}

// Repeat sends a message that was said before once more, as if it were new. It reports whether the message is
// there still.
func (f *Faults) Repeat(channelID, messageID string) bool {
	s := f.server
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channelID]
	if c == nil {
		return false
	}
	m := c.message(messageID)
	if m != nil {
		s.dispatchMessage("MESSAGE_CREATE", m)
	}
	return m != nil
}

// InvalidSession sends op 9. When not resumable the session is forgotten.
func (f *Faults) InvalidSession(resumable bool) int {
	return f.each(func(x *session) {
		x.send(frame{Op: opInvalidSession, Data: resumable})
		if !resumable {
			x.invalidate()
		}
	})
}

// Cut drops the connections without a word, as a lost network does.
func (f *Faults) Cut() int {
	return f.each(func(x *session) { x.cut() })
}

// CloseGateway closes the connections with a code.
func (f *Faults) CloseGateway(code int) int {
	return f.each(func(x *session) { x.close(code) })
}

// each does something to all connected gateway sessions.
func (f *Faults) each(do func(*session)) int {
	f.server.mu.Lock()
	defer f.server.mu.Unlock()
	n := 0
	for _, x := range f.server.sessions {
		if x.conn != nil {
			n++
			do(x)
		}
	}
	return n
}

// The gateway asks these; each has its turn with the lock of the faults.

func (f *Faults) ignoresHeartbeats() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deaf
}

func (f *Faults) gatewayDelay() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.delay
}

// refusesIdentify returns the close code of an IDENTIFY to refuse, else 0.
func (f *Faults) refusesIdentify() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.identifies <= 0 {
		return 0
	}
	f.identifies--
	return f.identify
}

func (f *Faults) refusesResume() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.resumes <= 0 {
		return false
	}
	f.resumes--
	return true
}

// fate is what becomes of one event.
type fate struct{ lost, held, twice bool }

func (f *Faults) fate() fate {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fate{f.happens(f.lose, 0), f.happens(f.reorder, 0), f.happens(f.duplicate, 0)}
}
