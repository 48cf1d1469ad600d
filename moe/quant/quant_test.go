package quant

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"moebot/moe/gguf"
	"moebot/moe/tensor"
)

func file(t *testing.T) *gguf.File {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	make1 := func(name string, shape ...int) tensor.Tensor {
		x := tensor.Tensor{Name: name, Type: tensor.F32, Shape: shape}
		v := make([]float32, x.Len())
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		x.Data = make([]byte, 4*len(v))
		tensor.Quantize(x.Data, tensor.F32, v)
		return x
	}
	var b bytes.Buffer
	err := gguf.Write(&b, []gguf.KV{{Key: "general.architecture", Value: "llama"}}, []tensor.Tensor{
		make1("token_embd.weight", 10, 256), make1("blk.0.attn_norm.weight", 256), make1("blk.0.attn_q.weight", 64, 256),
		make1("blk.1.attn_q.weight", 64, 256), make1("blk.0.ffn_gate_inp.weight", 4, 256), make1("blk.0.ffn_down_exps.weight", 4, 8, 96), make1("blk.0.odd.weight", 3, 33),
		make1("blk.0.ffn_gate_exps.bias", 4, 256)})
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPlan(t *testing.T) {
	f := file(t)
	out, report, err := Tensors(f, Plan{Type: tensor.Q4_K, Rules: []Rule{{"token_embd.*", tensor.Q6_K}, {"blk.1.*", tensor.F16}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []tensor.Type{tensor.Q6_K, tensor.F32, tensor.Q4_K, tensor.F16, tensor.F32, tensor.Q5_0, tensor.F16, tensor.F32}
	for i, x := range out {
		if x.Type != want[i] || len(x.Data) != want[i].Bytes(x.Len()) || x.Name != f.Names()[i] {
			t.Errorf("%s has type %v in %d bytes, want %v", x.Name, x.Type, len(x.Data), want[i])
		}
		// the errors reported are those of the bytes
		before, _ := f.Tensor(x.Name)
		a, b := before.Float32(), x.Float32()
		sum := 0.0
		for j := range a {
			sum += float64(a[j]-b[j]) * float64(a[j]-b[j])
		}
		if math.Abs(sum-report[i].Error) > 1e-9*(1+sum) {
			t.Errorf("%s: error %g reported, is %g", x.Name, report[i].Error, sum)
		}
	}
	var b strings.Builder
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"blk.*.attn_q.weight", "Q4_K", "4.50", "all", "163212 bytes of tensors → ", "1 tensors are F16, since their rows are no whole blocks of Q4_K", "1 tensors are Q5_0, since"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b.String())
		}
	}
}

// Rows that a type does not fit get the one that llama-quantize takes for it, and no
// tensor grows but by a rule or by being unpacked.
func TestTypeOf(t *testing.T) {
	ruled := func(typ tensor.Type) Plan { return Plan{Type: tensor.Q4_0, Rules: []Rule{{"*", typ}}} }
	for _, tc := range []struct {
		plan Plan
		from tensor.Type
		cols int
		want tensor.Type
	}{
		{Plan{Type: tensor.Q4_K}, tensor.F32, 256, tensor.Q4_K},
		{Plan{Type: tensor.Q4_K}, tensor.F32, 96, tensor.Q5_0},
		{Plan{Type: tensor.Q5_K}, tensor.F32, 96, tensor.Q5_1},
		{Plan{Type: tensor.Q6_K}, tensor.F32, 96, tensor.Q8_0},
		{Plan{Type: tensor.Q4_0}, tensor.F32, 33, tensor.F16},
		{Plan{Type: tensor.Q6_K}, tensor.F16, 33, tensor.F16},
		{Plan{Type: tensor.Q4_K}, tensor.Q5_1, 96, tensor.Q5_0},
		{Plan{Type: tensor.Q4_K}, tensor.Q4_1, 96, tensor.Q4_1},
		{Plan{Type: tensor.Q6_K}, tensor.Q5_1, 96, tensor.Q5_1},
		{Plan{Type: tensor.Q6_K}, tensor.Q5_1, 256, tensor.Q5_1},
		{Plan{Type: tensor.Q8_0}, tensor.IQ4_NL, 64, tensor.IQ4_NL},
		{Plan{Type: tensor.F32}, tensor.Q8_0, 64, tensor.F32},
		{Plan{Type: tensor.F16}, tensor.Q8_0, 64, tensor.F16},
		{ruled(tensor.Q8_0), tensor.Q5_1, 96, tensor.Q8_0},
		{ruled(tensor.Q6_K), tensor.Q5_1, 96, tensor.Q5_1},
	} {
		x := tensor.Tensor{Name: "blk.0.attn_q.weight", Type: tc.from, Shape: []int{2, tc.cols}}
		if got := tc.plan.TypeOf(x); got != tc.want {
			t.Errorf("%+v of %v in rows of %d: %v, want %v", tc.plan, tc.from, tc.cols, got, tc.want)
		}
	}
}

func TestBadPlans(t *testing.T) {
	f := file(t)
	for _, tc := range []struct {
		p    Plan
		want string
	}{{Plan{Type: tensor.IQ4_NL}, "IQ4_NL"}, {Plan{Type: tensor.Q8_0, Rules: []Rule{{"[", tensor.F16}}}, `"["`},
		{Plan{Type: tensor.Q8_0, Rules: []Rule{{"blk.7.*", tensor.F16}}}, `"blk.7.*" matches no matrix`}, {Plan{Type: tensor.Q8_0, Rules: []Rule{{"*.ffn_gate_inp.weight", tensor.F16}}}, "matches no matrix"},
		{Plan{Type: tensor.Q8_0, Rules: []Rule{{"*.bias", tensor.F16}}}, `"*.bias" matches no matrix`}} {
		if _, _, err := Tensors(f, tc.p); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want one about %s", tc.p, err, tc.want)
		}
	}
}
