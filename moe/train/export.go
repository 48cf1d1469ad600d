package train

import (
	"fmt"

	"moebot/moe/backprop"
	"moebot/moe/checkpoint"
)

// Weights loads the weights and the model's shape from a run's checkpoint.
func Weights(path string) (backprop.Config, []float32, error) {
	var st state
	vectors, err := checkpoint.Load(path, &st)
	if err != nil {
		return backprop.Config{}, nil, err
	}
	total, _ := st.Config.Model.Parameters()
	if len(vectors) == 0 || vectors[0].Name != "weights" || len(vectors[0].Data) != total {
		return backprop.Config{}, nil, fmt.Errorf("checkpoint %s: its weights do not fit its model", path)
	}
	return st.Config.Model, vectors[0].Data, nil
}
