package jobs

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"moebot/bot/chat"
	"moebot/session"
)

// Errors of Client.Generate, beside the context's.
var (
	// ErrBusy means that more jobs wait than may.
	ErrBusy = errors.New("jobs: too many are waiting")
	// ErrPoison means that workers died of the job.
	ErrPoison = errors.New("jobs: workers died of this job")
	// ErrVersion means that the worker which took the job is older than this program.
	ErrVersion = errors.New("jobs: the worker is too old for this job")
	// ErrFailed means that the worker's Generator failed; its log says why.
	ErrFailed = errors.New("jobs: the worker failed")
)

// How a job is written: the version stands in front of the JSON. A field added within a
// version is ignored by older readers; a change they would misread raises it.
const (
	plain   = 1
	sealed  = 2 // the words of the job are
	version = sealed
)

// errNewer is a job written by a newer program.
var errNewer = errors.New("jobs: the job was written by a newer program")

// job is a request on its way to a worker.
type job struct {
	id, client string
	timeout    time.Duration // of the answer, from its beginning
	sealed     bool          // in Redis, with all that is said of it
	prompt     chat.Prompt
}

// version is the one a job is written in.
func (j job) version() int {
	if j.sealed {
		return sealed
	}
	return plain
}

// jobV1 is a job in version 1; in version 2 its words are in Sealed.
type jobV1 struct {
	ID       string `json:"id"`
	Client   string `json:"client"`
	Timeout  int64  `json:"timeout_ms"`
	Channel  string `json:"channel"`
	Question string `json:"question,omitempty"`
	wordsV1
	Sealed []byte `json:"sealed,omitempty"`
}

// wordsV1 is what people and the model say; turns and settings are in session's own
// encoding.
type wordsV1 struct {
	Turns    []string `json:"turns,omitempty"`
	Settings string   `json:"settings,omitempty"`
	Begin    string   `json:"begin,omitempty"`
	Unlike   []string `json:"unlike,omitempty"`
}

// encode writes a job; k seals one that is to be sealed.
func (j job) encode(k *session.Keys) (string, error) {
	v := jobV1{ID: j.id, Client: j.client, Timeout: j.timeout.Milliseconds(), Channel: j.prompt.Key.Channel, Question: j.prompt.QuestionID}
	v.Begin, v.Unlike = j.prompt.Begin, j.prompt.Unlike
	for _, t := range j.prompt.Turns {
		s, err := session.EncodeTurn(t)
		if err != nil {
			return "", fmt.Errorf("write a job: %w", err)
		}
		v.Turns = append(v.Turns, s)
	}
	var err error
	if v.Settings, err = session.EncodeSettings(j.prompt.Settings); err != nil {
		return "", fmt.Errorf("write a job: %w", err)
	}
	if j.sealed {
		if v.Sealed, err = sealWords(k, j.id, v.wordsV1); err != nil {
			return "", fmt.Errorf("write a job: %w", err)
		}
		v.wordsV1 = wordsV1{}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write a job: %w", err)
	}
	return strconv.Itoa(j.version()) + string(b), nil
}

// decode reads a job. With errNewer the ids are there, if they still stand where they do
// now; with a *session.KeyError, too.
func decode(s string, k *session.Keys) (job, error) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	found, err := strconv.Atoi(s[:n])
	if err != nil {
		return job{}, errors.New("read a job: no version in front")
	}
	var v jobV1
	if err := json.Unmarshal([]byte(s[n:]), &v); err != nil && found <= version {
		return job{}, fmt.Errorf("read a job: %v", err)
	}
	j := job{id: v.ID, client: v.Client, timeout: time.Duration(v.Timeout) * time.Millisecond}
	if found > version {
		return j, errNewer
	}
	if j.sealed = found == sealed; j.sealed {
		if v.wordsV1, err = openWords(k, v.ID, v.Sealed); err != nil {
			return j, fmt.Errorf("read a job: %w", err)
		}
	}
	j.prompt = chat.Prompt{Key: session.Key{Channel: v.Channel}, QuestionID: v.Question, Begin: v.Begin, Unlike: v.Unlike}
	for _, s := range v.Turns {
		t, err := session.DecodeTurn(s)
		if err != nil {
			return j, fmt.Errorf("read a job: %w", err)
		}
		j.prompt.Turns = append(j.prompt.Turns, t)
	}
	if j.prompt.Settings, err = session.DecodeSettings(v.Settings); err != nil {
		return j, fmt.Errorf("read a job: %w", err)
	}
	return j, nil
}

// Kinds of events.
const (
	began  = "begin" // data: the worker's name
	piece  = "piece" // data: text
	done   = "done"  // data: answerV1; trace: packed chat.Trace
	failed = "fail"  // data: one of the reasons
)

// Reasons of a failure.
const (
	whyBusy    = "busy"
	whyPoison  = "poison"
	whyVersion = "version"
	whyTimeout = "timeout"
	whyFailed  = "failed"
)

// event is what a client hears of a job.
type event struct {
	job        string
	attempt, n int
	kind, data string
	tokens     int // of a piece
	at         int // bytes of the answer's text before a piece; -1 from a worker that does not say
	trace      string
	token      string // of the attempt that begins; "" from a worker that does not say
}

// readEvent reads an entry of out; fields of newer programs are ignored.
func readEvent(m redis.XMessage) event {
	get := func(k string) string { s, _ := m.Values[k].(string); return s }
	e := event{job: get("j"), kind: get("k"), data: get("d"), trace: get("z"), token: get("t")}
	e.attempt, _ = strconv.Atoi(get("a")) // 0 is before all attempts
	e.n, _ = strconv.Atoi(get("n"))
	e.tokens, _ = strconv.Atoi(get("c"))
	var err error
	if e.at, err = strconv.Atoi(get("o")); err != nil {
		e.at = -1
	}
	return e
}

// answerV1 is the end of an answer; the text is whole, with what former attempts said.
type answerV1 struct {
	Text    string `json:"text"`
	Stop    string `json:"stop"`
	Prompt  int    `json:"prompt"`
	Reused  int    `json:"reused"`
	Decoded int    `json:"decoded"`
	Dropped int    `json:"dropped"`
	Decode  int64  `json:"decode_us"`
}

func encodeAnswer(a chat.Answer) (string, error) {
	u := a.Usage
	b, err := json.Marshal(answerV1{a.Text, a.Stop, u.PromptTokens, u.ReusedTokens, u.DecodedTokens, u.DroppedTurns, u.DecodeTime.Microseconds()})
	if err != nil {
		return "", fmt.Errorf("write an answer: %w", err)
	}
	return string(b), nil
}

func decodeAnswer(data string) (chat.Answer, error) {
	var v answerV1
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		return chat.Answer{}, fmt.Errorf("read an answer: %w", err)
	}
	return chat.Answer{Text: v.Text, Stop: v.Stop, Usage: chat.Usage{PromptTokens: v.Prompt, ReusedTokens: v.Reused, DecodedTokens: v.Decoded,
		DroppedTurns: v.Dropped, DecodeTime: time.Duration(v.Decode) * time.Microsecond}}, nil
}

// maxTrace bounds a trace, bytes of JSON.
const maxTrace = 32 << 20

// bounded takes so many bytes and then no more.
type bounded struct {
	w    io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("it is longer than %d bytes", maxTrace)
	}
	return b.w.Write(p)
}

// pack writes a trace as JSON, deflated: it is ten times as long as the text otherwise.
// One without tokens is "".
func pack(t chat.Trace) (string, error) {
	if len(t.Tokens) == 0 {
		return "", nil
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err == nil {
		err = json.NewEncoder(&bounded{w, maxTrace}).Encode(t)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", fmt.Errorf("write a trace: %w", err)
	}
	return b.String(), nil
}

func unpack(s string, t *chat.Trace) error {
	if s == "" {
		return nil
	}
	return json.NewDecoder(io.LimitReader(flate.NewReader(bytes.NewReader([]byte(s))), maxTrace)).Decode(t)
}

// card is what a worker says of itself in its lease.
type card struct {
	ID      string `json:"id"`
	Slots   int    `json:"slots"`
	Busy    int    `json:"busy"`
	Version int    `json:"version"` // of jobs that it reads
	Model   string `json:"model"`   // for people
}

// keys are those of Redis; see the package comment.
const keys names = "mb"

// names makes keys behind a prefix.
type names string

func (n names) any() string                  { return string(n) + ":{jobs}:any" }
func (n names) to(worker string) string      { return string(n) + ":{jobs}:to:" + worker }
func (n names) workers() string              { return string(n) + ":{jobs}:workers" }
func (n names) worker(id string) string      { return string(n) + ":{jobs}:worker:" + id }
func (n names) dead() string                 { return string(n) + ":{jobs}:dead" }
func (n names) stop() string                 { return string(n) + ":{jobs}:stop" }
func (n names) out(client string) string     { return string(n) + ":{" + client + "}:out" }
func (n names) job(client, id string) string { return string(n) + ":{" + client + "}:job:" + id }

// forgetMark begins a message on the stop channel that names a channel to forget.
const forgetMark = "forget:"

// group is the consumer group of the streams of jobs.
const group = "workers"
