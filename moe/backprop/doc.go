// Package backprop is the network as it is trained: the forward pass and, file
// by file beside it, its backward pass, written by hand.
//
// A step of a layer is a pair of functions: xForward computes the layer's output
// and keeps what the backward needs, xBackward takes the gradient of the loss
// with respect to the output (dy), adds the gradients of the weights into the
// gradient vector and yields the gradient with respect to the input (dx).
//
// Letters, as in the literature: N tokens of a micro-batch (rows × row length),
// D width of the residual stream, H heads, F hidden width of an expert, E experts,
// K experts per token, V vocabulary. All tensors are float32 and row-major; dx is
// the gradient of the loss with respect to x.
//
// The network is a decoder of the Mixtral kind (Jiang et al. 2024, arXiv
// 2401.04088): RMSNorm (Zhang and Sennrich 2019, arXiv 1910.07467), grouped-query
// attention (Ainslie et al. 2023, arXiv 2305.13245) with rotary positions on
// neighbouring pairs (Su et al. 2021, arXiv 2104.09864), SwiGLU experts (Shazeer
// 2020, arXiv 2002.05202), top-k routing with renormalised gate weights, no token
// dropped.
//
// A Network is for one goroutine; it uses the cores through its kernel.Pool.
// Results do not depend on the number of workers.
package backprop
