package config

import "time"

// Default is the configuration without a file.
func Default() Config {
	return Config{
		HTTP:  HTTP{Addr: "127.0.0.1:8080", Metrics: true},
		Log:   Log{Level: "info", Format: "text"},
		Model: Model{Slots: 8, CacheMiB: 512, CacheType: "F16"},
		Reply: Reply{Temperature: 0.4, TopK: 40, TopP: 0.9, MinP: 0.1, RepeatPenalty: 1.15, TypicalP: 1, MaxTokens: 256,
			Timeout: Duration(2 * time.Minute), QueueLen: 8},
		Session: Session{MaxTurns: 60, TTL: Duration(720 * time.Hour)},
		Discord: Discord{MessageContent: true, TemperatureRole: "managers", EditInterval: Duration(1100 * time.Millisecond)},
		Where:   defaultWhere(),
		Safety: Safety{Banned: []string{}, WordsIn: []string{}, WordsOut: []string{}, InNeed: inNeed, Messages: 10, Every: Duration(3 * time.Second),
			ServerEvery: Duration(time.Second), AdultChannels: true, AdultWords: []string{}, MaxLength: 4000},
		Engine: Engine{ContextTokens: 8192, Extras: true},
		Roles:  Roles{Role: "all", Lease: Duration(5 * time.Second), ShardLease: Duration(20 * time.Second), MaxQueue: 1000},
	}
}

// inNeed is what safety.in_need says by default. The numbers are those of 2026.
const inNeed = "That sounds serious, and I'm only a small program: I can't judge it, or help. If you or somebody else is in danger, please call " +
	"the emergency number now: 112 in Europe, 999 in the UK, 911 in the US and Canada, 000 in Australia. If it is about ending a life, or about " +
	"somebody who hurts you, people listen at any hour: 988 in the US and Canada, 116 123 in the UK and Ireland, and <https://findahelpline.com> " +
	"knows who does elsewhere. Please tell somebody near you, too.\n紧急情况请拨打 120（急救）或 110（报警）；心理援助热线 12356。\n" +
	"*(These words are always the same. They are not the model's.)*"

// maxInNeed is how long safety.in_need may be: it is one message.
const maxInNeed = 1900
