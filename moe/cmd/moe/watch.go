package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"moebot/moe/backprop"
	"moebot/moe/eval"
	"moebot/moe/gguf"
	"moebot/moe/model"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
	"moebot/moe/train"
	"moebot/moe/train/watch"
)

// runWatch serves the page of a run that trains elsewhere, is about to, or has ended.
func runWatch(ctx context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("watch", errOut)
	run := fs.String("run", "", "`directory` of the training run; if only the one above it is there, the page waits for the run to begin")
	listen := fs.String("listen", "127.0.0.1:7070", "loopback `address` of the page")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *run == "" {
		return usageError{errors.New("usage: moe watch -run DIRECTORY [-listen ADDRESS]")}
	}
	switch info, err := os.Stat(*run); {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is a file, want the directory of a training run", *run)
	case errors.Is(err, os.ErrNotExist):
		if _, above := os.Stat(filepath.Dir(filepath.Clean(*run))); above != nil {
			return err
		}
		fmt.Fprintf(out, "%s is not there yet; the page waits for it\n", *run)
	case err != nil:
		return err
	}
	stop, err := serveWatch(ctx, *listen, *run, out)
	if err != nil {
		return err
	}
	<-ctx.Done()
	stop()
	return nil
}

// serveWatch serves the page of the run in dir beside the caller's work until stop,
// which waits for its end.
func serveWatch(ctx context.Context, addr, dir string, out io.Writer) (stop func(), err error) {
	l, err := watch.Listen(addr)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "watch the training at http://%s/\n", l.Addr())
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := watch.New(dir).Serve(ctx, l); err != nil {
			fmt.Fprintf(out, "the page is gone: %v\n", err)
		}
	}()
	return func() { cancel(); <-done }, nil
}

// sampleReplyTokens and samplePrompts bound what a model in training is asked.
const sampleReplyTokens, samplePrompts = 40, 6

// replySampler lets a model in training answer the first prompts of eval.Prompts, with
// the code that the bot answers with.
func replySampler(c backprop.Config, tok *tokenizer.Tokenizer, threads int) train.Sampler {
	return func(ctx context.Context, weights []float32) ([]train.Sample, error) {
		var file bytes.Buffer
		if err := train.Export(&file, c, weights, tok.Spec(), train.About{}, tensor.F32); err != nil {
			return nil, err
		}
		f, err := gguf.Parse(file.Bytes())
		if err != nil {
			return nil, err
		}
		m, err := model.Load(f)
		if err != nil {
			return nil, err
		}
		texts, err := sampleReplies(ctx, m, tok, sampling{Replies: samplePrompts, Tokens: sampleReplyTokens, Threads: threads, Seed: 1})
		if err != nil {
			return nil, err
		}
		var out []train.Sample
		for i, text := range texts {
			out = append(out, train.Sample{Prompt: eval.Prompts()[i], Reply: text})
		}
		return out, nil
	}
}
