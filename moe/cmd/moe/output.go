package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// writeFile lets write fill a file beside path and puts it there once it is whole.
func writeFile(path string, write func(io.Writer) error) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return cannotWrite(path, errors.New("it is a directory"))
	}
	if err == nil && !info.Mode().IsRegular() { // /dev/null is not to be replaced
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".moe-*")
	if err != nil {
		return cannotWrite(path, err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err = write(tmp); err == nil {
		err = errors.Join(tmp.Chmod(0o644), tmp.Close())
	}
	if p := new(os.PathError); errors.As(err, &p) && p.Path == tmp.Name() {
		return cannotWrite(path, err)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return cannotWrite(path, err)
	}
	return nil
}

// canWrite says why writeFile would fail at path, for what takes long to make. An empty
// path is none to write.
func canWrite(path string) error {
	if path == "" {
		return nil
	}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return cannotWrite(path, errors.New("it is a directory"))
	case err == nil && !info.Mode().IsRegular():
		return nil // to open it might wait for a reader
	}
	return canCreate(path, filepath.Dir(path))
}

// canFill says why nothing could be written into the directory dir, which need not be
// there yet, nor those above it: they are made once there is something to write.
func canFill(dir string) error {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		_, err := os.Stat(at)
		switch {
		case err == nil:
			return canCreate(dir, at)
		case !errors.Is(err, os.ErrNotExist) || at == filepath.Dir(at):
			return cannotWrite(dir, err)
		}
	}
}

// canCreate says why no file could be made in the directory in, on the way to path.
func canCreate(path, in string) error {
	f, err := os.CreateTemp(in, ".moe-*")
	if err != nil {
		return cannotWrite(path, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// cannotWrite names the path that somebody asked for, where err names a file beside it.
func cannotWrite(path string, err error) error {
	if p := new(os.PathError); errors.As(err, &p) {
		err = p.Err
	}
	if l := new(os.LinkError); errors.As(err, &l) {
		err = l.Err
	}
	return fmt.Errorf("%s cannot be written: %w", path, err)
}
