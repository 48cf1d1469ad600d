// Pictures of what a model did: the detail of a token, and the load of every expert in every layer. Layers and experts
// are counted from 0, as in model files and in /stats.
import { h } from "./dom.js";
import { w } from "./words.js";

/** hue spreads the experts over the circle of colours, in degrees; neighbours differ well. */
export const hue = (expert, experts) => (200 + expert * 360 * (experts > 5 ? Math.round(experts * 0.38) : 1) / Math.max(experts, 1)) % 360;

/** percent writes a probability in [0, 1] for people. */
export function percent(p) {
  if (p >= 0.9995) return "100 %";
  if (p >= 0.0995) return `${Math.round(p * 100)} %`;
  return p >= 0.001 ? `${(p * 100).toFixed(1)} %` : "< 0.1 %";
}

/** shown makes the blanks of a token visible. */
export function shown(text) {
  if (text === "") return "∅";
  return text.replace(/\n/g, "⏎").replace(/\t/g, "⇥").replace(/^ | $/g, "·").replace(/[\u0000-\u001f\u007f]/g, "�");
}

/** detail draws one token: its chance, what else might have come, and its experts layer by layer. */
export function detail(trace, t, i) {
  const rows = (t.alternatives ?? []).map((a) => ({ ...a, taken: a.text === t.text && Math.abs(a.prob - t.prob) < 1e-3 }));
  if (!rows.some((r) => r.taken)) rows.push({ text: t.text, prob: t.prob, taken: true });
  rows.sort((a, b) => b.prob - a.prob);
  const rank = rows.findIndex((r) => r.taken);
  const before = trace.tokens.slice(Math.max(0, i - 6), i).map((x) => x.text).join("");
  return [
    h("div", { class: "detail-head" },
      h("p", { class: "detail-context" }, h("span", { class: "detail-before" }, before ? `…${before}` : ""), h("mark", null, shown(t.text))),
      h("p", { class: "detail-chance" }, h("strong", null, percent(t.prob)), h("span", null, rank === 0 ? w("likeliest") : w(rank === rows.length - 1 && rank >= (t.alternatives ?? []).length ? "choiceOrLater" : "choice", rank + 1)))),
    bars(w("might"), rows.map((r) => ({ text: r.text, share: r.prob, number: r.taken ? [percent(r.prob), h("span", { class: "sr-only" }, w("taken"))] : null, taken: r.taken }))),
    t.experts?.length ? h("div", { class: "gates" }, h("h3", null, w("atWork")), gates(t.experts, trace.experts)) : null,
  ].filter(Boolean);
}

/** bars draws a list of texts with a share of a bar each: { text, share, number, taken }. */
export function bars(label, rows) {
  return h("ul", { class: "bars", "aria-label": label }, rows.map((r) => h("li", { class: r.taken ? "bar-row is-taken" : "bar-row" },
    h("span", { class: "bar-text", title: r.text }, shown(r.text)),
    h("span", { class: "bar-track", "aria-hidden": "true" }, h("span", { class: "bar-fill", vars: { "--share": Math.max(0, Math.min(1, r.share)).toFixed(4) } })),
    h("span", { class: "bar-number" }, r.number ?? percent(r.share)))));
}

/** gates draws the experts of one token, a row of { expert, gate } for each layer; most is how many experts a layer has. */
export const gates = (layers, most) => h("ol", { class: "gate-list" }, layers.map((layer, n) => h("li", { class: "gate-row" },
  h("span", { class: "gate-layer" }, `${w("layer")} ${n}`),
  h("span", { class: "gate-bar" }, layer.map((c) => h("span", { class: "gate", vars: { "--hue": hue(c.expert, most), "--share": c.gate.toFixed(4) }, title: `${w("expert")} ${c.expert}: ${c.gate.toFixed(3)}` },
    h("span", { class: "gate-name" }, `E${c.expert}`), h("span", { class: "gate-weight" }, c.gate.toFixed(2))))))));

/**
 * loadTable draws the share of the reply's tokens that went to each expert, a row for each layer.
 * pressed(layer, expert) is called when a cell is chosen.
 */
export function loadTable(trace, pressed) {
  const counts = Array.from({ length: trace.layers }, () => new Array(trace.experts).fill(0));
  for (const t of trace.tokens) t.experts?.forEach((layer, n) => layer.forEach((c) => { if (counts[n]?.[c.expert] !== undefined) counts[n][c.expert]++; }));
  const n = trace.tokens.length;
  const top = Math.max(...counts.flat(), 1);
  const per = trace.tokens[0]?.experts?.[0]?.length ?? 2;
  return h("section", { class: "load" },
    h("h3", null, w("load")),
    h("p", { class: "hint" }, w("loadHint", n, per, percent(per / trace.experts))),
    h("div", { class: "load-wrap", tabindex: "0", role: "group", "aria-label": w("loadTable") }, h("table", { class: "load-table" },
      h("thead", null, h("tr", null, h("th", { scope: "col" }, h("span", { class: "sr-only" }, w("layer"))), Array.from({ length: trace.experts }, (_, e) => h("th", { scope: "col", vars: { "--hue": hue(e, trace.experts) } }, `E${e}`)))),
      h("tbody", null, counts.map((row, layer) => h("tr", null, h("th", { scope: "row" }, `L${layer}`), row.map((count, expert) => h("td", null, h("button", {
        class: "load-cell", type: "button", dataset: { layer, expert }, "aria-pressed": "false",
        vars: { "--hue": hue(expert, trace.experts), "--share": (count / top).toFixed(3) },
        title: `${w("cell", layer, expert, count, n)} (${percent(count / n)})`,
        "aria-label": w("cell", layer, expert, count, n),
        onclick: () => pressed(layer, expert),
      }, trace.experts <= 10 ? String(count) : ""))))))))); 
}
