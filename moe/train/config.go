// Package train runs a training: batches in, losses out, checkpoints on the way.
// The network and its gradient are moe/backprop's, the update moe/optim's, the
// data moe/dataset's; this package owns the loop, its schedule, its log and what
// it takes to stop and go on.
package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"moebot/moe/backprop"
	"moebot/moe/dataset"
	"moebot/moe/optim"
)

// Config is a whole recipe: with the shards it determines a run given in steps to
// the bit. A run given in minutes follows the clock and repeats within the spread
// of seeds.
type Config struct {
	Model    backprop.Config `json:"model"`
	Losses   backprop.Losses `json:"losses"`
	Optim    optim.Options   `json:"optim"`
	Schedule optim.Schedule  `json:"schedule"`

	LR   float64 `json:"lr"`   // peak learning rate
	Clip float64 `json:"clip"` // largest gradient norm; 0 is off

	Routing backprop.Routing `json:"routing"`           // noise and balancing without a loss
	Dropout float64          `json:"dropout,omitempty"` // share of what attention and experts add to the residual stream that is dropped while training, 0 to below 1
	EMA     float64          `json:"ema,omitempty"`     // decay per step of an average of the weights, 0 to 1, which is then measured and exported instead of them; 0 is off
	Spike   float64          `json:"spike,omitempty"`   // a step is not taken if its loss is so many standard deviations, and a nat, above the usual; 0 is 10, negative is never

	Rows   int `json:"rows"`   // sequences of a micro-batch
	Length int `json:"length"` // tokens of a sequence
	Micro  int `json:"micro"`  // micro-batches of a step
	// DataParallel is how many of them are computed at the same time, each on one processor; it
	// should be the number of those and divide Micro. 0 and 1 share the work of each micro-batch
	// among all processors, which is slower (on two by 10 %, without experts 20 %; README) and
	// takes the memory of one. Sums are rounded in another order.
	DataParallel int `json:"data_parallel,omitempty"`

	Steps   int     `json:"steps"`   // length of the run in steps, or
	Minutes float64 `json:"minutes"` // in minutes of training time, whichever is given
	Seed    uint64  `json:"seed"`

	Phases []Phase `json:"phases"`

	LoRA *LoRA `json:"lora,omitempty"` // train low-rank changes of given weights instead of all, by AdamW; see Run.Init

	LogSteps          int     `json:"log_steps"`          // steps between lines of the log
	CheckpointMinutes float64 `json:"checkpoint_minutes"` // between checkpoints
	EvalMinutes       float64 `json:"eval_minutes"`       // between evaluations on held-out shards; 0 is only at the end
	EvalSteps         int     `json:"eval_steps"`         // the same in steps; both may be given
	EvalTokens        int     `json:"eval_tokens"`        // held-out tokens of each source that are measured
	// Judge names the held-out sources whose mean loss says which weights are kept
	// as best.ckpt; none named means all.
	Judge []string `json:"judge,omitempty"`
}

// Phase is a part of the run with its own mixture of sources.
type Phase struct {
	Until float64     `json:"until"` // progress at which the phase ends, 0 to 1; the last is 1
	Mix   dataset.Mix `json:"mix"`
	BF16  bool        `json:"bf16,omitempty"` // multiply numbers rounded to bfloat16: faster where the processor can (kernel.GemmBF16)
}

// ReadConfig reads a recipe, a JSON file without unknown keys.
func ReadConfig(path string) (Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	c, err := ParseConfig(b)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseConfig reads a recipe from JSON without unknown keys.
func ParseConfig(b []byte) (Config, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var c Config
	if err := d.Decode(&c); err != nil {
		return Config{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("something follows the JSON value")
	}
	return c, c.check()
}

func (c Config) check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := c.Model.Check(); err != nil {
		errs = append(errs, err)
	}
	if (c.Steps > 0) == (c.Minutes > 0) {
		fail("give either steps (%d) or minutes (%g)", c.Steps, c.Minutes)
	}
	if !(c.LR > 0) {
		fail("lr is %g, want a positive number", c.LR)
	}
	if c.Rows < 1 || c.Length < 2 || c.Micro < 1 {
		fail("rows (%d), length (%d) and micro (%d) must be at least 1, 2 and 1", c.Rows, c.Length, c.Micro)
	}
	if c.DataParallel < 0 || c.DataParallel > c.Micro {
		fail("data_parallel is %d, want 0 to micro (%d)", c.DataParallel, c.Micro)
	}
	if c.Length > c.Model.Context {
		fail("length (%d) is more than the model's context (%d)", c.Length, c.Model.Context)
	}
	if c.Schedule.Kind != "wsd" && c.Schedule.Kind != "cosine" {
		fail(`schedule.kind is %q, want "wsd" or "cosine"`, c.Schedule.Kind)
	}
	if !(c.Optim.Eps > 0) {
		fail("optim.eps is %g, want a positive number", c.Optim.Eps)
	}
	for _, x := range []struct {
		name  string
		value float64
		below bool // 1 itself is too much
	}{
		{"optim.beta1", c.Optim.Beta1, true}, {"optim.beta2", c.Optim.Beta2, true}, {"optim.momentum", c.Optim.Momentum, true},
		{"schedule.warmup", c.Schedule.Warmup, false}, {"schedule.decay", c.Schedule.Decay, false}, {"schedule.floor", c.Schedule.Floor, false},
		{"dropout", c.Dropout, true}, {"ema", c.EMA, true},
	} {
		if !(x.value >= 0 && x.value <= 1) || x.below && x.value == 1 {
			fail("%s is %g, want 0 to%s 1", x.name, x.value, map[bool]string{true: " below"}[x.below])
		}
	}
	notNegative := func(name string, value float64) {
		if !(value >= 0) {
			fail("%s is %g, want 0 or more", name, value)
		}
	}
	notNegative("clip", c.Clip)
	notNegative("optim.weight_decay", c.Optim.WeightDecay)
	notNegative("losses.load_balance", c.Losses.LoadBalance)
	notNegative("losses.router_z", c.Losses.RouterZ)
	notNegative("routing.noise", c.Routing.Noise)
	notNegative("routing.bias_rate", c.Routing.BiasRate)
	if c.LoRA != nil {
		if err := c.LoRA.check(); err != nil {
			errs = append(errs, err)
		}
		if c.Optim.Muon {
			fail("optim.muon is for whole matrices, not for the low-rank ones of lora")
		}
	}
	if len(c.Phases) == 0 {
		fail("no phases")
	}
	last := 0.0
	for i, p := range c.Phases {
		if p.Until <= last || p.Until > 1 {
			fail("phase %d ends at %g, want more than %g and at most 1", i, p.Until, last)
		}
		last = p.Until
		notNegative(fmt.Sprintf("phase %d: prompt_weight", i), p.Mix.PromptWeight)
		for source, weight := range p.Mix.Weights {
			notNegative(fmt.Sprintf("phase %d: weight of %s", i, source), weight)
		}
	}
	if len(c.Phases) > 0 && last != 1 {
		fail("the last phase ends at %g, want 1", last)
	}
	return errors.Join(errs...)
}

// phase is the index of the phase at progress p.
func (c Config) phase(p float64) int {
	for i, ph := range c.Phases {
		if p < ph.Until {
			return i
		}
	}
	return len(c.Phases) - 1
}

// Groups says how the optimizer treats each tensor of the model.
func (c Config) Groups() []optim.Group {
	var out []optim.Group
	for _, p := range backprop.Params(c.Model) {
		g := optim.Group{Offset: p.Offset, Len: p.Len, Cols: p.Shape[len(p.Shape)-1], Rows: 1}
		if len(p.Shape) > 1 {
			g.Rows = p.Shape[len(p.Shape)-2]
		}
		g.Decay = p.Kind != backprop.Gain
		g.Orthogonal = p.Kind == backprop.Matrix
		out = append(out, g)
	}
	return out
}
