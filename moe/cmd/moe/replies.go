package main

import (
	"context"

	"moebot/moe/engine"
	"moebot/moe/eval"
	"moebot/moe/model"
	"moebot/moe/prompt"
	"moebot/moe/sample"
	"moebot/moe/tokenizer"
)

// sampling says how replies are drawn.
type sampling struct {
	Replies int // to the prompts of eval.Prompts, from the first again after the last
	Tokens  int // of a reply at most
	Threads int
	Seed    uint64
}

// answerer answers conversations, as the bot would.
type answerer struct {
	engine *engine.Engine
	tmpl   *prompt.Template
	tokens int // of an answer at most
}

func newAnswerer(m *model.Model, tok *tokenizer.Tokenizer, threads, tokens int) (*answerer, error) {
	tmpl, err := prompt.NewAny(tok)
	if err != nil {
		return nil, err
	}
	e, err := engine.New(m, tok, engine.Options{Threads: threads, Slots: 1})
	if err != nil {
		return nil, err
	}
	return &answerer{e, tmpl, tokens}, nil
}

// answer is what comes after turns.
func (a *answerer) answer(ctx context.Context, turns []prompt.Turn, p sample.Params) (string, error) {
	window := a.engine.ContextTokens()
	fit := a.tmpl.Fit(turns, window-min(a.tokens, window/4))
	res, err := a.engine.Generate(ctx, engine.Request{Key: "sample", Tokens: fit.Tokens, MaxTokens: a.tokens, Sampling: p, Forbid: a.tmpl.Unsaid(),
		StopTokens: []int32{a.tmpl.End()}, StopStrings: a.tmpl.Stops()}, func(string) error { return nil })
	return res.Text, err
}

// answerRecalls lets m answer every message of each conversation with its likeliest
// tokens, and returns the answers to the last ones.
func answerRecalls(ctx context.Context, m *model.Model, tok *tokenizer.Tokenizer, threads int, recalls []eval.Recall) ([]string, error) {
	a, err := newAnswerer(m, tok, threads, 60)
	if err != nil {
		return nil, err
	}
	defer a.engine.Close()
	p := sample.Default()
	p.Temperature = 0
	var out []string
	for _, r := range recalls {
		var turns []prompt.Turn
		var text string
		for _, message := range r.Messages {
			turns = append(turns, prompt.Turn{Role: prompt.User, Text: message})
			if text, err = a.answer(ctx, turns, p); err != nil {
				return nil, err
			}
			turns = append(turns, prompt.Turn{Role: prompt.Assistant, Text: text})
		}
		out = append(out, text)
	}
	return out, nil
}

// sampleReplies lets m answer fixed prompts, each in a conversation of its own, as
// the bot would.
func sampleReplies(ctx context.Context, m *model.Model, tok *tokenizer.Tokenizer, s sampling) ([]string, error) {
	a, err := newAnswerer(m, tok, s.Threads, s.Tokens)
	if err != nil {
		return nil, err
	}
	defer a.engine.Close()
	prompts := eval.Prompts()
	var out []string
	for i := range s.Replies {
		p := sample.Default()
		p.Seed = s.Seed + uint64(i)
		text, err := a.answer(ctx, []prompt.Turn{{Role: prompt.User, Text: prompts[i%len(prompts)]}}, p)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}
