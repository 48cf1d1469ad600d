// Interventions as a person turns them: what each is, its controls, and how it is written for the model.
import { h, icon } from "./dom.js";
import { w } from "./words.js";
import { choose, numbers, slider } from "./lab.js";

const OWN = "own";

/** fresh makes an intervention of a kind, one that changes something. */
export function fresh(kind, model) {
  const layer = Math.floor(model.layers / 2);
  if (kind === "direction") return { kind, mode: "adds", layer, name: model.directions[0], amount: 2 };
  if (kind === "expert") return { kind, mode: model.routed[layer] ? "forbid" : "scale", layer, index: 0, amount: 0 };
  if (kind === "head") return { kind, mode: "scale", layer, index: 0, amount: 0 };
  return { kind, mode: "scale", layer, index: 0, neuron: 0, amount: 5 };
}

/** written is an intervention as moe/model/steer reads it. */
export function written(e) {
  if (e.kind === "direction") return `${e.mode === "adds" ? "direction" : "component"}:${e.layer}.${e.name}=${e.amount}`;
  if (e.mode === "force" || e.mode === "forbid") return `${e.mode}:${e.layer}.${e.index}`;
  if (e.kind === "neuron") return `neuron:${e.layer}.${e.index}.${e.neuron}=${e.amount}`;
  return `${e.kind}:${e.layer}.${e.index}=${e.amount}`;
}

/** usesOwn says whether an intervention is along the person's own direction. */
export const usesOwn = (e) => e.kind === "direction" && e.name === OWN;

/**
 * card draws the controls of one intervention. changed() is called when its value changes, redraw() when the
 * controls themselves must, remove() when it is to go.
 */
export function card(e, model, { changed, redraw, remove }) {
  const set = (key, value, again = false) => { e[key] = value; (again ? redraw : changed)(); };
  const number = (key) => (v) => set(key, Number(v));
  const controls = [choose(w("layer"), numbers(model.layers), e.layer, (v) => { e.layer = Number(v); e.index = Math.min(e.index ?? 0, model.experts[e.layer] - 1); redraw(); })];
  if (e.kind === "direction") {
    controls.unshift(choose(w("direction"), [...model.directions.map((d) => [d, d]), [OWN, w("own")]], e.name, (v) => set("name", v, true)));
    controls.push(choose(w("effect"), [["adds", w("adds")], ["scales", w("scales")]], e.mode, (v) => { e.mode = v; e.amount = v === "adds" ? 2 : 0; redraw(); }));
  } else if (e.kind === "head") {
    controls.push(choose(w("head"), numbers(model.heads), e.index, number("index")));
  } else {
    controls.push(choose(w("expert"), numbers(model.experts[e.layer]), e.index, number("index")));
  }
  if (e.kind === "neuron") {
    controls.push(h("label", { class: "pick" }, h("span", null, w("neuron")), h("input", { class: "field is-number", type: "number", min: 0, max: model.neurons[e.layer] - 1, value: e.neuron, "aria-label": w("neuron"), onchange: (event) => set("neuron", Math.max(0, Math.min(model.neurons[e.layer] - 1, Math.round(Number(event.target.value) || 0)))) })));
  }
  if (e.kind === "expert") {
    const modes = [["scale", w("scale")], ...(model.routed[e.layer] ? [["force", w("force")], ["forbid", w("forbid")]] : [])];
    if (!modes.some(([m]) => m === e.mode)) e.mode = "scale";
    controls.push(choose(w("effect"), modes, e.mode, (v) => set("mode", v, true)));
  }
  const range = e.kind === "direction" && e.mode === "adds" ? { min: -8, max: 8, step: 0.25 } : e.kind === "neuron" ? { min: -20, max: 20, step: 0.5 } : { min: e.kind === "direction" ? -3 : 0, max: 4, step: 0.1 };
  const slides = e.mode === "force" || e.mode === "forbid" ? null
    : slider(w(e.mode === "adds" ? "amount" : "factor"), { ...range, value: e.amount }, number("amount"), (v) => e.mode === "adds" ? String(v) : `× ${v}`);
  return h("div", { class: "edit", role: "group", "aria-label": `${w(e.kind)} ${written(e)}` },
    h("div", { class: "edit-head" }, h("strong", null, w(e.kind)), h("code", { class: "edit-code" }, written(e)),
      h("button", { class: "icon-button", type: "button", "aria-label": `${w("remove")}: ${written(e)}`, title: w("remove"), onclick: remove }, icon("close", 16))),
    h("div", { class: "edit-picks" }, controls), slides);
}
