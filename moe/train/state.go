package train

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"moebot/moe/checkpoint"
	"moebot/moe/dataset"
)

// state is what a checkpoint remembers beside the vectors.
type state struct {
	Config  Config     `json:"config"`
	Step    int        `json:"step"`
	Tokens  int64      `json:"tokens"`
	Seconds float64    `json:"seconds"` // of training so far
	Batches []mixCount `json:"batches"` // micro-batches drawn, in order, by phase
	Skipped int        `json:"skipped"` // steps not taken for a value that was not finite, or a spike
	Reloads int        `json:"reloads"` // times that the last checkpoint's weights were taken again after such steps
	Updates *int       `json:"updates"` // of the optimizer; nil in older files, where no reload was known
	Usual   usual      `json:"usual"`
	Best    float64    `json:"best"` // held-out loss of best.ckpt, nats per reply token; 0 before the first

	// What the run was made of. Files of older versions do not say; then all is taken for right.
	Vocabulary string          `json:"vocabulary,omitempty"` // see dataset.VocabularyHash
	Data       map[string]data `json:"data,omitempty"`       // by source
	Base       string          `json:"base,omitempty"`       // of an adapter: checksum of the weights it changes
}

// data tells the text of a source from another.
type data struct {
	Tokens int    `json:"tokens"`
	Sum    uint32 `json:"sum"` // see dataset.Shard.Sum
}

type mixCount struct {
	Phase int `json:"phase"`
	Count int `json:"count"`
}

// updates is the number of steps that the optimizer took.
func (s state) updates() int {
	if s.Updates != nil {
		return *s.Updates
	}
	return s.Step - s.Skipped
}

// vocabulary is the hash of the vocabulary that all shards have, "" if none says it.
func (l *loop) vocabulary() (string, error) {
	hash := ""
	for _, s := range slices.Concat(l.Train, l.Held) {
		if hash == "" {
			hash = s.Vocabulary
		}
		if err := s.CheckVocabulary(l.Config.Model.Vocab, hash); err != nil {
			return "", err
		}
	}
	return hash, nil
}

func (l *loop) data() map[string]data {
	out := map[string]data{}
	for _, s := range l.Train {
		out[s.Source] = data{len(s.Tokens), s.Sum()}
	}
	return out
}

// base is the checksum of an adapter's base, "" without an adapter.
func (l *loop) base() string {
	if l.lora == nil {
		return ""
	}
	sum, buf := crc32.New(crc32.MakeTable(crc32.Castagnoli)), make([]byte, 0, 1<<16)
	for part := range slices.Chunk(l.lora.base, cap(buf)/4) {
		buf = buf[:0]
		for _, w := range part {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(w))
		}
		sum.Write(buf)
	}
	return fmt.Sprintf("%08x", sum.Sum32())
}

// fits reports what the recipe, the shards and the base weights at hand have other than
// those that a run was begun with.
func (l *loop) fits(old state) error {
	if old.Config.Model != l.Config.Model {
		return fmt.Errorf("its model is %+v, the recipe's %+v", old.Config.Model, l.Config.Model)
	}
	if a, b := old.Config, l.Config; a.Rows != b.Rows || a.Length != b.Length || a.Seed != b.Seed {
		return fmt.Errorf("its batches have %d rows of %d and seed %d, the recipe's %d of %d and seed %d", a.Rows, a.Length, a.Seed, b.Rows, b.Length, b.Seed)
	}
	if old.Vocabulary != "" && l.st.Vocabulary != "" && old.Vocabulary != l.st.Vocabulary {
		return fmt.Errorf("its vocabulary is %s, that of the shards is %s", old.Vocabulary, l.st.Vocabulary)
	}
	if old.Base != "" && old.Base != l.st.Base {
		return fmt.Errorf("its adapter changes other weights (%s) than those to start from (%s)", old.Base, l.st.Base)
	}
	for _, b := range old.Batches {
		if b.Phase >= len(l.Config.Phases) {
			return fmt.Errorf("it has been in phase %d, the recipe has %d phases", b.Phase, len(l.Config.Phases))
		}
		if err := sameWeights(old.Config.Phases[b.Phase].Mix, l.Config.Phases[b.Phase].Mix); err != nil {
			return fmt.Errorf("phase %d, which it has been in: %w; other weights need a phase that begins later", b.Phase, err)
		}
		for source, weight := range l.Config.Phases[b.Phase].Mix.Weights {
			if was, ok := old.Data[source]; ok && weight > 0 && was != l.st.Data[source] {
				return fmt.Errorf("its source %s had %d tokens (%08x), the shard has %d (%08x): the text that it goes on with would be another", source, was.Tokens, was.Sum, l.st.Data[source].Tokens, l.st.Data[source].Sum)
			}
		}
	}
	return nil
}

// sameWeights is an error if two mixes draw other batches from the same shards. The
// weights of the batches already drawn must stay, since they are drawn again to find
// where each source stands.
func sameWeights(was, now dataset.Mix) error {
	both := map[string]float64{}
	maps.Copy(both, was.Weights)
	maps.Copy(both, now.Weights)
	for _, source := range slices.Sorted(maps.Keys(both)) {
		if a, b := was.Weights[source], now.Weights[source]; a != b {
			return fmt.Errorf("its weight of source %s is %g, the recipe's %g", source, a, b)
		}
	}
	return nil
}

func (l *loop) restore() error {
	var old state
	f, err := checkpoint.Open(l.latest(), &old)
	if err != nil {
		return fmt.Errorf("%w; %s is the one before", err, filepath.Join(l.Dir, "previous.ckpt"))
	}
	defer f.Close()
	if err := l.fits(old); err != nil {
		return fmt.Errorf("checkpoint %s: %w", l.latest(), err)
	}
	if err := f.Read(l.vectors()); err != nil {
		return err
	}
	if l.st.Vocabulary == "" {
		l.st.Vocabulary = old.Vocabulary
	}
	old.Vocabulary, old.Data, old.Base = l.st.Vocabulary, l.st.Data, l.st.Base
	old.Config = l.Config // what may change: the length of the run, later phases, learning rates
	l.st = old
	l.opt.Step = l.st.updates()
	l.before = l.st.Seconds
	usual := l.st.Usual
	// the stream of batches is replayed up to where the run stood
	for _, b := range l.st.Batches {
		if err := l.enter(b.Phase); err != nil {
			return err
		}
		for range b.Count {
			l.loader.Next(&l.micro[0], l.Config.Rows, l.Config.Length)
		}
	}
	l.st.Usual = usual // entering a phase forgets it
	fmt.Fprintf(l.Out, "resumed at step %d, %.1f M tokens\n", l.st.Step, float64(l.st.Tokens)/1e6)
	return nil
}

func (l *loop) save() error {
	l.st.Seconds = l.seconds()
	updates := l.opt.Step
	l.st.Updates = &updates
	// the newest stays in its place until its successor is whole
	if err := l.keep(os.Link); err != nil && !l.unkept {
		l.unkept = true
		fmt.Fprintf(l.Out, "going on without the checkpoint before the newest: %v\n", err)
	}
	return checkpoint.Save(l.latest(), l.st, l.vectors())
}

// keep makes the newest checkpoint previous.ckpt too, by link, or by a copy where the
// file system has no hard links (exFAT, SMB). It is nothing if there is none yet.
func (l *loop) keep(link func(from, to string) error) error {
	previous := filepath.Join(l.Dir, "previous.ckpt")
	if err := os.Remove(previous); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	err := link(l.latest(), previous)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		err = copyFile(l.latest(), previous)
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// copyFile copies a file to a place where none is, whole or not at all.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(filepath.Dir(to), ".checkpoint-"+filepath.Base(to)))
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), to)
}

// vectors are the arrays of a checkpoint, the weights first.
func (l *loop) vectors() []checkpoint.Vector {
	v := []checkpoint.Vector{{Name: "weights", Data: l.net.Weights}, {Name: "m", Data: l.opt.M}, {Name: "v", Data: l.opt.V}}
	if l.lora != nil {
		v = append(v, checkpoint.Vector{Name: "lora", Data: l.lora.weights})
	}
	if l.ema != nil {
		v = append(v, checkpoint.Vector{Name: "ema", Data: l.ema})
	}
	if l.net.RouterBias != nil {
		v = append(v, checkpoint.Vector{Name: "router_bias", Data: l.net.RouterBias})
	}
	return v
}

func (l *loop) count(n int) {
	b := l.st.Batches
	if k := len(b); k > 0 && b[k-1].Phase == l.phase {
		b[k-1].Count += n
		return
	}
	l.st.Batches = append(b, mixCount{l.phase, n})
}
