// Moe is the workshop of moebot's models: it trains, measures, inspects and talks
// to them. Run it without arguments for the list of its commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// command is one subcommand. Its run function reads in, prints results to out and
// all else to errOut.
type command struct {
	name, about string
	run         func(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) error
}

func commands() []command {
	return []command{
		{"chat", "talk to a model in the terminal", runChat},
		{"logits", "write the logits of every position of a token sequence", runLogits},
		{"tokenizer", "encode or decode text with a model's vocabulary, or train one", runTokenizer},
		{"inspect", "show a model file's metadata and tensors", runInspect},
		{"perplexity", "measure how well a model predicts a text", runPerplexity},
		{"quantize", "write a model file with its matrices in smaller types", runQuantize},
		{"bench", "measure tokens per second of prompt reading and of answering", runBench},
		{"phrasebook", "write conversations for training from phrasebooks", runPhrasebook},
		{"data", "pack a corpus into token shards for training", runData},
		{"train", "train a model from shards", runTrain},
		{"classify", "train a classifier of short texts from examples, or test one", runClassify},
		{"tune", "go on training a model file on your own conversations", runTune},
		{"compare", "train variants of a recipe, with several seeds each, and tabulate them", runCompare},
		{"watch", "serve a page that shows a training as it goes on", runWatch},
		{"plot", "draw a training's losses, learning rate, gradient norm and expert load", runPlot},
		{"remake", "make the embedded model again, from the corpus to the measured file", runRemake},
		{"export", "write a training's weights as a GGUF file", runExport},
		{"eval", "measure a model's loss on shards", runEval},
	}
}

// usageError is a wrong command line: exit status 2.
type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run dispatches to a command and returns the exit status: 0, 1 for a failure, 2
// for a wrong command line.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		w := out
		if len(args) == 0 {
			w = errOut
		}
		fmt.Fprintln(w, "usage: moe COMMAND [flags]; moe COMMAND -h lists a command's flags\n\ncommands:")
		for _, c := range commands() {
			fmt.Fprintf(w, "  %-10s %s\n", c.name, c.about)
		}
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:], in, out, errOut)
		var usage usageError
		switch {
		case err == nil || isHelp(err):
			return 0
		case errors.As(err, &usage):
			fmt.Fprintln(errOut, "moe "+c.name+":", err)
			return 2
		}
		// Who pressed Ctrl-C knows nothing of contexts.
		fmt.Fprintf(errOut, "moe %s: %s\n", c.name, strings.ReplaceAll(err.Error(), context.Canceled.Error(), "stopped"))
		return 1
	}
	fmt.Fprintf(errOut, "moe: unknown command %q; run moe help for the list\n", args[0])
	return 2
}
