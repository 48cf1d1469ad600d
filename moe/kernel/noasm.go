package kernel

func pause() {}
