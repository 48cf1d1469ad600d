// Package chat answers one message in one channel. It knows neither Discord nor the
// model: a Store remembers, a Generator thinks, a Reply shows. Questions of one
// channel are answered one after another in the order they came; channels run
// beside each other. A question is stored before it is answered, and what the
// person saw is what is stored, so that nothing is lost or answered twice when the
// process dies at any point.
//
// A Service is safe for concurrent use.
package chat

import (
	"context"
	"time"

	"moebot/session"
)

// Store remembers conversations; see session/redisstore for the meaning of each call.
type Store interface {
	Admit(ctx context.Context, k session.Key, t session.Turn, limits []session.Limit) (s session.Session, accepted bool, wait time.Duration, err error)
	Finish(ctx context.Context, k session.Key, questionID string, answer session.Turn, amounts ...session.Amount) (done bool, err error)
	Load(ctx context.Context, k session.Key) (session.Session, error)
	Remove(ctx context.Context, k session.Key, turnID string) (answer string, err error)
	UpdateTurn(ctx context.Context, k session.Key, turnID string, change func(*session.Turn) error) (session.Turn, error)
	Claim(ctx context.Context, k session.Key, messageID string) (bool, error)
	Hold(ctx context.Context, k session.Key, questionID string) (bool, error)
	Renew(ctx context.Context, questions []session.Pending) error
	Release(ctx context.Context, questions []session.Pending) error
	TakeAll(ctx context.Context, messageID string, limits []session.Limit) (wait time.Duration, err error)
	Count(ctx context.Context, k session.Key, amounts map[string]int64) error
}

// Prompt is what an answer is made from.
type Prompt struct {
	Key        session.Key
	QuestionID string
	Turns      []session.Turn // oldest first; the last is the question
	Settings   session.Settings
	// Begin is how the answer begins: one that was cut is gone on with. The
	// Generator gives only what follows it, blanks included.
	Begin string
	// Unlike are answers that were given before: if there is a choice, another is.
	Unlike []string
}

// OnceKey is the key of questions outside of any conversation.
var OnceKey = session.Key{Channel: "once"}

// Budget is what the model sees of a prompt, in tokens.
type Budget struct {
	Window  int  // of the model
	Answer  int  // kept free for the answer
	Used    int  // by the prompt
	Persona int  // of them
	Turns   int  // of the conversation that the prompt holds
	Dropped int  // left out, the oldest
	Cut     bool // the newest turn, or the persona, was too long and lost its middle
}

// Generator produces an answer and calls emit with pieces of its text as they come.
// If ctx ends, it returns what there is and the context's error.
type Generator interface {
	Generate(ctx context.Context, p Prompt, emit func(piece string) error) (Answer, error)
}

// Answer is a finished reply.
type Answer struct {
	Text  string
	Stop  string // why it ended: end, length, context, stop, cancelled
	Usage Usage
	Trace Trace
}

// cut reports whether the answer ends where the room did.
func (a Answer) cut() bool { return a.Stop == "length" || a.Stop == "context" }

// Usage is what an answer cost.
type Usage struct {
	PromptTokens     int
	ReusedTokens     int // of the prompt, found in the cache
	DecodedTokens    int
	DroppedTurns     int // left out of the prompt for want of room
	TimeToFirstToken time.Duration
	DecodeTime       time.Duration
}

// Trace tells how an answer's tokens came about.
type Trace struct {
	Layers, Experts int // layers of the model, experts in each
	Tokens          []TraceToken
	Drafts          []Draft // answers of which this was chosen, the better first, which is this one; nil if there was no choice
}

// Draft is an answer that might have been given. A higher score is better, of those that
// came to an end.
type Draft struct {
	Text  string
	Score float64
}

// TraceToken is one token of an answer.
type TraceToken struct {
	Text         string
	Prob         float64 // of the model's own distribution
	Alternatives []Alternative
	Experts      [][]Choice // [layer] chosen experts, best first
}

// Alternative is a token that might have been said.
type Alternative struct {
	Text string
	Prob float64
}

// Choice is an expert and the weight of its output; the weights of a layer sum to 1.
type Choice struct {
	Expert int
	Weight float64
}

// Reply shows one answer to the person who asked. Start, Update, Finish and Withdraw
// are called from one goroutine at a time; Queued may be called beside them, and does
// nothing once one of them was.
type Reply interface {
	// Queued says that n questions of the channel come before this one.
	Queued(n int)
	// Start says that the answer is being made.
	Start()
	// Update gives the whole text so far. It must not block: text that comes faster
	// than it can be shown is replaced by newer text.
	Update(text string)
	// Finish shows the end for good and returns the ids of the messages it is shown
	// in, in order. None means that it could not be shown. After an error it may be
	// called again, also with another end.
	Finish(ctx context.Context, e End) (messages []string, err error)
	// Withdraw removes what Queued or Update have shown: there will be no end.
	Withdraw(ctx context.Context)
}

// End is what a reply shows in the end: an answer, or a notice in its place.
type End struct {
	Text   string
	Answer bool // and not a notice: it can be said again
	Shared bool // a notice to a question that another process may come to answer
	Cut    bool // it can be gone on with
	Stale  bool // the question was edited since
	Chosen int  // which alternative, from 0
	Of     int  // how many there are
}

// EndOf is how an answer that is stored is shown.
func EndOf(t session.Turn) End {
	e := End{Text: t.Text, Answer: true, Of: 1}
	if a := t.Answer; a != nil {
		e.Cut, e.Stale, e.Chosen, e.Of = a.Cut, a.Stale, a.Chosen, a.Of()
	}
	return e
}

// Question is a message that wants an answer.
type Question struct {
	Key   session.Key
	Turn  session.Turn
	Reply Reply
	// Server is the id of the server it was asked in; empty in direct messages.
	Server string
	// Known says that the store has accepted the question already: it comes from the
	// list of pending questions after a restart. If this service is at it or has
	// answered it meanwhile, it is left alone.
	Known bool
	// Above are the settings of the levels above the channel's own: of the server, and
	// of the channel that a thread is in.
	Above session.Settings
	// Refers is the message that the question replies to; nil if to none. The prompt has
	// it right before the question, unless it is among the last of the conversation. It is
	// not kept.
	Refers *session.Turn
	// Decide, if not nil, is called in the question's turn, before the store hears of
	// it, and may wait. It completes the question; it says in one sentence why it is
	// not answered; or, with ok false, that it is none. Quiet has nobody told that a
	// question is refused for want of room or of time: it was not meant for the bot.
	Decide func(ctx context.Context, q *Question) (refusal string, ok bool)
	Quiet  bool
	// Taken, if not nil, is called when the store knows the question, its author has been
	// or is being told why not, or it is none: it need not be asked again.
	Taken func()
	// Twice, if not nil, is called if the question was taken before, here or elsewhere, though
	// perhaps forgotten since, and so is left alone.
	Twice func()

	patient bool   // waits for room in the queue instead of being refused
	once    bool   // outside of any conversation
	prompt  Prompt // if so
}

// name tells a question from all others.
func (q Question) name() string { return name(q.Key, q.Turn.ID) }

func name(k session.Key, questionID string) string { return k.Channel + " " + questionID }
