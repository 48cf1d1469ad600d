package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"moebot/moe/backprop"
	"moebot/moe/defaultmodel"
	"moebot/moe/gguf"
	"moebot/moe/model"
	"moebot/moe/tensor"
	"moebot/moe/tokenizer"
	"moebot/moe/train"
)

// newFlags is a command's flag set: errors come back instead of ending the program.
func newFlags(name string, errOut io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("moe "+name, flag.ContinueOnError)
	fs.SetOutput(errOut)
	return fs
}

func isHelp(err error) bool { return errors.Is(err, flag.ErrHelp) }

// parseArgs reads the flags and leaves the arguments in fs.
func parseArgs(fs *flag.FlagSet, args []string) error {
	err := fs.Parse(args)
	if err != nil && !isHelp(err) {
		return usageError{err}
	}
	return err
}

// parse reads the flags; anything left over is an error.
func parse(fs *flag.FlagSet, args []string) error {
	if err := parseArgs(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	}
	return nil
}

const modelFlag = "GGUF `file`; without it the embedded model"

// cacheTypes are the types in which keys and values may be kept.
var cacheTypes = []tensor.Type{tensor.F32, tensor.F16, tensor.Q8_0}

// cacheFlag is the type in which keys and values are kept.
func cacheFlag(fs *flag.FlagSet) *tensor.Type {
	t := new(tensor.Type)
	fs.Func("kv", "`type` in which keys and values are kept: F32, F16 or Q8_0 (default F32)", func(name string) error {
		for _, *t = range cacheTypes {
			if t.String() == name {
				return nil
			}
		}
		return errors.New("want F32, F16 or Q8_0")
	})
	return t
}

// openFile opens a model file, or the embedded model for an empty path.
func openFile(path string) (*gguf.File, error) {
	if path != "" {
		return gguf.Open(path)
	}
	return gguf.Parse(defaultmodel.GGUF())
}

// label is a path for messages.
func label(path string) string {
	if path == "" {
		return "the embedded model"
	}
	return path
}

// openTokenizer reads the vocabulary of a model file. The tokenizer does not need
// the file any more.
func openTokenizer(path string) (*tokenizer.Tokenizer, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return tokenizerOf(path, f)
}

// tokenizerOf is openTokenizer for a file that is open.
func tokenizerOf(path string, f *gguf.File) (*tokenizer.Tokenizer, error) {
	tok, err := model.Tokenizer(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", label(path), err)
	}
	return tok, nil
}

// importModel reads a model file, or the embedded model, for training or measuring.
func importModel(path string) (backprop.Config, []float32, *tokenizer.Tokenizer, error) {
	f, err := openFile(path)
	if err != nil {
		return backprop.Config{}, nil, nil, err
	}
	defer f.Close()
	c, w, tok, err := train.Import(f)
	if err != nil {
		return c, nil, nil, fmt.Errorf("%s: %w", label(path), err)
	}
	return c, w, tok, nil
}

// licenseOf is the license that a model file names, "" if it names none.
func licenseOf(path string) (string, error) {
	f, err := openFile(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	s, _, err := f.String("general.license")
	return s, err
}

// openModel loads a model; f must be closed after it.
func openModel(path string) (m *model.Model, f *gguf.File, err error) {
	if f, err = openFile(path); err != nil {
		return nil, nil, err
	}
	if m, err = model.Load(f); err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("%s: %w", label(path), err)
	}
	return m, f, nil
}
