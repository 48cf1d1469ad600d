// Package moe is only this map of the model side: a mixture-of-experts transformer
// that is trained and run in Go. Imports point down, from the last layer to the first.
//
// Numbers and text:
//   - tensor: how numbers lie in memory, quantised blocks
//   - tokenizer: text to tokens and back; bpetrain learns a vocabulary
//   - sample: logits to one token
//   - linear: tells texts of one kind from others, without a model
//   - defaultmodel: the embedded model and its card
//
// Computing and files:
//   - kernel: the hot loops, AVX2, AVX-512 and plain Go, and the pool of workers
//   - kvcache: keys and values of one sequence
//   - gguf: model files; checkpoint: the state of a training
//   - optim: AdamW, Muon, schedules
//
// The network and its text:
//   - model: the network as it answers, of several architectures
//     model/steer changes what it does inside while it works
//   - prompt: conversations to tokens; jinja runs the templates of foreign models
//   - dataset: a corpus to batches; phrasebook writes conversations from a grammar
//
// Uses:
//   - engine: many requests on one model; interp: what its parts do; quant: smaller weights
//   - backprop: the network as it is trained, forward and backward
//   - eval: its loss beside counting models, minimal pairs, variety of replies
//   - train: the loop, its log, LoRA, export and import; chart draws it, watch shows it
//     on a page, compare trains variants of a recipe against each other
//
// cmd/moe is the workshop that joins them. The way of one token through an answer:
// engine/step.go, model/model.go (embedding, attention, router, experts),
// sample/sampler.go, tokenizer/decode.go. Through a training step: dataset/loader.go,
// backprop/network.go, optim/optim.go, checkpoint.
package moe
