package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"moebot/moe/backprop"
	"moebot/moe/checkpoint"
	"moebot/moe/dataset"
	"moebot/moe/eval"
	"moebot/moe/kernel"
	"moebot/moe/optim"
)

// Run is one training in a directory:
//
//	DIR/log.jsonl         a JSON object a line, see Record
//	DIR/latest.ckpt       the newest checkpoint
//	DIR/previous.ckpt     the one before; a file system without hard links needs room for its copy
//	DIR/best.ckpt         the weights with the lowest held-out loss so far, see Config.Judge
//	DIR/lock              held while the run is at work
type Run struct {
	Dir    string
	Config Config
	Train  []*dataset.Shard
	Held   []*dataset.Shard
	Init   []float32 // weights to start from instead of fresh ones, which the run keeps and changes; may be nil, but not with an adapter, which changes nothing in them and needs them to go on too
	Pool   *kernel.Pool
	Out    io.Writer // progress for people
	Sample Sampler   // asked now and then; nil is never
}

// Record is one line of the log. Event is train, held, skip (a step that was not
// taken), reload (the last checkpoint's weights came back) or sample.
type Record struct {
	Event   string               `json:"event"`
	Step    int                  `json:"step"`
	Tokens  int64                `json:"tokens"`
	Seconds float64              `json:"seconds"`
	Phase   int                  `json:"phase"`
	Why     string               `json:"why,omitempty"`      // of a skip
	Loss    float64              `json:"loss,omitempty"`     // nats per target token
	Sources map[string]float64   `json:"sources,omitempty"`  // the same by source, since the line before
	LR      float64              `json:"lr,omitempty"`       // learning rate
	Norm    float64              `json:"norm,omitempty"`     // gradient norm before clipping
	Speed   float64              `json:"tok_s,omitempty"`    // tokens per second
	Balance float64              `json:"balance,omitempty"`  // load-balancing loss, 1 is even
	RouterZ float64              `json:"router_z,omitempty"` // router z-loss
	Load    [][]float64          `json:"load,omitempty"`     // [layer][expert] share of tokens
	Held    map[string]eval.Loss `json:"held,omitempty"`     // by source
	Samples []Sample             `json:"samples,omitempty"`  // replies of the model as it was at this step
	Mean    float64              `json:"mean,omitempty"`     // of Held, nats per reply token, sources weighed alike
}

type loop struct {
	Run
	st     state
	net    *backprop.Network
	opt    *optim.Optimizer
	lora   *adapter  // nil if all weights are trained
	ema    []float32 // averaged weights; nil if Config.EMA is 0
	loader *dataset.Loader
	micro  []dataset.Batch     // of a step
	beside []*backprop.Network // see Config.DataParallel
	log    *json.Encoder
	start  time.Time // of this process's part, seconds before it are in st.Seconds
	before float64
	phase  int
	unkept bool // it was said that previous.ckpt cannot be made

	nextSample int // step
	lastSample time.Time
}

// Do trains until the recipe's end, or until ctx ends: then it saves and returns
// the context's error. With resume it goes on from the newest checkpoint; without,
// a directory that holds one is refused. It returns the final weights.
func (r Run) Do(ctx context.Context, resume bool) ([]float32, error) {
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return nil, err
	}
	held, err := os.OpenFile(filepath.Join(r.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	defer held.Close()
	if free, err := lock(held); err != nil {
		return nil, fmt.Errorf("%s: %w", held.Name(), err)
	} else if !free {
		return nil, fmt.Errorf("%s: another training is at work there", r.Dir)
	}
	l := &loop{Run: r}
	if err := l.open(resume); err != nil {
		return nil, err
	}
	f, err := openLog(filepath.Join(r.Dir, "log.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l.log = json.NewEncoder(f)
	if err := l.run(ctx); err != nil {
		return nil, err
	}
	return l.result(), f.Close()
}

// result are the weights that the run is about: the averaged ones if there are.
func (l *loop) result() []float32 {
	if l.ema != nil {
		return l.ema
	}
	return l.net.Weights
}

func (l *loop) latest() string { return filepath.Join(l.Dir, "latest.ckpt") }

func (l *loop) open(resume bool) error {
	if err := l.Config.check(); err != nil {
		return err
	}
	var err error
	if l.loader, err = dataset.NewLoader(l.Train, l.Config.Seed); err != nil {
		return err
	}
	l.micro = make([]dataset.Batch, l.Config.Micro)
	for i, p := range l.Config.Phases {
		if err := l.loader.SetMix(p.Mix); err != nil {
			return fmt.Errorf("phase %d: %w", i, err)
		}
	}
	vocabulary, err := l.vocabulary()
	if err != nil {
		return err
	}
	var own []float32 // an adapter's network has weights of its own
	if l.Config.LoRA == nil {
		own = l.Init
	}
	if l.net, err = backprop.New(l.Config.Model, own, l.Pool); err != nil {
		return err
	}
	if lora := l.Config.LoRA; lora != nil {
		if len(l.Init) != len(l.net.Weights) {
			return fmt.Errorf("lora: an adapter needs the %d weights to start from, it has %d", len(l.net.Weights), len(l.Init))
		}
		copy(l.net.Weights, l.Init)
		l.lora = newAdapter(l.Config.Model, *lora, l.Init, l.Config.Seed, l.Pool)
		l.opt = optim.New(len(l.lora.weights), l.lora.groups(), l.Config.Optim, l.Pool)
	} else {
		l.opt = optim.New(len(l.net.Weights), l.Config.Groups(), l.Config.Optim, l.Pool)
	}
	l.net.Grads = make([]float32, len(l.net.Weights))
	l.net.Noise, l.net.Dropout = l.Config.Routing.Noise, l.Config.Dropout
	if l.Config.Routing.BiasRate > 0 {
		l.net.RouterBias = make([]float32, l.Config.Model.Layers*l.Config.Model.Experts)
	}
	l.parallel()
	if l.Config.EMA > 0 {
		l.ema = make([]float32, len(l.net.Weights))
	}
	l.phase = -1
	l.st.Vocabulary, l.st.Data, l.st.Base = vocabulary, l.data(), l.base()
	if err := l.checkJudge(); err != nil {
		return err
	}
	_, err = os.Stat(l.latest())
	switch {
	case err == nil && !resume:
		return fmt.Errorf("%s holds a run already: resume it, or choose another directory", l.Dir)
	case err == nil:
		return l.restore()
	case !errors.Is(err, os.ErrNotExist):
		return err
	case resume:
		return fmt.Errorf("%s: no checkpoint to resume from", l.latest())
	}
	if l.Init == nil {
		backprop.Init(l.Config.Model, l.net.Weights, l.Config.Seed)
	}
	copy(l.ema, l.net.Weights)
	l.st.Config = l.Config
	return nil
}

func (l *loop) seconds() float64 { return l.before + time.Since(l.start).Seconds() }

func (l *loop) progress() float64 {
	if l.Config.Steps > 0 {
		return float64(l.st.Step) / float64(l.Config.Steps)
	}
	return l.seconds() / (60 * l.Config.Minutes)
}

// bySource are the mean losses of the sources that had targets.
func (l *loop) bySource(s backprop.Stats) map[string]float64 {
	out := map[string]float64{}
	names := l.loader.Sources()
	for i, v := range s.Sources {
		if v.Weight > 0 {
			out[names[i]] = v.Loss / v.Weight
		}
	}
	return out
}

// left is the time to the end of the run, if steps go on as the last did, which took
// so many seconds since step from.
func (l *loop) left(took float64, from int) time.Duration {
	s := 60*l.Config.Minutes - l.seconds()
	if l.Config.Steps > 0 {
		s = took / float64(max(1, l.st.Step-from)) * float64(l.Config.Steps-l.st.Step)
	}
	return time.Duration(max(0, s) * float64(time.Second)).Round(time.Second)
}

func (l *loop) enter(phase int) error {
	if phase == l.phase {
		return nil
	}
	l.phase, l.st.Usual = phase, usual{}
	l.net.BF16, l.opt.BF16 = l.Config.Phases[phase].BF16, l.Config.Phases[phase].BF16
	return l.loader.SetMix(l.Config.Phases[phase].Mix)
}

func (l *loop) run(ctx context.Context) error {
	total, active := l.Config.Model.Parameters()
	fmt.Fprintf(l.Out, "%.2f M parameters, %.2f M active per token, %d tokens a step\n", float64(total)/1e6, float64(active)/1e6,
		l.Config.Rows*l.Config.Length*l.Config.Micro)
	l.start = time.Now()
	lastSave, lastEval := time.Now(), time.Now()
	var sum backprop.Stats
	logAt, logStep := time.Now(), l.st.Step
	for l.progress() < 1 {
		if ctx.Err() != nil {
			err := l.save()
			if err == nil {
				fmt.Fprintf(l.Out, "saved at step %d; -resume goes on from there\n", l.st.Step)
			}
			return errors.Join(ctx.Err(), err)
		}
		if err := l.samples(ctx); err != nil {
			return l.end(err)
		}
		p := l.progress()
		if err := l.enter(l.Config.phase(p)); err != nil {
			return l.end(err)
		}
		lr := l.Config.LR * l.Config.Schedule.At(p)
		s, norm, err := l.step(lr)
		if err != nil { // the weights may be the fault, the last checkpoint's are better
			return err
		}
		sum.Loss, sum.Weight = sum.Loss+s.Loss, sum.Weight+s.Weight
		sum.AddSources(s.Sources)
		if l.st.Step%max(1, l.Config.LogSteps) == 0 {
			took := time.Since(logAt).Seconds()
			tokens := float64((l.st.Step - logStep) * l.Config.Rows * l.Config.Length * l.Config.Micro)
			rec := Record{Event: "train", Step: l.st.Step, Tokens: l.st.Tokens, Seconds: l.seconds(), Phase: l.phase,
				Loss: sum.Loss / max(sum.Weight, 1), LR: lr, Norm: norm, Speed: tokens / took, Balance: s.LoadBalance, RouterZ: s.RouterZ, Load: s.ExpertLoad, Sources: l.bySource(sum)}
			if err := l.write(rec); err != nil {
				return l.end(err)
			}
			fmt.Fprintf(l.Out, "%5.1f %% step %d  %.2f M tokens  loss %.4f  norm %.2f  lr %.2e  %.0f tok/s%s  %s left\n",
				100*p, rec.Step, float64(rec.Tokens)/1e6, rec.Loss, norm, lr, rec.Speed, entropy(s.ExpertLoad), l.left(took, logStep))
			sum, logAt, logStep = backprop.Stats{}, time.Now(), l.st.Step
		}
		byClock := l.Config.EvalMinutes > 0 && time.Since(lastEval).Minutes() > l.Config.EvalMinutes
		if n := l.Config.EvalSteps; byClock || (n > 0 && l.st.Step%n == 0 && l.progress() < 1) {
			if err := l.held(); err != nil {
				return l.end(err)
			}
			lastEval, logAt, logStep = time.Now(), time.Now(), l.st.Step
			sum = backprop.Stats{}
		}
		if m := l.Config.CheckpointMinutes; m > 0 && time.Since(lastSave).Minutes() > m {
			if err := l.save(); err != nil {
				return err
			}
			lastSave = time.Now()
		}
	}
	if err := l.save(); err != nil { // measuring takes a while
		return err
	}
	l.nextSample = l.st.Step
	if err := l.samples(ctx); err != nil {
		return err
	}
	if err := l.held(); err != nil {
		return err
	}
	return l.save()
}

// end saves what was learnt before a run ends with an error that is not the weights'.
func (l *loop) end(err error) error { return errors.Join(err, l.save()) }

// held measures the held-out shards.
func (l *loop) held() error {
	if len(l.Held) == 0 {
		return nil
	}
	training := l.net.Weights
	l.net.Weights = l.result()
	res := eval.Sources(l.net, l.Held, eval.Options{Rows: l.Config.Rows, Length: l.Config.Length, MaxTokens: l.Config.EvalTokens})
	l.net.Weights = training
	rec := Record{Event: "held", Step: l.st.Step, Tokens: l.st.Tokens, Seconds: l.seconds(), Phase: l.phase, Held: res}
	for _, s := range l.Held {
		rec.Mean += res[s.Source].Reply / float64(len(l.Held))
	}
	fmt.Fprintf(l.Out, "held out, step %d: mean %.4f nats per reply token", l.st.Step, rec.Mean)
	for _, s := range l.Held {
		fmt.Fprintf(l.Out, "  %s %.3f", s.Source, res[s.Source].Reply)
	}
	fmt.Fprintln(l.Out)
	if err := l.write(rec); err != nil {
		return err
	}
	if judged := l.judge(res); l.st.Best == 0 || judged < l.st.Best {
		l.st.Best = judged
		return checkpoint.Save(filepath.Join(l.Dir, "best.ckpt"), l.st, l.best())
	}
	return nil
}

// best are the arrays of best.ckpt.
func (l *loop) best() []checkpoint.Vector {
	v := []checkpoint.Vector{{Name: "weights", Data: l.result()}}
	if l.net.RouterBias != nil {
		v = append(v, checkpoint.Vector{Name: "router_bias", Data: l.net.RouterBias})
	}
	return v
}

// judge is the mean loss per reply token of the sources that choose the best weights.
func (l *loop) judge(res map[string]eval.Loss) float64 {
	sum, n := 0.0, 0
	for _, s := range l.Held {
		if len(l.Config.Judge) == 0 || slices.Contains(l.Config.Judge, s.Source) {
			sum += res[s.Source].Reply
			n++
		}
	}
	return sum / float64(n)
}

// checkJudge refuses a judge that no shard stands for.
func (l *loop) checkJudge() error {
	for _, name := range l.Config.Judge {
		if !slices.ContainsFunc(l.Held, func(s *dataset.Shard) bool { return s.Source == name }) {
			return fmt.Errorf("judge: no held-out shard of source %q", name)
		}
	}
	return nil
}

func (l *loop) write(r Record) error {
	if err := l.log.Encode(r); err != nil {
		return fmt.Errorf("training log: %w", err)
	}
	return nil
}

// entropy says how even the most uneven layer is, nothing of a dense network.
func entropy(load [][]float64) string {
	if len(load) == 0 {
		return ""
	}
	low := 1.0
	for _, l := range load {
		low = min(low, backprop.Entropy(l))
	}
	return fmt.Sprintf("  entropy %.3f", low)
}
