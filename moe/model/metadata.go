package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// metaReader reads the metadata under the architecture's name and collects what is
// wrong with it.
type metaReader struct {
	src  Source
	arch string
	read map[string]bool // keys that were asked for
	errs []error
}

func (r *metaReader) note(err error) {
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

func (r *metaReader) fail(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

func (r *metaReader) err() error {
	if len(r.errs) == 0 {
		return nil
	}
	return fmt.Errorf("model metadata: %w", errors.Join(r.errs...))
}

// key is the full name of a key that is read now.
func (r *metaReader) key(name string) string {
	name = r.arch + "." + name
	r.read[name] = true
	return name
}

// ignore lists keys that change nothing here.
func (r *metaReader) ignore(names ...string) {
	for _, n := range names {
		r.key(n)
	}
}

// size reads a count from 1 to limit. Without the key it is def; def 0 makes the
// key required, def -1 stands for "absent" and also lets 0 be written.
func (r *metaReader) size(name string, def, limit int) int {
	key := r.key(name)
	v, ok, err := r.src.Uint(key)
	switch {
	case err != nil:
		r.note(err)
	case !ok && def == 0:
		r.fail("%s is missing", key)
	case !ok:
		return def
	case v == 0 && def == -1:
		return -1
	case v == 0 || v > uint64(limit):
		r.fail("%s is %d, want 1 to %d", key, v, limit)
	default:
		return int(v)
	}
	return 0
}

// count is size for what may be absent: 0 without the key.
func (r *metaReader) count(name string, limit int) int { return max(0, r.size(name, -1, limit)) }

// real reads a number in (lo, hi]; def NaN makes the key required.
func (r *metaReader) real(name string, def, lo, hi float64) float64 {
	key := r.key(name)
	v, ok, err := r.src.Float(key)
	switch {
	case err != nil:
		r.note(err)
	case !ok && math.IsNaN(def):
		r.fail("%s is missing", key)
	case !ok:
		return def
	case !(v > lo && v <= hi):
		r.fail("%s is %g, want more than %g and at most %g", key, v, lo, hi)
	default:
		return v
	}
	return 1
}

// number reads a number of the size of a multiplier, 0 without the key.
func (r *metaReader) number(name string) float64 {
	key := r.key(name)
	v, ok, err := r.src.Float(key)
	r.note(err)
	if !ok {
		return 0
	}
	if math.IsNaN(v) || math.Abs(v) > 1e9 {
		r.fail("%s is %g", key, v)
		return 0
	}
	return v
}

// gain reads a multiplier that is 1 if the file has none or has 0.
func (r *metaReader) gain(name string) float64 {
	if v := r.number(name); v != 0 {
		return v
	}
	return 1
}

func (r *metaReader) flag(name string, def bool) bool {
	v, ok, err := r.src.Bool(r.key(name))
	r.note(err)
	if !ok || err != nil {
		return def
	}
	return v
}

func (r *metaReader) text(name string) string {
	v, _, err := r.src.String(r.key(name))
	r.note(err)
	return v
}

// vocab is the number of tokens that the metadata says there are, 0 if it does not.
func (r *metaReader) vocab() int {
	if n, ok, err := r.src.Uint(r.arch + ".vocab_size"); ok && err == nil {
		return int(min(n, math.MaxInt32))
	}
	tokens, _, err := r.src.Strings("tokenizer.ggml.tokens")
	r.note(err)
	return len(tokens)
}

// harmless takes the keys that llama.cpp does not read for the architecture and that
// change nothing here either: because nothing of the kind is computed, because the
// tensors' shapes say the same, or because they say what is computed anyway.
func (r *metaReader) harmless(c *Config) {
	r.ignore("attention.head_dim", "attention.layer_norm_epsilon", "expert_feed_forward_length")
	if c.Architecture != "deepseek2" {
		r.ignore("rope.scaling.yarn_log_multiplier")
	}
	if c.Architecture != "gpt-oss" {
		r.ignore("attention.sliding_window") // files are made for llama.cpp, which gives these no window
	}
	if c.Experts == 0 {
		r.ignore("norm_top_k_prob", "expert_weights_norm", "expert_weights_scale")
		return
	}
	for _, name := range []string{"norm_top_k_prob", "expert_weights_norm"} {
		if v := r.flag(name, c.Router.Normalise); v != c.Router.Normalise {
			r.fail("%s.%s is %t, but this architecture is computed with %t", r.arch, name, v, c.Router.Normalise)
		}
	}
	if v := r.gain("expert_weights_scale"); v != c.Router.Gain {
		r.fail("%s.expert_weights_scale is %g, but this architecture is computed with %g", r.arch, v, c.Router.Gain)
	}
}

// refuse names every key of the architecture that would change the computation
// and is not read: to skip one would give a wrong answer without a word.
func (r *metaReader) refuse() {
	var unknown []string
	for _, k := range r.src.Keys() {
		if strings.HasPrefix(k, r.arch+".") && !r.read[k] {
			unknown = append(unknown, k)
		}
	}
	slices.Sort(unknown)
	if len(unknown) > 0 {
		r.fail("not supported: %q", unknown)
	}
}
