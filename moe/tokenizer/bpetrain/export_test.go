package bpetrain

// Cut lets the tests choose the size of pieces.
var Cut = cut
