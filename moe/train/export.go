package train

import (
	"fmt"
	"slices"

	"moebot/moe/backprop"
	"moebot/moe/checkpoint"
	"moebot/moe/dataset"
	"moebot/moe/tokenizer"
)

// Weights loads the weights and the model's shape from a run's checkpoint: the
// averaged weights if the run kept an average. They must belong to the vocabulary vocab,
// as far as the run knows its own.
func Weights(path string, vocab tokenizer.Spec) (backprop.Config, []float32, error) {
	var st state
	vectors, err := checkpoint.Load(path, &st)
	if err != nil {
		return backprop.Config{}, nil, err
	}
	if hash := dataset.VocabularyHash(vocab); st.Vocabulary != "" && st.Vocabulary != hash {
		return backprop.Config{}, nil, fmt.Errorf("checkpoint %s: it was trained with another vocabulary (%s) than the one at hand (%s), which -m names", path, st.Vocabulary, hash)
	}
	total, _ := st.Config.Model.Parameters()
	if len(vectors) == 0 || vectors[0].Name != "weights" || len(vectors[0].Data) != total {
		return backprop.Config{}, nil, fmt.Errorf("checkpoint %s: its weights do not fit its model", path)
	}
	weights := vectors[0].Data
	for _, v := range vectors[1:] {
		switch {
		case v.Name == "ema" && len(v.Data) == total:
			weights = v.Data
		case v.Name == "router_bias" && slices.ContainsFunc(v.Data, func(b float32) bool { return b != 0 }):
			return backprop.Config{}, nil, fmt.Errorf("checkpoint %s: its experts are chosen with a bias (routing.bias_rate), which model files of architecture llama cannot hold", path)
		}
	}
	return st.Config.Model, weights, nil
}
