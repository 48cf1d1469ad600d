// Package kernel holds the hot loops of the network: matrix products, dot products,
// norms, activations, the optimizer's update, and the pool of goroutines that
// shares them out over the cores.
//
// All numbers are float32 and all matrices row-major. A matrix argument is a slice
// and the distance between the starts of its rows ("lda"), so a part of a larger
// matrix can be used in place. Mistakes in lengths panic with the numbers; nothing
// here returns an error. No function keeps its arguments. Unless a comment says
// otherwise, outputs must not overlap inputs except by being the same slice, and
// no function allocates once its pooled buffers are warm.
//
// Every kernel is written twice: in portable Go, and for amd64 with AVX2, FMA and
// F16C, the products with AVX-512 (and its BF16) besides, in assembly made by the avo
// program in _asm ("cd _asm && go run ." writes the files *_amd64.s and stubs_amd64.go
// anew); what the matrix unit (AMX) does is written by hand, since avo does not know it.
// The processor is asked once, at start; the build tag purego leaves the assembly out. The
// two agree within rounding, not bit for bit.
//
// All functions are safe for concurrent use on different outputs. Parallel work is
// split by rows or columns of the result and each element is summed in an order
// that depends only on the sizes, so results do not depend on the number of workers.
package kernel
