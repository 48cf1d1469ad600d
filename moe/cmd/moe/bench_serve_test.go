package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"
)

func TestBenchServe(t *testing.T) {
	var rows []benchRow
	if err := json.Unmarshal([]byte(ok(t, "", "bench", "-serve", "-json", "-r", "1", "-t", "1", "-kv", "F16")), &rows); err != nil {
		t.Fatal(err)
	}
	seen := map[string]benchRow{}
	for _, r := range rows {
		if seen[r.Test] = r; r.Median <= 0 || r.Min > r.Median || r.Max < r.Median || r.Unit == "" {
			t.Errorf("bench -serve gives %+v", r)
		}
	}
	// what the channels share is read once
	if r := seen["8 channels × (384 shared + 20)"]; r.Median != systemTokens+sharing*newTokens {
		t.Errorf("%v tokens are read of a shared prompt", r.Median)
	}
	if len(rows) != 15 {
		t.Errorf("%d rows", len(rows))
	}
}

// Nothing goes on burning when the one who wanted it is gone.
func TestBurnEndsWithItsInput(t *testing.T) {
	done := make(chan struct{})
	go func() { burn(context.Background(), strings.NewReader("x"), time.Hour); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it burns on")
	}
	in, leash := io.Pipe()
	defer leash.Close()
	burn(context.Background(), in, 10*time.Millisecond) // or with its time
}
