// Package config reads what the owner of a bot decides: a TOML file, the
// environment over it, defaults under it. Every key has a default, so that no file
// is needed. Secrets come from the environment alone and are never printed.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Config is the manual: each key with its meaning, unit and default. In the
// environment a key is MOEBOT_SECTION_KEY, such as MOEBOT_HTTP_ADDR.
type Config struct {
	HTTP    HTTP    `toml:"http"`
	Log     Log     `toml:"log"`
	Model   Model   `toml:"model"`
	Reply   Reply   `toml:"reply"`
	Session Session `toml:"session"`
	Discord Discord `toml:"discord"`
	Where   Where   `toml:"where"`
	Safety  Safety  `toml:"safety"`
	Roles   Roles   `toml:"roles"`
	Engine  Engine  `toml:"engine"`

	// Secrets, from the environment only.
	Token    Secret `toml:"-"` // DISCORD_TOKEN; empty opens the playground
	RedisURL Secret `toml:"-"` // REDIS_URL; empty uses the embedded store
	// EngineKey is the API key of the server that Engine names.
	EngineKey Secret `toml:"-"` // ENGINE_API_KEY
	// MOEBOT_SESSION_KEYS, name:base64 separated by commas: what is kept of conversations
	// is encrypted with the first key and read with all; empty does not encrypt
	SessionKeys Secret `toml:"-"`
}

// HTTP is the service's own address: health, and without a token the playground.
type HTTP struct {
	// Addr is where it listens, host:port. Port 0 takes any. The playground is for the
	// person at this machine: keep it on loopback.
	Addr string `toml:"addr"` // "127.0.0.1:8080"
	// Metrics serves figures for Prometheus at /metrics of Addr.
	Metrics bool `toml:"metrics"` // true
	// PprofAddr is where profiles of the program can be had, host:port; empty is nowhere.
	// They show what is in memory: keep it on loopback.
	PprofAddr string `toml:"pprof_addr"` // ""
}

// Log is what the log says. Messages' text is only in it at level debug.
type Log struct {
	// Level is debug, info, warn or error.
	Level string `toml:"level"` // "info"
	// Format is text or json.
	Format string `toml:"format"` // "text"
}

// Model is the mind.
type Model struct {
	// File is a GGUF file; empty is the embedded model.
	File string `toml:"file"` // ""
	// Threads that compute; 0 is one for each processor.
	Threads int `toml:"threads"` // 0
	// ContextTokens is the context window, at least 128; 0 is what the model was made for.
	ContextTokens int `toml:"context_tokens"` // 0
	// Slots is how many answers are made at a time; others wait.
	Slots int `toml:"slots"` // 8
	// CacheMiB bounds the memory, in MiB, of what the model keeps of conversations so that
	// a continued one is not read again.
	CacheMiB int `toml:"cache_mib"` // 512
	// CacheType is how that is kept: F32, F16 (half the memory, and faster) or Q8_0 (a
	// quarter of it, at a loss of 0.02 % in perplexity).
	CacheType string `toml:"cache_type"` // "F16"
	// Lookup is how many words of an answer are foretold from what was said before; the
	// answers are the same. It is faster only where they repeat much; 0 is off.
	Lookup int `toml:"lookup"` // 0
	// SnapshotMiB bounds, in MiB, the files in which that is kept over a restart, so that
	// conversations go on without being read again; 0 keeps none. They hold what was said,
	// are readable by this user alone, and forgotten with the conversation. Only without
	// REDIS_URL and without encrypted sessions.
	SnapshotMiB int `toml:"snapshot_mib"` // 0
}

// Reply is how answers are made, unless a channel's own settings say otherwise.
type Reply struct {
	// Persona is the system text, at most 4,000 characters; empty is none.
	Persona string `toml:"persona"` // ""
	// Temperature, 0 to 2: 0 always says the likeliest word.
	Temperature float64 `toml:"temperature"` // 0.4
	// TopK keeps the k likeliest tokens; 0 keeps all.
	TopK int `toml:"top_k"` // 40
	// TopP keeps the likeliest tokens that together reach this probability; 1 keeps all.
	TopP float64 `toml:"top_p"` // 0.9
	// MinP keeps tokens with at least this share of the likeliest's probability.
	MinP float64 `toml:"min_p"` // 0.1
	// RepeatPenalty, 1 to 2, makes words of the same reply less likely; 1 is off.
	RepeatPenalty float64 `toml:"repeat_penalty"` // 1.15
	// TypicalP keeps the most typical tokens that together reach this probability; 1 keeps all.
	TypicalP float64 `toml:"typical_p"` // 1
	// FrequencyPenalty, -2 to 2, makes words of the same reply less likely each time they come; 0 is off.
	FrequencyPenalty float64 `toml:"frequency_penalty"` // 0
	// PresencePenalty, -2 to 2, makes words of the same reply less likely, once; 0 is off.
	PresencePenalty float64 `toml:"presence_penalty"` // 0
	// DryMultiplier, 0 to 10, makes going on with a repetition less likely ("don't repeat
	// yourself"), more so the longer it is; 0 is off, 0.8 usual.
	DryMultiplier float64 `toml:"dry_multiplier"` // 0
	// BestOf is how many answers are made at once, of which the likeliest is said, when it is
	// whole; 0 is 6 with a model as small as the embedded one, 1 with others. It costs so many
	// times the computing.
	BestOf int `toml:"best_of"` // 0
	// MaxTokens of an answer; never more than half the context window.
	MaxTokens int `toml:"max_tokens"` // 256
	// Timeout of an answer, from its turn in the queue.
	Timeout Duration `toml:"timeout"` // "2m"
	// QueueLen is how many questions may wait in one channel.
	QueueLen int `toml:"queue_len"` // 8
}

// Session is the memory of channels.
type Session struct {
	// MaxTurns kept of a channel; at least 2 × reply.queue_len + 2.
	MaxTurns int `toml:"max_turns"` // 60
	// TTL is how long a channel is remembered after its last message.
	TTL Duration `toml:"ttl"` // "720h"
	// Dir is where the embedded store keeps its journal when there is no Redis; empty
	// is the user's cache directory.
	Dir string `toml:"dir"` // ""
}

// Discord is how the bot behaves there.
type Discord struct {
	// APIBase is a REST proxy to use instead of https://discord.com; empty is none.
	APIBase string `toml:"api_base"` // ""
	// MessageContent asks for the privileged intent. Without it the bot reads only
	// direct messages, mentions of it and replies to it, which is all it answers but
	// for threads it is in.
	MessageContent bool `toml:"message_content"` // true
	// CommandGuild registers the slash commands in this server only, at once; empty
	// registers them everywhere.
	CommandGuild string `toml:"command_guild"` // ""
	// TemperatureRole may set the temperature: "everyone", or "managers", the members
	// who may manage the channel.
	TemperatureRole string `toml:"temperature_role"` // "managers"
	// EditInterval is the time between edits of a growing answer.
	EditInterval Duration `toml:"edit_interval"` // "1.1s"
}

// Safety is what is not answered, and not said. All of it is read again when the file
// changes, and at SIGHUP.
type Safety struct {
	// Banned are the ids of people who are not answered.
	Banned []string `toml:"banned"` // []
	// WordsIn are regular expressions (RE2); a message in which one is found is not
	// answered. (?i) ignores case.
	WordsIn []string `toml:"words_in"` // []
	// WordsOut are regular expressions; what they find in an answer is shown as ***.
	WordsOut []string `toml:"words_out"` // []
	// InNeed is what is said, instead of an answer of the model's, to a message that speaks
	// of great need, as package need knows it; empty, or blank, has the model answer.
	InNeed string `toml:"in_need"` // see inNeed
	// Messages is how many a person may send at once; 0 is any number.
	Messages int `toml:"messages"` // 10
	// Every is the time after which a person may send one more.
	Every Duration `toml:"every"` // "3s"
	// ServerMessages and ServerEvery are the same for all people of a server together; 0
	// is any number.
	ServerMessages int      `toml:"server_messages"` // 0
	ServerEvery    Duration `toml:"server_every"`    // "1s"
	// AdultChannels has questions in channels answered that Discord marks as
	// age-restricted.
	AdultChannels bool `toml:"adult_channels"` // true
	// AdultWords are words or phrases that are neither answered nor said in all other
	// channels; at most 200, of 60 characters each.
	AdultWords []string `toml:"adult_words"` // []
	// MaxLength is how many characters of a message are read.
	MaxLength int `toml:"max_length"` // 4000
}

// Roles is how one bot is spread over many processes, which share a Redis.
type Roles struct {
	// Role of this process: all does everything; gateway holds gateway shards and shows
	// the answers that workers make; worker only runs the model. The flag -role wins.
	Role string `toml:"role"` // "all"
	// Lease is the time without a sign of life after which other workers go on with a
	// worker's answers. The same in all processes.
	Lease Duration `toml:"lease"` // "5s"
	// Shards is how many gateway shards there are in all; 0 is what Discord recommends.
	// The number of processes that run holds, until all of them have stopped.
	Shards int `toml:"shards"` // 0
	// ShardLease is the time without a sign of life after which other gateways take over
	// a gateway's shards and questions. The same in all processes.
	ShardLease Duration `toml:"shard_lease"` // "20s"
	// MaxQueue is how many answers may be in one queue, each worker's own or that of all,
	// counting those being made; more questions are refused.
	MaxQueue int `toml:"max_queue"` // 1000
}

// Engine is a server that speaks OpenAI's chat completions, such as llama-server, vLLM or
// Ollama, and makes the answers of channels whose setting engine is server.
type Engine struct {
	// URL up to the version, such as http://127.0.0.1:8081/v1; empty is none.
	URL string `toml:"url"` // ""
	// Model is what the server calls it.
	Model string `toml:"model"` // ""
	// ContextTokens is its context window.
	ContextTokens int `toml:"context_tokens"` // 8192
	// Everywhere has it make the answers of all channels whose setting engine is not own.
	Everywhere bool `toml:"everywhere"` // false
	// Extras sends top_k, min_p and the repetition penalty, which OpenAI itself refuses.
	Extras bool `toml:"extras"` // true
	// Chances asks for the tokens' probabilities, which /why shows.
	Chances bool `toml:"chances"` // false
}

// Load reads path (none if empty) and the environment, and checks the whole. env
// looks up a variable, as os.LookupEnv does.
func Load(path string, env func(string) (string, bool)) (Config, error) {
	c := Default()
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return c, err
		}
		if err := decode(path, b, &c); err != nil {
			return c, err
		}
	}
	if err := overlay(&c, env); err != nil {
		return c, err
	}
	if err := c.check(); err != nil {
		return c, err
	}
	if c.Session.Dir == "" {
		dir, err := os.UserCacheDir()
		if err != nil { // no HOME: beside the working directory is better than no memory
			dir = "."
		}
		c.Session.Dir = filepath.Join(dir, "moebot")
	}
	return c, nil
}

// check names every value outside its range.
func (c Config) check() error {
	var errs []error
	bad := func(key string, v any, want string) {
		errs = append(errs, fmt.Errorf("%s is %v, want %s", key, v, want))
	}
	in := func(key string, v, lo, hi float64) {
		if !(v >= lo && v <= hi) {
			bad(key, v, fmt.Sprintf("%g to %g", lo, hi))
		}
	}
	one := func(key, v string, of ...string) {
		for _, o := range of {
			if v == o {
				return
			}
		}
		bad(key, fmt.Sprintf("%q", v), fmt.Sprintf("one of %q", of))
	}
	one("log.level", c.Log.Level, "debug", "info", "warn", "error")
	one("log.format", c.Log.Format, "text", "json")
	in("model.threads", float64(c.Model.Threads), 0, 1024)
	if c.Model.ContextTokens != 0 {
		in("model.context_tokens", float64(c.Model.ContextTokens), 128, 1<<20)
	}
	in("model.slots", float64(c.Model.Slots), 1, 256)
	in("model.cache_mib", float64(c.Model.CacheMiB), 1, 1<<20)
	in("model.lookup", float64(c.Model.Lookup), 0, 16)
	in("model.snapshot_mib", float64(c.Model.SnapshotMiB), 0, 1<<20)
	one("model.cache_type", c.Model.CacheType, "F32", "F16", "Q8_0")
	in("reply.temperature", c.Reply.Temperature, 0, 2)
	in("reply.top_k", float64(c.Reply.TopK), 0, 1000)
	if !(c.Reply.TopP > 0 && c.Reply.TopP <= 1) {
		bad("reply.top_p", c.Reply.TopP, "more than 0, at most 1")
	}
	in("reply.min_p", c.Reply.MinP, 0, 1)
	in("reply.repeat_penalty", c.Reply.RepeatPenalty, 1, 2)
	if !(c.Reply.TypicalP > 0 && c.Reply.TypicalP <= 1) {
		bad("reply.typical_p", c.Reply.TypicalP, "more than 0, at most 1")
	}
	in("reply.frequency_penalty", c.Reply.FrequencyPenalty, -2, 2)
	in("reply.presence_penalty", c.Reply.PresencePenalty, -2, 2)
	in("reply.dry_multiplier", c.Reply.DryMultiplier, 0, 10)
	if n := utf8.RuneCountInString(c.Reply.Persona); n > 4000 {
		bad("reply.persona", fmt.Sprintf("%d characters", n), "4000 at most")
	}
	in("reply.best_of", float64(c.Reply.BestOf), 0, 16)
	in("reply.max_tokens", float64(c.Reply.MaxTokens), 1, 32768)
	in("reply.queue_len", float64(c.Reply.QueueLen), 1, 1000)
	in("session.max_turns", float64(c.Session.MaxTurns), 2, 10000)
	// questions that wait are kept in the session; more of them would push each other out
	if least := 2*c.Reply.QueueLen + 2; c.Session.MaxTurns < least {
		bad("session.max_turns", c.Session.MaxTurns, fmt.Sprintf("at least %d, which is 2 × reply.queue_len + 2", least))
	}
	between := func(key string, d Duration, lo, hi time.Duration) {
		if time.Duration(d) < lo || time.Duration(d) > hi {
			bad(key, time.Duration(d), fmt.Sprintf("%v to %v", lo, hi))
		}
	}
	between("reply.timeout", c.Reply.Timeout, time.Second, 15*time.Minute)
	between("session.ttl", c.Session.TTL, time.Minute, 10*365*24*time.Hour)
	between("discord.edit_interval", c.Discord.EditInterval, 100*time.Millisecond, time.Minute)
	for key, list := range map[string][]string{"safety.words_in": c.Safety.WordsIn, "safety.words_out": c.Safety.WordsOut} {
		for _, w := range list {
			if re, err := regexp.Compile(w); err != nil || re.MatchString("") {
				bad(key, fmt.Sprintf("%q", w), "regular expressions that do not match nothing")
			}
		}
	}
	if n := len([]rune(c.Safety.InNeed)); n > maxInNeed {
		bad("safety.in_need", fmt.Sprintf("%d characters long", n), fmt.Sprintf("at most %d", maxInNeed))
	}
	for _, id := range c.Safety.Banned {
		if _, err := strconv.ParseUint(id, 10, 64); err != nil {
			bad("safety.banned", fmt.Sprintf("%q", id), "ids of people, which are numbers")
		}
	}
	c.Where.check(bad)
	in("safety.messages", float64(c.Safety.Messages), 0, 1000)
	in("safety.server_messages", float64(c.Safety.ServerMessages), 0, 10000)
	between("safety.server_every", c.Safety.ServerEvery, 10*time.Millisecond, time.Hour)
	if n := len(c.Safety.AdultWords); n > 200 {
		bad("safety.adult_words", fmt.Sprintf("%d of them", n), "200 at most")
	}
	for _, w := range c.Safety.AdultWords {
		if n := utf8.RuneCountInString(w); n > 60 || strings.Join(strings.Fields(w), " ") != w || w == "" || strings.ContainsAny(w, ",，、") {
			bad("safety.adult_words", fmt.Sprintf("%q", w), "words or phrases of at most 60 characters, without commas")
		}
	}
	in("safety.max_length", float64(c.Safety.MaxLength), 1, 10000)
	between("safety.every", c.Safety.Every, 10*time.Millisecond, time.Hour)
	if a := c.HTTP.PprofAddr; a != "" {
		if _, _, err := net.SplitHostPort(a); err != nil {
			bad("http.pprof_addr", fmt.Sprintf("%q", a), "host:port")
		}
	}
	in("engine.context_tokens", float64(c.Engine.ContextTokens), 128, 1<<24)
	one("roles.role", c.Roles.Role, "all", "gateway", "worker")
	between("roles.lease", c.Roles.Lease, 500*time.Millisecond, time.Minute)
	in("roles.shards", float64(c.Roles.Shards), 0, 1<<16)
	between("roles.shard_lease", c.Roles.ShardLease, time.Second, 10*time.Minute)
	in("roles.max_queue", float64(c.Roles.MaxQueue), 1, 1e6)
	if c.Roles.Role != "all" && c.RedisURL == "" {
		errs = append(errs, fmt.Errorf("role %s needs REDIS_URL: the processes meet there", c.Roles.Role))
	}
	if c.Roles.Role == "gateway" && c.Token == "" {
		errs = append(errs, errors.New("role gateway needs DISCORD_TOKEN"))
	}
	one("discord.temperature_role", c.Discord.TemperatureRole, "everyone", "managers")
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}

// Secret is a string that shows itself to nobody.
type Secret string

const hidden = "(hidden)"

func (s Secret) String() string               { return hidden }
func (s Secret) GoString() string             { return hidden }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(hidden) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Duration is a time.Duration written as "1.5s", "2m" or "720h".
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is no duration such as \"1.5s\" or \"2m\"", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }
