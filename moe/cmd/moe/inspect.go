package main

import (
	"context"
	"fmt"
	"io"
)

// runInspect prints what a model file holds.
func runInspect(_ context.Context, args []string, _ io.Reader, out, errOut io.Writer) error {
	fs := newFlags("inspect", errOut)
	path := fs.String("m", "", modelFlag)
	if err := parse(fs, args); err != nil {
		return err
	}
	f, err := openFile(*path)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintf(out, "%s: GGUF version %d\n\nmetadata:\n", label(*path), f.Version)
	for _, key := range f.Keys() {
		fmt.Fprintf(out, "  %-44s %s\n", key, f.Show(key, 100))
	}
	fmt.Fprintln(out, "\ntensors:")
	bytes, elements := 0, 0
	for _, name := range f.Names() {
		t, _ := f.Tensor(name)
		fmt.Fprintf(out, "  %-36s %-6v %-18s %12d bytes\n", name, t.Type, fmt.Sprint(t.Shape), len(t.Data))
		bytes, elements = bytes+len(t.Data), elements+t.Len()
	}
	fmt.Fprintf(out, "\n%d tensors, %d elements, %d bytes\n", len(f.Names()), elements, bytes)
	return nil
}
