package interp

import "fmt"

// Report says how alike the layers are.
func (v *Similarity) Report() Report {
	t := Table{Name: "layers", Header: []string{"layer", "other", "cka", "cka_null", "rsa", "rsa_null"}}
	for i, a := range v.Rows {
		for j, b := range v.Columns {
			t.add(a, b, v.CKA[i][j], v.CKANull[i][j], v.RSA[i][j], v.RSANull[i][j])
		}
	}
	inputs := Table{Name: "inputs", Header: []string{"layer", "apart", "null_max", "p"}}
	apart, null := line{name: "one topic less two"}, line{name: "largest with topics shuffled", dashed: true}
	for i, x := range v.Inputs {
		inputs.add(x.Layer, x.Apart, x.Null, x.P)
		apart.x, apart.y = append(apart.x, float64(i)), append(apart.y, x.Apart)
		null.x, null.y = append(null.x, float64(i)), append(null.y, x.Null)
	}
	last, lastColumn := len(v.Rows)-1, len(v.Columns)-1
	between := "the layers of the model"
	said := fmt.Sprintf("first and last have CKA %.2f and RSA %.2f", v.CKA[0][last], v.RSA[0][last])
	if v.two {
		between = "the layers of the two models"
		said = fmt.Sprintf("the embeddings have CKA %.2f and RSA %.2f, the last layers %.2f and %.2f", v.CKA[0][0], v.RSA[0][0], v.CKA[last][lastColumn], v.RSA[last][lastColumn])
	} else {
		least := 1.0
		for i := range last {
			least = min(least, v.CKA[i][i+1])
		}
		said += fmt.Sprintf(", neighbours CKA %.2f at least", least)
	}
	r := Report{
		Finding: fmt.Sprintf("Over %d places, of %s %s; with places shuffled CKA is %.2f and RSA %.2f at most.", v.Places, between, said, most(v.CKANull), most(v.RSANull)),
		Tables:  []Table{t}, Figures: []Figure{heat("Linear CKA", "", "", v.CKA, v.Columns, v.Rows), heat("RSA", "", "", v.RSA, v.Columns, v.Rows)}}
	if len(v.Inputs) > 0 {
		r.Tables = append(r.Tables, inputs)
		r.Figures = append(r.Figures, lines("How far sequences of one topic are nearer than those of two", "layers computed", "difference of mean cosine", apart, null))
		x := v.Inputs[last]
		r.Finding += fmt.Sprintf(" Sequences of one topic are nearer by %.3f in the last layer (largest of shuffled topics %.3f, p = %.3f).", x.Apart, x.Null, x.P)
	}
	return r
}
