package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// bar tells how far a long work is, on a terminal.
type bar struct {
	w        io.Writer
	terminal bool
	start    time.Time
	last     time.Time // drawn
	drawn    int       // characters on the line
}

func newBar(w io.Writer) *bar {
	b := &bar{w: w, start: time.Now()}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		b.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return b
}

// show draws from the work's second second on; elsewhere than on a terminal it shows now
// and then how far it is, for a log wants few lines.
func (b *bar) show(done, total int) {
	pause := 200 * time.Millisecond
	if !b.terminal {
		pause = 10 * time.Second
	}
	now := time.Now()
	if now.Sub(b.start) < 2*time.Second || now.Sub(b.last) < pause || total < 1 {
		return
	}
	b.draw(barLine(done, total, fmt.Sprintf("%3.0f %%  %d s", min(100, 100*float64(done)/float64(total)), int(now.Sub(b.start).Seconds()))))
}

func (b *bar) draw(line string) {
	fmt.Fprint(b.w, "\r"+line+strings.Repeat(" ", max(0, b.drawn-len(line))))
	b.last, b.drawn = time.Now(), len(line)
}

func (b *bar) clear() {
	if b.drawn > 0 {
		fmt.Fprint(b.w, "\r"+strings.Repeat(" ", b.drawn)+"\r")
		b.drawn = 0
	}
}

// barLine is a line such as "[#####.....] text".
func barLine(done, total int, text string) string {
	const width = 30
	full := 0
	if total > 0 {
		full = min(width, width*done/total)
	}
	return fmt.Sprintf("[%s%s] %s", strings.Repeat("#", full), strings.Repeat(".", width-full), text)
}
