package watch

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts Chromium, or skips by name where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("MOEBOT_REQUIRE_SERVICES") == "1" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed")
	}
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(options, chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.NoSandbox)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

const record = `{"event":"train","step":%,"tokens":2048,"seconds":60,"loss":4.5,"lr":0.01,"norm":1,"tok_s":900,"sources":{"tales":4.5,"chats":4.0},"load":[[0.5,0.5],[0.9,0.1]]}` + "\n"

// The page draws curves, shows what the model says as text, and follows a log that grows.
func TestPageShowsTheRun(t *testing.T) {
	ctx := browser(t)
	dir := t.TempDir()
	log := filepath.Join(dir, "log.jsonl")
	for step := range 30 {
		appendTo(t, log, strings.Replace(record, "%", strconv.Itoa(step), 1))
	}
	appendTo(t, log, `{"event":"held","step":29,"mean":5,"held":{"tales":{"reply":5}}}`+"\n")
	appendTo(t, log, `{"event":"sample","step":29,"tokens":2048,"samples":[{"prompt":"Hello?","reply":"<b>hey</b>"}]}`+"\n")
	s := New(dir)
	s.poll = 20 * time.Millisecond
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(serving, l) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	if err := chromedp.Do(ctx, chromedp.Navigate("http://"+l.Addr().String())); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	wait := func(expression string) {
		t.Helper()
		deadline := time.Now().Add(30 * time.Second)
		for {
			ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
			if ok {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s stays false (%v)", expression, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	wait(`document.querySelector('#status').textContent.includes('step 29')`)
	wait(`document.querySelector('#samples').textContent.includes('<b>hey</b>')`)
	for _, id := range []string{"loss", "held", "sources", "lr", "norm", "entropy", "load"} {
		// a picture with colours in it
		wait(`(() => { const c = document.querySelector('#` + id + `'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
			for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 0 && Math.abs(d[i] - d[i + 2]) > 40) return true; return false; })()`)
	}
	appendTo(t, log, strings.Replace(record, "%", "77", 1))
	wait(`document.querySelector('#status').textContent.includes('step 77')`)
	if path := os.Getenv("MOEBOT_SCREENSHOT"); path != "" {
		b, err := chromedp.Run(ctx, chromedp.FullScreenshot(90))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
