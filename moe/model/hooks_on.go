//go:build !nohooks

package model

// hooks says that the pass calls a Scratch's Hook.
const hooks = true
