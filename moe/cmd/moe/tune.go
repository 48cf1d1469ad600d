package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"moebot/moe/dataset"
	"moebot/moe/kernel"
	"moebot/moe/optim"
	"moebot/moe/prompt"
	"moebot/moe/tokenizer"
	"moebot/moe/train"
)

// tuning is what moe tune was asked for.
type tuning struct {
	model, output, typ string
	files              []string
	epochs             float64
	lr, alpha, held    float64
	rank, rows, length int
	steps, threads     int
	seed               uint64
	resume             bool
}

// runTune goes on training a model file on conversations.
func runTune(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("tune", errOut)
	var t tuning
	fs.StringVar(&t.model, "m", "", modelFlag)
	fs.StringVar(&t.output, "o", "", "`directory` for the run and its result, tuned.gguf")
	fs.StringVar(&t.typ, "type", "Q8_0", "type of the result's matrices")
	fs.Float64Var(&t.epochs, "epochs", 3, "times that each conversation is learnt from")
	fs.IntVar(&t.steps, "steps", 20, "steps at least: of a few conversations -epochs alone would be one step or two, which change nothing")
	fs.Float64Var(&t.lr, "lr", 0, "peak learning rate; 0 is 2e-4, or 2e-3 with -rank")
	fs.IntVar(&t.rank, "rank", 0, "train LoRA adapters of this rank on attention and experts instead of all weights")
	fs.Float64Var(&t.alpha, "alpha", 0, "of the adapters; 0 is twice the rank")
	fs.Float64Var(&t.held, "held", 0.1, "share of the conversations kept out and measured, 0 to 0.9")
	fs.IntVar(&t.rows, "rows", 4, "sequences of a step")
	fs.IntVar(&t.length, "length", 0, "tokens of a sequence at most; 0 is the model's context window, at most 512")
	fs.Uint64Var(&t.seed, "seed", 1, "of the order of the conversations")
	fs.BoolVar(&t.resume, "resume", false, "go on from the newest checkpoint")
	fs.IntVar(&t.threads, "t", runtime.NumCPU(), "threads")
	if err := parseArgs(fs, args); err != nil {
		return err
	}
	t.files = fs.Args()
	if t.output == "" || len(t.files) == 0 {
		return usageError{errors.New("usage: moe tune [-m MODEL.gguf] [-rank R] [-epochs N] -o DIRECTORY CONVERSATIONS.jsonl and more")}
	}
	if !(t.epochs > 0) || t.rows < 1 || t.steps < 0 || t.rank < 0 || !(t.held >= 0 && t.held <= 0.9) || t.lr < 0 || t.alpha < 0 || t.length < 0 {
		return usageError{errors.New("-epochs and -rows must be positive, -held 0 to 0.9, and no number negative")}
	}
	if err := canFill(t.output); err != nil {
		return err
	}
	return t.run(ctx, out)
}

func (t tuning) run(ctx context.Context, out io.Writer) error {
	typ, err := exportType(t.typ)
	if err != nil {
		return usageError{err}
	}
	c, weights, tok, err := importModel(t.model)
	if err != nil {
		return err
	}
	license, err := licenseOf(t.model)
	if err != nil {
		return fmt.Errorf("%s: %w", label(t.model), err)
	}
	window := c.Context
	if t.length == 0 {
		t.length = min(window, 512)
	}
	if t.length > window {
		return usageError{fmt.Errorf("-length %d is more than the %d tokens of the model's context window", t.length, window)}
	}
	if c.Vocab > 1<<16 {
		return fmt.Errorf("%s: its vocabulary of %d tokens is too large, training reads at most %d", label(t.model), c.Vocab, 1<<16)
	}
	tmpl, err := prompt.New(tok)
	if err != nil { // a model that never talked
		if tok, tmpl, err = plainTalk(tok, err); err != nil {
			return fmt.Errorf("%s: %w", label(t.model), err)
		}
		fmt.Fprintln(out, "the model has no chat format; it learns one of plain words")
	}
	learn, held, err := t.conversations(tok, tmpl, out)
	if err != nil {
		return err
	}
	c.Context = t.length
	recipe := t.recipe(learn)
	if once := t.epochSteps(learn); once < recipe.Steps {
		fmt.Fprintf(out, "-epochs %g of so few tokens would be %d steps, which change little: it makes %d (-steps)\n", t.epochs, once, recipe.Steps)
	}
	recipe.Model = c
	run := train.Run{Dir: t.output, Config: recipe, Train: []*dataset.Shard{learn}, Init: weights, Out: out, Pool: kernel.NewPool(t.threads)}
	defer run.Pool.Close()
	if held != nil {
		run.Held = []*dataset.Shard{held}
	}
	tuned, err := run.Do(ctx, t.resume)
	if err != nil {
		return err
	}
	c.Context = window
	about := train.About{Name: "tuned", Description: "fine-tuned from " + label(t.model), License: license}
	file := filepath.Join(t.output, "tuned.gguf")
	if err := writeFile(file, func(w io.Writer) error { return train.Export(w, c, tuned, tok.Spec(), about, typ) }); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: talk to it with moe chat -m %s\n", file, file)
	return nil
}

// plainTemplate is the chat format of a model that has none: words and line ends, and
// the model's own token for the end.
const plainTemplate = `{{ bos_token }}{% for m in messages %}{{ {'system': 'System', 'user': 'User', 'assistant': 'Assistant'}[m.role] + ': ' + m.content + eos_token + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}`

// plainTalk gives a vocabulary the plain template; cause is why it has no other.
func plainTalk(tok *tokenizer.Tokenizer, cause error) (*tokenizer.Tokenizer, *prompt.Template, error) {
	spec := tok.Spec()
	if spec.EOS < 0 {
		return nil, nil, fmt.Errorf("%w, nor a token that ends a text", cause)
	}
	spec.ChatTemplate = plainTemplate
	tok, err := tokenizer.New(spec)
	if err != nil {
		return nil, nil, err
	}
	tmpl, err := prompt.New(tok)
	if err == nil && tmpl.Warning != nil {
		err = tmpl.Warning
	}
	return tok, tmpl, err
}

// epochSteps is how many steps the epochs are, one at least.
func (t tuning) epochSteps(s *dataset.Shard) int {
	return max(1, int(t.epochs*float64(len(s.Tokens))/float64(t.rows*t.length)+0.5))
}

// recipe is gentle: AdamW, a small learning rate, a cosine; only replies are learnt.
func (t tuning) recipe(s *dataset.Shard) train.Config {
	steps := max(t.steps, t.epochSteps(s))
	r := train.Config{
		Optim:    optim.Options{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.01},
		Schedule: optim.Schedule{Kind: "cosine", Warmup: 0.05, Floor: 0.05},
		LR:       t.lr, Clip: 1, Rows: t.rows, Length: t.length, Micro: 1, Steps: steps, Seed: t.seed, LogSteps: max(1, steps/50),
		CheckpointMinutes: 3, EvalSteps: max(1, steps/10), EvalTokens: 50_000,
		Phases: []train.Phase{{Until: 1, Mix: dataset.Mix{Weights: map[string]float64{s.Source: 1}}}},
	}
	r.Losses.LoadBalance, r.Losses.RouterZ = 0.01, 0.001
	if t.rank > 0 {
		r.LoRA = &train.LoRA{Rank: t.rank, Alpha: t.alpha}
		if t.alpha == 0 {
			r.LoRA.Alpha = 2 * float64(t.rank)
		}
		if r.LR == 0 {
			r.LR = 2e-3
		}
	}
	if r.LR == 0 {
		r.LR = 2e-4
	}
	return r
}

// conversations reads the files in the model's own chat format. Which conversations
// are held out depends on their text alone. held is nil if none are.
func (t tuning) conversations(tok *tokenizer.Tokenizer, tmpl *prompt.Template, out io.Writer) (learn, held *dataset.Shard, err error) {
	empty := dataset.Shard{Source: "conversations", Vocab: tok.Size(), Vocabulary: dataset.VocabularyHash(tok.Spec())}
	learnt, kept := empty, empty
	learn, held = &learnt, &kept
	read, texts, long, aside := 0, 0, 0, 0
	var bad skipped
	for _, path := range t.files {
		err := dataset.ReadFile(path, func(d dataset.Document, err error) bool {
			switch {
			case err != nil:
				bad.add(err)
				return true
			case d.Text != "":
				texts++
				return true
			}
			read++
			var turns []prompt.Turn
			key := fnv.New32a()
			for _, m := range d.Messages {
				turns = append(turns, prompt.Turn{Role: prompt.Role(m.Role), Name: m.Name, Text: m.Content})
				key.Write([]byte(m.Content))
			}
			s := learn
			if float64(key.Sum32()%10_000) < t.held*10_000 {
				s = held
				aside++
			}
			ids, replies := tmpl.Lessons(turns, t.length+1)
			if len(ids) == 0 {
				long++
			}
			for i := range ids {
				s.Append(dataset.Sequence{Tokens: ids[i], Reply: replies[i]})
			}
			return true
		})
		if err != nil {
			return nil, nil, err
		}
	}
	fmt.Fprintf(out, "%d conversations", read)
	if long > 0 {
		fmt.Fprintf(out, ", %d of them without a reply that fits %d tokens", long, t.length)
	}
	if texts > 0 {
		fmt.Fprintf(out, "; %d texts without turns left out", texts)
	}
	if len(learn.Start) == 0 {
		fmt.Fprintln(out, bad)
		return nil, nil, errors.New("nothing to learn from: no conversation has a reply, or all are held out")
	}
	if len(held.Start) == 0 {
		held = nil
	}
	fmt.Fprintf(out, "; %d held out (-held), %d sequences to learn from, %d tokens in all%v\n", aside, learn.Sequences(), len(learn.Tokens), bad)
	return learn, held, os.MkdirAll(t.output, 0o755)
}
