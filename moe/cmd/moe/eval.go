package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"

	"moebot/moe/backprop"
	"moebot/moe/eval"
	"moebot/moe/kernel"
)

// runEval measures the loss of a model file on shards.
func runEval(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("eval", errOut)
	path := fs.String("m", "", modelFlag)
	shards := fs.String("data", "", "`directory` of token shards, made by moe data with this model's vocabulary")
	length := fs.Int("length", 0, "tokens of context at most; 0 is the model's context")
	limit := fs.Int("limit", 0, "tokens of each source at most; 0 measures all")
	threads := fs.Int("t", runtime.NumCPU(), "threads")
	asJSON := fs.Bool("json", false, "print JSON")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *shards == "" {
		return usageError{errors.New("usage: moe eval [-m MODEL.gguf] -data DIRECTORY [-limit TOKENS] [-json]")}
	}
	c, weights, tok, err := importModel(*path)
	if err != nil {
		return err
	}
	data, err := readShards(*shards)
	if err != nil {
		return err
	}
	for _, s := range data {
		if s.Vocab != c.Vocab {
			return fmt.Errorf("%s: shard %s has a vocabulary of %d, the model one of %d", *shards, s.Source, s.Vocab, c.Vocab)
		}
	}
	pool := kernel.NewPool(*threads)
	defer pool.Close()
	net, err := backprop.New(c, weights, pool)
	if err != nil {
		return err
	}
	if *length <= 0 {
		*length = c.Context
	}
	o := eval.Options{Length: min(*length, c.Context), MaxTokens: *limit, TokenBytes: make([]int, c.Vocab)}
	for i := range o.TokenBytes {
		if !tok.IsControl(int32(i)) {
			o.TokenBytes[i] = len(tok.Decode([]int32{int32(i)}))
		}
	}
	res := map[string]eval.Loss{}
	if !*asJSON {
		fmt.Fprintf(out, "%-26s %9s %9s %9s %9s %9s\n", "source", "tokens", "nats/tok", "reply", "accuracy", "bits/byte")
	}
	for _, s := range data {
		if err := ctx.Err(); err != nil {
			return err
		}
		l := eval.Shard(net, s, o)
		res[s.Source] = l
		if !*asJSON {
			fmt.Fprintf(out, "%-26s %9d %9.4f %9.4f %8.1f%% %9.4f\n", s.Source, l.Tokens, l.All, l.Reply, 100*l.Accuracy, l.Bits)
		}
	}
	if *asJSON {
		return json.NewEncoder(out).Encode(res)
	}
	return nil
}
