package train

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"moebot/moe/backprop"
	"moebot/moe/dataset"
	"moebot/moe/kernel"
	"moebot/moe/optim"
)

// reference is testdata/reference.json, see testdata/reference.py.
type reference struct {
	Rows, Length, Micro, Steps  int
	LR, Clip, Beta1, Beta2, Eps float64
	WeightDecay                 float64 `json:"weight_decay"`
	LoadBalance                 float64 `json:"load_balance"`
	RouterZ                     float64 `json:"router_z"`
	RopeBase                    float64 `json:"rope_base"`
	NormEps                     float64 `json:"norm_eps"`
	Cases                       []referenceCase
}

type referenceCase struct {
	Name    string
	Model   backprop.Config
	Float64 struct {
		Loss, Norm, Balance []float64
		RouterZ             []float64 `json:"router_z"`
	}
	Drift map[string]float64 `json:"float32_differs_by"`
}

// lcg is the generator that reference.py draws from.
type lcg uint32

func (g *lcg) next() uint32 {
	*g = *g*1664525 + 1013904223
	return uint32(*g)
}

func (g *lcg) draw(n int) int { return int(g.next()>>16) % n }
func (g *lcg) unit() float64  { return float64(g.next())/(1<<32) - 0.5 }

func referenceWeights(c backprop.Config) []float32 {
	total, _ := c.Parameters()
	w := make([]float32, 0, total)
	g := lcg(1)
	for _, p := range backprop.Params(c) {
		for range p.Len {
			switch p.Kind {
			case backprop.Gain:
				w = append(w, float32(1+0.2*g.unit()))
			case backprop.Embedding:
				w = append(w, float32(0.5*g.unit()))
			default:
				w = append(w, float32(2/math.Sqrt(float64(p.Shape[len(p.Shape)-1]))*g.unit()))
			}
		}
	}
	return w
}

func (r reference) batch(g *lcg, vocab int) *dataset.Batch {
	n := r.Rows * r.Length
	b := &dataset.Batch{Rows: r.Rows, Len: r.Length, DocStart: make([]int32, n)}
	for range n {
		b.Tokens = append(b.Tokens, int32(g.draw(vocab)))
	}
	for range n {
		b.Targets = append(b.Targets, int32(g.draw(vocab)))
	}
	for range n {
		b.Weights = append(b.Weights, []float32{1, 1, 0.25, 0}[g.draw(4)])
	}
	for i := r.Length / 2; i < r.Length; i++ {
		b.DocStart[i] = int32(r.Length / 2)
	}
	return b
}

// Ten steps from fixed weights on fixed data have PyTorch's losses and norms. The
// figures depend on every gradient: an error in one shows in the steps after.
func TestTenStepsEqualPyTorch(t *testing.T) {
	raw, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Cases) < 3 {
		t.Fatalf("%d cases, want 3", len(r.Cases))
	}
	for _, tc := range r.Cases {
		t.Run(tc.Name, func(t *testing.T) {
			c := tc.Model
			c.Context, c.RopeBase, c.NormEps = r.Length, r.RopeBase, r.NormEps
			pool := kernel.NewPool(2)
			defer pool.Close()
			net, err := backprop.New(c, referenceWeights(c), pool)
			if err != nil {
				t.Fatal(err)
			}
			net.Grads = make([]float32, len(net.Weights))
			recipe := Config{Model: c, Optim: optim.Options{Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.Eps, WeightDecay: r.WeightDecay}}
			opt := optim.New(len(net.Weights), recipe.Groups(), recipe.Optim, pool)
			g := lcg(2)
			worst := map[string]float64{} // relative
			for step := range r.Steps {
				var micro []*dataset.Batch
				weight := 0.0
				for range r.Micro {
					b := r.batch(&g, c.Vocab)
					micro = append(micro, b)
					for _, w := range b.Weights {
						weight += float64(w)
					}
				}
				clear(net.Grads)
				var loss, balance, z float64
				for _, b := range micro {
					s := net.Backward(b, backprop.Losses{LoadBalance: r.LoadBalance, RouterZ: r.RouterZ}, 1/weight, 1/float64(r.Micro))
					loss, balance, z = loss+s.Loss/weight, balance+s.LoadBalance/float64(r.Micro), z+s.RouterZ/float64(r.Micro)
				}
				norm := optim.Norm(net.Grads, pool)
				opt.Update(net.Weights, net.Grads, r.LR, optim.ClipScale(norm, r.Clip))
				// PyTorch's own float32 run drifts by about 3e-7 in these ten steps
				for _, v := range []struct {
					name      string
					got, want float64
				}{
					{"loss", loss, tc.Float64.Loss[step]}, {"gradient norm", norm, tc.Float64.Norm[step]},
					{"load-balancing loss", balance, tc.Float64.Balance[step]}, {"router z-loss", z, tc.Float64.RouterZ[step]},
				} {
					worst[v.name] = max(worst[v.name], math.Abs(v.got-v.want)/max(v.want, 1e-9))
					if !(math.Abs(v.got-v.want) <= 5e-6*max(1, v.want)) {
						t.Errorf("step %d: %s is %.8f, PyTorch's %.8f", step+1, v.name, v.got, v.want)
					}
				}
			}
			t.Logf("largest relative differences in %d steps: %v", r.Steps, worst)
		})
	}
}
