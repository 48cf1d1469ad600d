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

// sampleReplies lets m answer fixed prompts, each in a conversation of its own, as
// the bot would.
func sampleReplies(ctx context.Context, m *model.Model, tok *tokenizer.Tokenizer, s sampling) ([]string, error) {
	tmpl, err := prompt.New(tok)
	if err != nil {
		return nil, err
	}
	e, err := engine.New(m, tok, engine.Options{Threads: s.Threads, Slots: 1})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	prompts := eval.Prompts()
	window := e.ContextTokens()
	var out []string
	for i := range s.Replies {
		p := sample.Default()
		p.Seed = s.Seed + uint64(i)
		fit := tmpl.Fit([]prompt.Turn{{Role: prompt.User, Text: prompts[i%len(prompts)]}}, window-min(s.Tokens, window/4))
		res, err := e.Generate(ctx, engine.Request{Key: "sample", Tokens: fit.Tokens, MaxTokens: s.Tokens, Sampling: p, Forbid: tmpl.Unsaid(),
			StopTokens: []int32{tmpl.End()}}, func(string) error { return nil })
		if err != nil {
			return nil, err
		}
		out = append(out, res.Text)
	}
	return out, nil
}
