//go:build !purego && !linux

package kernel

// haveAMX is false: how to ask for the matrix unit is known for Linux alone.
func haveAMX() bool { return false }
