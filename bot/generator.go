package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"moebot/bot/chat"
	"moebot/bot/config"
	"moebot/bot/discord"
	"moebot/bot/jobs"
	"moebot/bot/lab"
	"moebot/bot/need"
	"moebot/bot/openai"
	"moebot/moe/defaultmodel"
	"moebot/moe/engine"
	"moebot/moe/gguf"
	"moebot/moe/model"
	"moebot/moe/prompt"
	"moebot/moe/sample"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
	"moebot/session"
)

// mind is the model side as the chat sees it: a chat.Generator over the engine.
type mind struct {
	file   *gguf.File
	model  *model.Model
	engine *engine.Engine // nil in a gateway: workers have one
	window int            // context window, tokens
	bestOf int            // answers made for one that is said
	// forgetThere has workers forget a channel; nil where there are none.
	forgetThere func(channel string)
	template    *prompt.Template
	tok         *tokenizer.Tokenizer
	defaults    atomic.Pointer[session.Settings] // what a channel without its own has
	reply       atomic.Pointer[config.Reply]     // what no channel has of its own
	pings       *sample.Ban                      // what no answer may spell
	lab         *lab.Lab

	mu     sync.Mutex
	traces map[string]keptTrace // by answer message
	order  []string
	traced func(messageID string) // told of each new trace; may be nil

	elsewhere *elsewhere // nil without another server's model
}

// openMind loads the model that the configuration names; a gateway only measures with
// it, and has no engine.
func openMind(c config.Config, log *slog.Logger) (*mind, error) {
	m := &mind{traces: map[string]keptTrace{}}
	m.setDefaults(c.Reply)
	var err error
	if m.elsewhere, err = openElsewhere(c, m, log); err != nil {
		return nil, err
	}
	name := c.Model.File
	if name == "" {
		name = "the embedded model"
		m.file, err = gguf.Parse(defaultmodel.GGUF())
	} else {
		m.file, err = gguf.Open(c.Model.File)
	}
	if err != nil {
		return nil, err
	}
	if err := m.open(c, log); err != nil {
		m.file.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

func (m *mind) open(c config.Config, log *slog.Logger) error {
	var err error
	if m.model, err = model.Load(m.file); err != nil {
		return err
	}
	tok, err := model.Tokenizer(m.file)
	if err != nil {
		return err
	}
	m.tok = tok
	if m.template, err = prompt.NewAny(tok); err != nil {
		return err
	}
	m.template.Keeps = c.Session.MaxTurns
	m.pings = sample.NewBan(tok, pings())
	if m.window = m.model.Config.Context; c.Model.ContextTokens > 0 {
		m.window = c.Model.ContextTokens
	}
	if m.bestOf = c.Reply.BestOf; m.bestOf == 0 {
		m.bestOf = engine.BestOf(m.model)
	}
	if c.Roles.Role == "gateway" {
		m.lab = lab.New(m.model, tok, nil)
		return nil
	}
	m.engine, err = engine.New(m.model, tok, engine.Options{Threads: c.Model.Threads, ContextTokens: c.Model.ContextTokens, Slots: c.Model.Slots * m.bestOf,
		CacheBytes: c.Model.CacheMiB << 20, CacheType: cacheType(c.Model.CacheType), Lookup: c.Model.Lookup, Snapshots: snapshots(c, m.file), Log: log})
	if err == nil {
		m.lab = lab.New(m.model, tok, m.engine)
	}
	return err
}

// cacheType is the type of the name, which the configuration has checked.
func cacheType(name string) tensor.Type {
	for _, t := range []tensor.Type{tensor.F16, tensor.Q8_0} {
		if t.String() == name {
			return t
		}
	}
	return tensor.F32
}

// pings are the beginnings of what notifies people if Discord is asked to let it
// (reference, Message Formatting): everyone, those who are there, a person, a role.
func pings() []string {
	out := []string{"@everyone", "@here"}
	for digit := '0'; digit <= '9'; digit++ {
		for _, head := range []string{"<@", "<@!", "<@&"} {
			out = append(out, head+string(digit))
		}
	}
	return out
}

func (m *mind) close() {
	m.lab.Close()
	if m.engine != nil {
		m.engine.Close()
	}
	m.file.Close()
}

// name is what the model's file calls it.
func (m *mind) name() string {
	if n := m.model.Config.Name; n != "" {
		return n
	}
	return "a model without a name"
}

// describe names the model for people.
// describe names the model for people.
func (m *mind) describe(in discord.In) string {
	total, active := m.model.Parameters()
	c := m.model.Config
	s := fmt.Sprintf(in("%s: %.1f M parameters, %.1f M at work per token", "%s：%.1f M 个参数，每个 token 用到 %.1f M 个"), m.name(), float64(total)/1e6, float64(active)/1e6)
	if c.Experts > 1 {
		s += fmt.Sprintf(in(", %[1]d of %[2]d experts in each of %[3]d layers", "，%[3]d 层，每层 %[2]d 个专家中用 %[1]d 个"), c.TopK, c.Experts, c.Layers)
	}
	return s + m.elsewhere.describe(in)
}

func (m *mind) setDefaults(r config.Reply) {
	s := defaultSettings(r)
	m.defaults.Store(&s)
	m.reply.Store(&r)
}

// penalties are those that no channel has of its own.
func (m *mind) penalties() (frequency, presence float64) {
	r := m.reply.Load()
	return r.FrequencyPenalty, r.PresencePenalty
}

// settings are what a channel without its own has.
func (m *mind) settings() session.Settings { return *m.defaults.Load() }

func defaultSettings(r config.Reply) session.Settings {
	return session.Settings{Temperature: &r.Temperature, TopP: &r.TopP, MinP: &r.MinP, RepeatPenalty: &r.RepeatPenalty,
		TopK: &r.TopK, MaxTokens: &r.MaxTokens, Persona: &r.Persona}
}

// input is what the model reads of a prompt.
type input struct {
	fit     prompt.Fitted
	begin   []int32 // tokens that the answer begins with
	persona []prompt.Turn
	turns   []prompt.Turn
	room    int // for the answer
}

// read fits a prompt into the context window.
func (m *mind) read(p chat.Prompt, s session.Settings) input {
	var in input
	if *s.Persona != "" {
		in.persona = []prompt.Turn{{Role: prompt.System, Text: *s.Persona}}
	}
	for _, t := range p.Turns {
		if t.Role == session.RoleAssistant {
			in.turns = append(in.turns, prompt.Turn{Role: prompt.Assistant, Text: t.Text})
		} else {
			in.turns = append(in.turns, prompt.Turn{Role: prompt.User, Name: t.Author, Text: t.Text})
		}
	}
	window := m.window
	in.room = min(*s.MaxTokens, window/2)
	if p.Begin != "" {
		in.begin = m.tok.Append(nil, p.Begin, false)
		// of a very long answer the end will do to go on from
		in.begin = in.begin[max(0, len(in.begin)-(window-in.room)/2):]
	}
	in.fit = m.template.Fit(append(in.persona, in.turns...), window-in.room-len(in.begin))
	return in
}

// Measure tells what the model sees of a prompt.
func (m *mind) Measure(p chat.Prompt) chat.Budget {
	if m.elsewhere.makes(p) {
		return m.elsewhere.Measure(p)
	}
	in := m.read(p, m.defaults.Load().Merge(p.Settings))
	b := chat.Budget{Window: m.window, Answer: in.room, Used: len(in.fit.Tokens) + len(in.begin), Turns: len(in.turns) - in.fit.Dropped, Dropped: in.fit.Dropped, Cut: in.fit.Cut}
	if len(in.persona) > 0 {
		b.Persona = len(m.template.Render(in.persona)) - len(m.template.Render(nil))
	}
	return b
}

// sampling is how an answer's tokens are chosen.
func (m *mind) sampling(s session.Settings) sample.Params {
	r := m.reply.Load()
	p := sample.Params{Temperature: *s.Temperature, TopK: *s.TopK, TypicalP: r.TypicalP, TopP: *s.TopP, MinP: *s.MinP, RepeatPenalty: *s.RepeatPenalty,
		FrequencyPenalty: r.FrequencyPenalty, PresencePenalty: r.PresencePenalty, RepeatLast: 64, Dry: sample.DefaultDry(), Seed: rand.Uint64()}
	p.Dry.Multiplier = r.DryMultiplier
	if s.Seed != nil {
		p.Seed = *s.Seed
	}
	return p
}

// request asks the engine for the answer to a prompt; dropped are the turns that found
// no room in it.
func (m *mind) request(p chat.Prompt) (r engine.Request, dropped int) {
	s := m.defaults.Load().Merge(p.Settings)
	in := m.read(p, s)
	key := p.Key.Channel
	if p.Key == chat.OnceKey {
		key = "" // there will be no more of it
	}
	return engine.Request{Key: key, Tokens: append(in.fit.Tokens, in.begin...), MaxTokens: in.room, Sampling: m.sampling(s), Forbid: m.template.Unsaid(),
		Never: m.pings, Before: p.Begin, Begun: len(in.begin), StopTokens: []int32{m.template.End()}, StopStrings: m.template.Stops(), Unlike: p.Unlike, Doubt: need.Help, Trace: true}, in.fit.Dropped
}

// Generate is chat.Generator.
func (m *mind) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	if m.elsewhere.makes(p) {
		return m.elsewhere.Generate(ctx, p, emit)
	}
	r, dropped := m.request(p)
	var err error
	if r.Plan, err = m.plan(ctx, p.Settings); err != nil {
		return chat.Answer{}, err
	}
	res, err := m.engine.Best(ctx, r, m.bestOf, emit)
	u := res.Usage
	text := strings.TrimRight(res.Text, " \n")
	if p.Begin == "" {
		text = strings.TrimSpace(text)
	}
	a := chat.Answer{Text: text, Stop: string(res.Stop), Trace: m.trace(res),
		Usage: chat.Usage{PromptTokens: u.PromptTokens, ReusedTokens: u.ReusedTokens, DecodedTokens: u.DecodedTokens, DroppedTurns: dropped,
			TimeToFirstToken: u.TimeToFirstToken, DecodeTime: u.DecodeTime}}
	return a, err
}

// stats are the engine's figures, zeros without one.
func (m *mind) stats() engine.Stats {
	if m.engine == nil {
		return engine.Stats{}
	}
	return m.engine.Stats()
}

// tooMany reports whether an error means that more was asked than can be done at once.
func tooMany(err error) bool {
	return errors.Is(err, engine.ErrBusy) || errors.Is(err, jobs.ErrBusy) || errors.Is(err, openai.ErrBusy)
}

func (m *mind) trace(res engine.Result) chat.Trace {
	c := m.model.Config
	t := chat.Trace{Layers: c.Layers, Experts: max(c.Experts, 1)}
	for _, d := range res.Drafts {
		if !math.IsInf(d.Score, 0) { // of a probability of 0, which JSON cannot say
			t.Drafts = append(t.Drafts, chat.Draft{Text: strings.TrimSpace(d.Text), Score: d.Score})
		}
	}
	said := 0
	for _, tok := range res.Trace {
		if res.Stop == engine.StopString && said >= len(res.Text) {
			break // what follows spells the end
		}
		said += len(tok.Text)
		out := chat.TraceToken{Text: strings.ToValidUTF8(tok.Text, "\uFFFD"), Prob: float64(tok.Prob)}
		for _, a := range tok.Alternatives {
			out.Alternatives = append(out.Alternatives, chat.Alternative{Text: strings.ToValidUTF8(a.Text, "\uFFFD"), Prob: float64(a.Prob)})
		}
		for l := range tok.Experts {
			var layer []chat.Choice
			for j, e := range tok.Experts[l] {
				layer = append(layer, chat.Choice{Expert: int(e), Weight: float64(tok.Gates[l][j])})
			}
			out.Experts = append(out.Experts, layer)
		}
		t.Tokens = append(t.Tokens, out)
	}
	return t
}

// maxTraces is the number of answers whose traces are kept.
const maxTraces = 200

// keptTrace is a trace with the channel of its answer.
type keptTrace struct {
	chat.Trace
	channel string
}

// Keep is chat.Tracer.
func (m *mind) Keep(channel, messageID string, t chat.Trace, more bool) {
	m.mu.Lock()
	before, ok := m.traces[messageID]
	if !ok {
		m.order = append(m.order, messageID)
	}
	if more {
		t.Tokens, t.Drafts = append(before.Tokens[:len(before.Tokens):len(before.Tokens)], t.Tokens...), nil // those were of the rest
	}
	m.traces[messageID] = keptTrace{t, channel}
	if len(m.order) > maxTraces {
		delete(m.traces, m.order[0])
		m.order = m.order[1:]
	}
	m.mu.Unlock()
	if m.traced != nil {
		m.traced(messageID)
	}
}

// Trace returns how an answer came about, if it is one of the last.
func (m *mind) Trace(messageID string) (chat.Trace, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.traces[messageID]
	return t.Trace, ok
}

// dropTraces forgets the traces for which of is true.
func (m *mind) dropTraces(of func(messageID string, t keptTrace) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.traces, of)
	m.order = slices.DeleteFunc(m.order, func(id string) bool { _, ok := m.traces[id]; return !ok })
}
