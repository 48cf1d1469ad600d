package dataset

// Batch is one micro-batch: Rows sequences of Len tokens, laid one after another.
// All slices have Rows·Len elements.
type Batch struct {
	Rows, Len int
	Tokens    []int32   // inputs
	Targets   []int32   // the token that follows each input
	Weights   []float32 // of each target in the loss; 0 means none
	DocStart  []int32   // first position, in its row, of the document a token is in; attention stays inside
	Sources   []int32   // of each token, an index of Loader.Sources; nil if nobody keeps them apart
}
