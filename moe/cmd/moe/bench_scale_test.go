package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"moebot/moe/tensor"
)

// Every direction is measured, up to where it was asked for, and tells what it held still.
func TestBenchScale(t *testing.T) {
	m, f, err := openModel("")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out bytes.Buffer
	if err := benchScale(context.Background(), &out, m, tensor.F32, scale{context: 600, batch: 2, experts: 16, threads: 2}, 1, true); err != nil {
		t.Fatal(err)
	}
	var rows []scaleRow
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprint(r.By, r.Context, r.Batch, r.Experts, r.TopK, r.Threads))
		if r.Median <= 0 || r.Min > r.Median || r.Max < r.Median || r.Runs != 1 {
			t.Errorf("figures of %+v", r)
		}
	}
	e, k := m.Config.Experts, m.Config.TopK
	want := []string{fmt.Sprint("context", 0, 1, e, k, 2), fmt.Sprint("context", 512, 1, e, k, 2), fmt.Sprint("batch", 128, 1, e, k, 2), fmt.Sprint("batch", 128, 2, e, k, 2),
		fmt.Sprint("threads", 128, 1, e, k, 1), fmt.Sprint("threads", 128, 1, e, k, 2)}
	for _, n := range []int{8, 16} {
		for _, k := range []int{2, 4, 8} {
			want = append(want, fmt.Sprint("experts", 128, 1, n, k, 2))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows %q\nwant %q", got, want)
	}
	random, err := randomModel(16)
	if err != nil {
		t.Fatal(err)
	}
	if c := random.Config; c.Experts != 16 || c.TopK != 8 {
		t.Errorf("a random model of 16 experts has %d, %d used", c.Experts, c.TopK)
	}
}
