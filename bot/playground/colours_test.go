package playground_test

import "testing"

func testColours(t *testing.T, w *world, p *tab) {
	p.say("colours")
	p.waitText(".message .text", "flour")
	seen := map[string]bool{}
	for range 3 {
		theme := eval[string](p, `document.documentElement.dataset.theme ?? "auto"`)
		seen[theme] = true
		p.wait(`document.querySelector(".tokens")`)
		p.shot(theme)
		// Text stands out from its ground by the ratio that WCAG asks for.
		for _, weak := range eval[[]string](p, contrast) {
			t.Errorf("%s: %s", theme, weak)
		}
		p.click("#theme")
	}
	if len(seen) != 3 {
		t.Errorf("themes seen: %v", seen)
	}
}

// contrast lists texts whose colour is less than 4.5:1 from the nearest painted ground (3:1 for large text).
const contrast = `(() => {
  const canvas = document.createElement("canvas"); canvas.width = canvas.height = 1;
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const over = (colours) => { paint.fillStyle = "#fff"; paint.fillRect(0, 0, 1, 1); for (const c of colours) { paint.fillStyle = c; paint.fillRect(0, 0, 1, 1); } return [...paint.getImageData(0, 0, 1, 1).data]; };
  const light = (p) => { const [r, g, b] = p.slice(0, 3).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const bad = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const el = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !el.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || el.closest(".sr-only, [hidden], :disabled, .spoiler, .skip, .is-dim")) continue;
    const style = getComputedStyle(el);
    const grounds = [];
    for (let e = el; e; e = e.parentElement) grounds.unshift(getComputedStyle(e).backgroundColor);
    const ground = over(grounds), ink = over([...grounds, style.color]);
    const [a, b] = [light(ground), light(ink)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.6 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) bad.add(el.className + " “" + walk.currentNode.data.trim().slice(0, 30) + "” " + ratio.toFixed(2));
  }
  return [...bad];
})()`
