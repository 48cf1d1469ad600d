//go:build nohooks

package model

// hooks says that the pass calls no Scratch's Hook.
const hooks = false
