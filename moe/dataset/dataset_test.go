package dataset

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"moebot/moe/tokenizer"
)

// bytesEncoder encodes each byte as its value plus 10.
type bytesEncoder struct{}

func (bytesEncoder) Encode(text string, _ bool) []int32 {
	var out []int32
	for _, b := range []byte(text) {
		out = append(out, int32(b)+10)
	}
	return out
}

func show(s Sequence) string {
	var b strings.Builder
	reply := false
	for i, t := range s.Tokens {
		if s.Reply[i] != reply {
			reply = !reply
			b.WriteString(map[bool]string{true: "{", false: "}"}[reply])
		}
		switch t {
		case 0, 1, 2, 3, 4:
			b.WriteString([]string{"<b>", "<e>", "<s>", "<u>", "<a>"}[t])
		default:
			b.WriteByte(byte(t - 10))
		}
	}
	if reply {
		b.WriteString("}")
	}
	return b.String()
}

func renderer(maxTokens int) *Renderer {
	return &Renderer{Encoder: bytesEncoder{}, Specials: Specials{0, 1, 2, 3, 4}, MaxTokens: maxTokens}
}

func TestRender(t *testing.T) {
	for _, tc := range []struct {
		name string
		max  int
		doc  Document
		want []string
	}{
		{"text", 99, Document{Text: " a b\r\nc "}, []string{"<b>{a b\nc<e>}"}},
		{"chat", 99, Document{Messages: []Message{{"user", "", "hi"}, {"assistant", "", "yo"}}}, []string{"<b><u>hi<e><a>{yo<e>}"}},
		{"system and names", 99, Document{Messages: []Message{{"system", "", "be"}, {"user", "Al", "1"}, {"user", "Bo", "2"}, {"assistant", "", "3"}}},
			[]string{"<b><s>be<e><u>Al: 1<e><u>Bo: 2<e><a>{3<e>}"}},
		{"nobody replies", 99, Document{Messages: []Message{{"user", "", "hi"}}}, nil},
		{"split before a user turn, the system turn again", 16, Document{Messages: []Message{{"system", "", "s"}, {"user", "", "aaaa"}, {"assistant", "", "b"}, {"user", "", "cccc"}, {"assistant", "", "d"}}},
			[]string{"<b><s>s<e><u>aaaa<e><a>{b<e>}", "<b><s>s<e><u>cccc<e><a>{d<e>}"}},
		{"empty turns vanish", 99, Document{Messages: []Message{{"user", "", " "}, {"user", "", "x"}, {"assistant", "", "y"}}}, []string{"<b><u>x<e><a>{y<e>}"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, s := range renderer(tc.max).Render(tc.doc) {
				got = append(got, show(s))
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("sequences (-want +got):\n%s", d)
			}
		})
	}
}

func TestNameShareNamesTheSameConversationsEachTime(t *testing.T) {
	r := renderer(99)
	r.NameShare = 0.5
	named := 0
	for i := range 200 {
		d := Document{Messages: []Message{{"user", "", fmt.Sprint("hi ", i)}, {"assistant", "", "yo"}}}
		a, b := show(r.Render(d)[0]), show(r.Render(d)[0])
		if a != b {
			t.Fatalf("one document rendered as %q and %q", a, b)
		}
		if strings.Contains(a, ": hi") {
			named++
		}
	}
	if named < 70 || named > 130 {
		t.Errorf("%d of 200 conversations have a name, want about 100", named)
	}
}

func TestReadFileNamesFileAndLine(t *testing.T) {
	dir := t.TempDir()
	lines := `{"source":"s","text":"one"}
not json
{"source":"s","messages":[{"role":"boss","content":"x"}]}

{"source":"s","messages":[{"role":"user","content":"x"}],"text":"both"}
{"source":"s","text":"two"}
`
	plain, packed := filepath.Join(dir, "c.jsonl"), filepath.Join(dir, "c.jsonl.zst")
	if err := os.WriteFile(plain, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(packed, z.EncodeAll([]byte(lines), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{plain, packed} {
		var texts []string
		var bad []int
		err := ReadFile(path, func(d Document, err error) bool {
			var le *LineError
			if errors.As(err, &le) {
				bad = append(bad, le.Line)
				if le.File != path {
					t.Errorf("error names file %s, want %s", le.File, path)
				}
				return true
			}
			texts = append(texts, d.Text)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"one", "two"}, texts); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]int{2, 3, 5}, bad); d != "" {
			t.Error(d)
		}
	}
	long := filepath.Join(dir, "long.jsonl")
	if err := os.WriteFile(long, []byte(`{"text":"a"}`+"\n"+strings.Repeat("x", maxLine+1)+"\n\r\n"+`{"text":"b"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	got := ""
	if err := ReadFile(long, func(d Document, err error) bool {
		if err != nil {
			d.Text = fmt.Sprintf("(%v)", err)
		}
		got += d.Text
		return true
	}); err != nil || got != "a("+long+":2: the line has more than 16 MiB)b" {
		t.Errorf("a long line between two documents gives %q, %v", got, err)
	}
	cut := filepath.Join(dir, "cut.jsonl.zst")
	if err := os.WriteFile(cut, z.EncodeAll([]byte(strings.Repeat(lines, 100)), nil)[:40], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReadFile(cut, func(Document, error) bool { return true }); err == nil || !strings.Contains(err.Error(), cut) {
		t.Errorf("a truncated zstd file gives %v, want an error that names it", err)
	}
}

func TestReadTextIsWholeOrAnError(t *testing.T) {
	if b, err := ReadText(strings.NewReader("1234"), 4); err != nil || string(b) != "1234" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := ReadText(strings.NewReader("12345"), 4); err == nil {
		t.Error("a text of 5 bytes fits a limit of 4")
	}
}

func shard(source string, lengths ...int) *Shard {
	s := &Shard{Source: source, Vocab: 300}
	next := int32(10)
	for _, n := range lengths {
		var q Sequence
		for i := range n {
			q.add(i%3 == 2, next%300)
			next++
		}
		s.Append(q)
	}
	return s
}

func TestShardRoundTripAndDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.shard")
	want := shard("a", 5, 1, 17, 9)
	want.Append(Sequence{}) // is none
	want.Vocabulary = VocabularyHash(tokenizer.Spec{Tokens: []string{"a", "b"}, Merges: []string{"a b"}})
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadShard(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		c := append([]byte(nil), b...)
		c[i] ^= 0x10
		if _, err := parseShard(c); err == nil {
			t.Errorf("no error with byte %d changed", i)
		}
		if _, err := parseShard(b[:i]); err == nil {
			t.Errorf("no error with %d of %d bytes", i, len(b))
		}
	}
}

func TestVocabulariesOfOneSizeAreToldApart(t *testing.T) {
	hashes := map[string]bool{}
	for _, s := range []tokenizer.Spec{{Tokens: []string{"a", "b"}}, {Tokens: []string{"b", "a"}}, {Tokens: []string{"a", "b"}, Merges: []string{"a b"}}, {Tokens: []string{"a"}, Merges: []string{"b"}}} {
		hashes[VocabularyHash(s)] = true
	}
	if len(hashes) != 4 {
		t.Errorf("4 vocabularies have %d hashes", len(hashes))
	}
	s := shard("a", 5)
	for _, tc := range []struct {
		of, at string
		size   int
		fits   bool
	}{{"", "x", 300, true}, {"x", "", 300, true}, {"x", "x", 300, true}, {"x", "y", 300, false}, {"x", "x", 301, false}} {
		s.Vocabulary = tc.of
		if err := s.CheckVocabulary(tc.size, tc.at); (err == nil) != tc.fits {
			t.Errorf("vocabulary %q of 300 beside %q of %d: %v", tc.of, tc.at, tc.size, err)
		}
	}
}

func TestSumTellsSequencesApart(t *testing.T) {
	sums := map[uint32]bool{}
	for _, s := range []*Shard{shard("a", 5, 6), shard("a", 6, 5), shard("a", 5, 7)} {
		sums[s.Sum()] = true
	}
	reply := shard("a", 5, 6)
	reply.Reply[3] = !reply.Reply[3]
	sums[reply.Sum()] = true
	if len(sums) != 4 || shard("a", 5, 6).Sum() != shard("other", 5, 6).Sum() {
		t.Errorf("sums are %v", sums)
	}
}

func TestAnEmptySequenceIsRefused(t *testing.T) {
	s := shard("a", 5, 9)
	s.Start = append(s.Start, s.Start[2])
	path := filepath.Join(t.TempDir(), "a.shard")
	if err := s.Write(path); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadShard(path); err == nil || !strings.Contains(err.Error(), "sequence 2 is empty") {
		t.Errorf("an empty sequence gives %v", err)
	}
}

func FuzzParseShard(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a.shard")
	if err := shard("a", 5, 9).Write(path); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseShard(b); err == nil && s.Start[len(s.Start)-1] != len(s.Tokens) {
			t.Errorf("sequences end at %d of %d tokens", s.Start[len(s.Start)-1], len(s.Tokens))
		}
	})
}

func TestLoaderKeepsToTheMixAndToTheText(t *testing.T) {
	short, long := shard("short", 3, 4, 5, 6, 7, 8), shard("long", 40, 50, 60, 33)
	l, err := NewLoader([]*Shard{short, long}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetMix(Mix{Weights: map[string]float64{"short": 1, "long": 3}, PromptWeight: 0.5}); err != nil {
		t.Fatal(err)
	}
	follows := map[[2]int32]bool{}
	reply := map[[2]int32]bool{}
	for _, s := range []*Shard{short, long} {
		for i := range s.Sequences() {
			for j := s.Start[i]; j+1 < s.Start[i+1]; j++ {
				p := [2]int32{int32(s.Tokens[j]), int32(s.Tokens[j+1])}
				follows[p], reply[p] = true, reply[p] || s.Reply[j+1]
			}
		}
	}
	var b Batch
	n := 0.0
	given := map[string]float64{}
	for range 200 {
		l.Next(&b, 4, 32)
		for i, tok := range b.Tokens {
			given[l.Sources()[b.Sources[i]]]++
			if int(b.DocStart[i]) == i%32 { // and a document's last token, which is only a target
				given[l.Sources()[b.Sources[i]]]++
			}
			if b.Weights[i] == 0 {
				continue
			}
			p := [2]int32{tok, b.Targets[i]}
			if !follows[p] {
				t.Fatalf("target %d after token %d is in no document", b.Targets[i], tok)
			}
			if b.Weights[i] == 1 && !reply[p] {
				t.Fatalf("weight 1 for a token nobody replied")
			}
			if int(b.DocStart[i]) > i%32 {
				t.Fatalf("document of position %d starts at %d", i%32, b.DocStart[i])
			}
			n++
		}
	}
	if share := given["short"] / (given["short"] + given["long"]); math.Abs(share-0.25) > 0.02 {
		t.Errorf("short gives %.3f of the tokens, want 0.25", share)
	}
	if n < 0.95*200*4*32 {
		t.Errorf("only %g of %d positions are used", n, 200*4*32)
	}
}

func TestLoaderIsDeterministic(t *testing.T) {
	mk := func() *Loader {
		l, err := NewLoader([]*Shard{shard("a", 3, 9, 12, 4), shard("b", 30, 8)}, 5)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.SetMix(Mix{Weights: map[string]float64{"a": 1, "b": 1}}); err != nil {
			t.Fatal(err)
		}
		return l
	}
	l, m := mk(), mk()
	for range 50 {
		var a, b Batch
		l.Next(&a, 2, 16)
		m.Next(&b, 2, 16)
		if d := cmp.Diff(a, b); d != "" {
			t.Fatal(d)
		}
	}
}

func TestAnUnusedSourceChangesNoBatch(t *testing.T) {
	batches := func(shards ...*Shard) (out [][]int32) {
		l, err := NewLoader(shards, 5)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.SetMix(Mix{Weights: map[string]float64{"b": 1, "d": 2}}); err != nil {
			t.Fatal(err)
		}
		for range 50 {
			var b Batch
			l.Next(&b, 2, 16)
			out = append(out, b.Tokens)
		}
		return out
	}
	b, d := shard("b", 3, 9, 12, 4, 7, 8), shard("d", 30, 8, 5, 6, 7)
	if diff := cmp.Diff(batches(b, d), batches(shard("a", 3, 4, 5), b, shard("c", 6, 7), d)); diff != "" {
		t.Error(diff)
	}
}

func TestLoaderErrors(t *testing.T) {
	a := shard("a", 4)
	other := shard("b", 4)
	other.Vocab = 400
	if _, err := NewLoader([]*Shard{a, other}, 1); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("two vocabularies give %v", err)
	}
	l, err := NewLoader([]*Shard{a}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []Mix{{Weights: map[string]float64{"zz": 1}}, {Weights: map[string]float64{"a": 0}}, {Weights: map[string]float64{"a": -1}}} {
		if err := l.SetMix(m); err == nil {
			t.Errorf("mix %v is accepted", m)
		}
	}
}
