package discord

import (
	"bytes"
	"image/png"
	"os"
	"testing"
)

func TestLoadPicture(t *testing.T) {
	b, err := loadPicture([][]int64{{5, 1, 9, 3, 7, 7, 2, 6}, {1, 1, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, 0, 0, 0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if s := img.Bounds().Size(); s.X < 300 || s.Y < 150 {
		t.Errorf("the picture is %v", s)
	}
	if path := os.Getenv("MOEBOT_PICTURE"); path != "" { // to look at it
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
