package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moebot/moe/defaultmodel"
)

func TestQuantizeAndPerplexity(t *testing.T) {
	dir := t.TempDir()
	text := "Hello there. How are you today? I am fine, thank you. What do you like to do on a rainy day?"
	measure := func(args ...string) perplexity {
		t.Helper()
		var p perplexity
		if err := json.Unmarshal([]byte(ok(t, text, append([]string{"perplexity", "-json"}, args...)...)), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	whole := measure()
	if whole.Tokens < 20 || whole.Loss <= 0 || whole.Loss > 6 || whole.BitsPerByte <= 0 {
		t.Errorf("the embedded model: %+v", whole)
	}
	if cut := measure("-limit", "10"); cut.Tokens >= whole.Tokens {
		t.Errorf("with a limit %+v, without %+v", cut, whole)
	}
	small := filepath.Join(dir, "q4.gguf")
	report := ok(t, "", "quantize", "-type", "q4_0", "-set", "token_embd.*=Q8_0", "-o", small)
	if !strings.Contains(report, "Q4_0") || !strings.Contains(report, "token_embd.weight") {
		t.Errorf("report: %s", report)
	}
	if p := measure("-m", small); p.Loss == whole.Loss || p.Loss > 1.2*whole.Loss {
		t.Errorf("loss in 4 bits %.4f, in 8 %.4f", p.Loss, whole.Loss)
	}
	if info, err := os.Stat(small); err != nil || info.Size() >= int64(len(defaultmodel.GGUF())) {
		t.Errorf("%v %v", info, err)
	}
	if report := ok(t, "", "quantize", "-o", small); !strings.Contains(report, "since their rows are no whole blocks of Q4_K") {
		t.Errorf("report: %s", report)
	}
	if info, err := os.Stat(small); err != nil || info.Size() >= int64(len(defaultmodel.GGUF())) {
		t.Errorf("by default it becomes no smaller: %v %v", info.Size(), err)
	}
	for want, args := range map[string][]string{
		`type "Q9"`:        {"quantize", "-type", "Q9", "-o", small},
		"pattern=type":     {"quantize", "-set", "Q9", "-o", small},
		"read and written": {"quantize", "-m", small, "-o", small},
		"standard input has no text to measure; -text": {"perplexity"},
		os.DevNull + ": no text to measure":            {"perplexity", "-text", os.DevNull},
		"absent.txt":                                   {"perplexity", "-text", filepath.Join(dir, "absent.txt")},
		"usage: moe perplexity":                        {"perplexity", "-context", "1"},
		"usage: moe quantize":                          {"quantize"},
	} {
		if status, _, errOut := moe(t, "", args...); status == 0 || !strings.Contains(errOut, want) {
			t.Errorf("%q: status %d, %s; want %s", args, status, errOut, want)
		}
	}
}
