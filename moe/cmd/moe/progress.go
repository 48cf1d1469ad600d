package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// progress is a bar on a terminal; elsewhere it shows nothing.
type progress struct {
	w     io.Writer // nil without a terminal
	total int
	drawn int // characters on the line
}

func newProgress(w io.Writer, total int) *progress {
	f, ok := w.(*os.File)
	if !ok {
		return &progress{}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &progress{}
	}
	return &progress{w: w, total: total}
}

func (p *progress) draw(done int, tokens int64) {
	if p.w == nil {
		return
	}
	line := progressLine(done, p.total, tokens)
	fmt.Fprint(p.w, "\r"+line+strings.Repeat(" ", max(0, p.drawn-len(line))))
	p.drawn = len(line)
}

func (p *progress) clear() {
	if p.w != nil && p.drawn > 0 {
		fmt.Fprint(p.w, "\r"+strings.Repeat(" ", p.drawn)+"\r")
		p.drawn = 0
	}
}

// progressLine is a line such as "[#####.....] 5 of 10 files, 1.2 M tokens".
func progressLine(done, total int, tokens int64) string {
	const width = 30
	full := 0
	if total > 0 {
		full = width * done / total
	}
	return fmt.Sprintf("[%s%s] %d of %d files, %.1f M tokens", strings.Repeat("#", full), strings.Repeat(".", width-full), done, total, float64(tokens)/1e6)
}
