package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"moebot/session"
)

// archive is what the command line wants of sessions instead of a bot: to write them
// to a file, or to read them from one. - is the standard output or input.
type archive struct {
	export, load, channel string
}

func (a archive) wanted() bool { return a.export != "" || a.load != "" }

func (a archive) check() error {
	switch {
	case a.export != "" && a.load != "":
		return errors.New("-export and -import exclude each other")
	case a.channel != "" && a.export == "":
		return errors.New("-channel is for -export")
	case a.channel != "":
		return session.Key{Channel: a.channel}.Validate()
	}
	return nil
}

// archive exports or imports the sessions of the store that the configuration names,
// and says how many.
func (s *service) archive(ctx context.Context, a archive, in io.Reader, out, report io.Writer) error {
	if err := s.openStore(ctx); err != nil {
		return err
	}
	defer s.closeStore()
	if a.load != "" {
		return s.load(ctx, a.load, in, report)
	}
	if a.export == "-" {
		n, err := s.store.Export(ctx, out, a.channel)
		if err == nil {
			fmt.Fprintf(report, "exported %d channels with %d messages\n", n.Channels, n.Turns)
		}
		return err
	}
	// A whole file, readable by its owner only, or none.
	f, err := os.CreateTemp(filepath.Dir(a.export), filepath.Base(a.export)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	n, err := s.store.Export(ctx, f, a.channel)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), a.export); err != nil {
		return err
	}
	fmt.Fprintf(report, "exported %d channels with %d messages to %s\n", n.Channels, n.Turns, a.export)
	return nil
}

func (s *service) load(ctx context.Context, path string, in io.Reader, report io.Writer) error {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	n, err := s.store.Import(ctx, in)
	if err != nil {
		return fmt.Errorf("%s: %w (%d channels before it are imported; importing again goes on)", path, err, n.Channels)
	}
	fmt.Fprintf(report, "imported %d channels with %d messages, of which %d were not there yet\n", n.Channels, n.Turns, n.Added)
	return nil
}
