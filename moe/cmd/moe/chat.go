package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"moebot/moe/engine"
	"moebot/moe/prompt"
	"moebot/moe/sample"
)

const chatHelp = `/reset forgets the conversation, /temperature X sets the temperature, /quit ends.`

// runChat is a conversation line by line.
func runChat(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) error {
	fs := newFlags("chat", errOut)
	path := fs.String("m", "", modelFlag)
	p := sample.Default()
	fs.Float64Var(&p.Temperature, "temperature", p.Temperature, "0 to 2; 0 always takes the likeliest token")
	fs.Float64Var(&p.TopP, "top-p", p.TopP, "keep the likeliest tokens that together reach this probability")
	fs.IntVar(&p.TopK, "top-k", p.TopK, "keep the k likeliest tokens; 0 keeps all")
	fs.Float64Var(&p.MinP, "min-p", p.MinP, "keep tokens with this share of the likeliest's probability")
	fs.Float64Var(&p.RepeatPenalty, "repeat-penalty", p.RepeatPenalty, "1 to 2; 1 is off")
	fs.Float64Var(&p.TypicalP, "typical-p", p.TypicalP, "keep the most typical tokens that together reach this probability")
	fs.Float64Var(&p.FrequencyPenalty, "frequency-penalty", 0, "-2 to 2, for each time that a token came")
	fs.Float64Var(&p.PresencePenalty, "presence-penalty", 0, "-2 to 2, for tokens that came")
	p.Dry = sample.DefaultDry()
	fs.Float64Var(&p.Dry.Multiplier, "dry", 0, "0 to 10, against going on with a repetition; 0.8 is usual")
	seed := fs.Uint64("seed", 0, "of the draws; 0 takes the time")
	name := fs.String("name", "", "your name, as the model reads it")
	system := fs.String("system", "", "system text")
	limit := fs.Int("n", 256, "tokens of a reply at most")
	best := fs.Int("best-of", 0, "replies made at once, of which the likeliest is said; 0 is 6 with a model as small as the embedded one, 1 with others")
	threads := fs.Int("t", 0, "threads; 0 is one for each processor")
	if err := parse(fs, args); err != nil {
		return err
	}
	if err := p.Check(); err != nil {
		return usageError{err}
	}
	if *limit < 1 {
		return usageError{fmt.Errorf("-n is %d, want at least 1", *limit)}
	}
	if *best < 0 || *best > 16 {
		return usageError{fmt.Errorf("-best-of is %d, want 0 to 16", *best)}
	}
	m, f, err := openModel(*path)
	if err != nil {
		return err
	}
	defer f.Close()
	if *best == 0 {
		*best = engine.BestOf(m)
	}
	tok, err := tokenizerOf(*path, f)
	if err != nil {
		return err
	}
	tmpl, err := prompt.NewAny(tok)
	if err != nil {
		return fmt.Errorf("%s: %w", label(*path), err)
	}
	if tmpl.Warning != nil {
		fmt.Fprintf(out, "ChatML is used: %v\n", tmpl.Warning)
	}
	e, err := engine.New(m, tok, engine.Options{Threads: *threads, Slots: *best})
	if err != nil {
		return err
	}
	defer e.Close()
	c := &chat{engine: e, tmpl: tmpl, params: p, name: *name, limit: *limit, best: *best, out: out, forbid: tmpl.Unsaid()}
	if *system != "" {
		c.turns = []prompt.Turn{{Role: prompt.System, Text: *system}}
	}
	c.system = len(c.turns)
	if p.Seed = *seed; *seed == 0 {
		p.Seed = uint64(time.Now().UnixNano())
	}
	c.params.Seed = p.Seed
	fmt.Fprintf(out, "%s, seed %d. %s\n", label(*path), p.Seed, chatHelp)
	return c.loop(ctx, in)
}

type chat struct {
	engine *engine.Engine
	tmpl   *prompt.Template
	params sample.Params
	name   string
	limit  int
	best   int // replies made for one that is said
	out    io.Writer
	forbid []int32
	turns  []prompt.Turn
	system int // leading turns that /reset keeps
}

var errQuit = errors.New("quit")

func (c *chat) loop(ctx context.Context, in io.Reader) error {
	lines := readLines(ctx, in)
	for {
		fmt.Fprint(c.out, "> ")
		var l line
		select {
		case l = <-lines:
		case <-ctx.Done():
			l.err = io.EOF
		}
		if l.err != nil {
			fmt.Fprintln(c.out)
			if l.err == io.EOF {
				return nil
			}
			return l.err
		}
		text := strings.TrimSpace(l.text)
		if text == "" {
			continue
		}
		if strings.HasPrefix(text, "/") {
			if err := c.command(text); err == errQuit {
				return nil
			} else if err != nil {
				fmt.Fprintln(c.out, err)
			}
			continue
		}
		if err := c.answer(ctx, text); err != nil {
			return err
		}
	}
}

// line is one of the input, or why there is none; io.EOF at the end.
type line struct {
	text string
	err  error
}

// readLines reads beside the conversation, so that an interrupt ends a chat that
// waits for its next line. The goroutine ends with the input or, once ctx has
// ended, with the next line.
func readLines(ctx context.Context, in io.Reader) <-chan line {
	lines := make(chan line)
	go func() {
		scan := bufio.NewScanner(in)
		scan.Buffer(make([]byte, 1<<12), 1<<20)
		send := func(l line) bool {
			select {
			case lines <- l:
				return l.err == nil
			case <-ctx.Done():
				return false
			}
		}
		for scan.Scan() {
			if !send(line{text: scan.Text()}) {
				return
			}
		}
		if err := scan.Err(); err != nil {
			send(line{err: fmt.Errorf("standard input: %w", err)})
		} else {
			send(line{err: io.EOF})
		}
	}()
	return lines
}

func (c *chat) command(line string) error {
	name, arg, _ := strings.Cut(line, " ")
	switch name {
	case "/quit":
		return errQuit
	case "/reset":
		c.turns = c.turns[:c.system]
		return nil
	case "/temperature":
		p := c.params
		if _, err := fmt.Sscan(arg, &p.Temperature); err != nil {
			return fmt.Errorf("%q is no number", strings.TrimSpace(arg))
		}
		if err := p.Check(); err != nil {
			return err
		}
		c.params = p
		return nil
	}
	return fmt.Errorf("unknown command %s: %s", name, strings.TrimSuffix(chatHelp, "."))
}

func (c *chat) answer(ctx context.Context, line string) error {
	c.turns = append(c.turns, prompt.Turn{Role: prompt.User, Name: c.name, Text: line})
	window := c.engine.ContextTokens()
	fit := c.tmpl.Fit(c.turns, window-min(c.limit, window/4))
	r := engine.Request{Key: "chat", Tokens: fit.Tokens, MaxTokens: c.limit, Sampling: c.params, Forbid: c.forbid, StopTokens: []int32{c.tmpl.End()}, StopStrings: c.tmpl.Stops()}
	res, err := c.engine.Best(ctx, r, c.best, func(piece string) error {
		_, err := io.WriteString(c.out, piece)
		return err
	})
	fmt.Fprintln(c.out)
	if ctx.Err() != nil {
		return nil // interrupted: the end of the chat, no failure
	}
	if err != nil {
		return err
	}
	c.params.Seed++
	c.turns = append(c.turns, prompt.Turn{Role: prompt.Assistant, Text: res.Text})
	return nil
}
