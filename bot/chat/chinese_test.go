package chat

import "testing"

func TestNoticesInChinese(t *testing.T) {
	seen := map[string]bool{}
	for _, notice := range []string{sayAway, sayFailed, sayBusy, sayTimeout, sayNothing, sayStopped, stopped, sayForgotten, sayNoMore, Full} {
		zh := InChinese(notice)
		if zh == "" || seen[zh] {
			t.Errorf("%q is %q in Chinese", notice, zh)
		}
		seen[zh] = true
	}
	if got := InChinese("an answer"); got != "" {
		t.Errorf("an answer is taken for the notice %q", got)
	}
}
