// What the laboratory's parts share: its side of the wire, and the small instruments they draw.
import { h } from "./dom.js";
import { get, post, stream } from "./api.js";

let about = null;

/** model is the shape of the model, asked for once. */
export async function model() {
  about ??= await get("api/lab/model");
  return about;
}

/** look uses one instrument on a text. */
export const look = (request) => post("api/lab/look", request);

/** replies answers both ways; line is called with each line of the stream. */
export async function replies(request, line, signal) {
  const response = await stream("api/lab/reply", request, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const text of lines) if (text) line(JSON.parse(text));
  }
}

/** sentence begins a text with a capital and ends it with a point: errors come as Go writes them. */
export const sentence = (text) => text ? text[0].toUpperCase() + text.slice(1) + (/[.!?。]$/.test(text) ? "" : ".") : "";

/** choose draws a labelled list of values: [value, text] pairs. */
export function choose(label, pairs, value, change) {
  const select = h("select", { class: "menu is-small", "aria-label": label, onchange: () => change(select.value) }, pairs.map(([v, text]) => h("option", { value: String(v) }, text)));
  select.value = String(value);
  return h("label", { class: "pick" }, h("span", null, label), select);
}

/** numbers are the pairs 0 to n-1 for choose. */
export const numbers = (n) => Array.from({ length: n }, (_, i) => [i, String(i)]);

/** slider draws a labelled slider with its value beside it. */
export function slider(label, { min, max, step, value }, change, write = (v) => String(v)) {
  const out = h("output", null, write(value));
  const input = h("input", { type: "range", min, max, step, value, "aria-label": label, "aria-valuetext": write(value), oninput: () => {
    const v = Number(input.value);
    out.textContent = write(v);
    input.setAttribute("aria-valuetext", write(v));
    change(v);
  } });
  return h("label", { class: "slide" }, h("span", { class: "slide-label" }, label), input, out);
}

/** chips draws tokens of which one is chosen; paint(i) may give { hue, light } to shade one, light from 0 to 1. */
export function chips(tokens, chosen, choose, paint = () => null) {
  const box = h("div", { class: "tokens", role: "group" });
  tokens.forEach((t, i) => {
    const p = paint(i);
    box.append(h("button", { class: p ? "token is-lit" : "token is-plain", type: "button", "aria-pressed": String(i === chosen), "aria-label": `${i}: ${t.text}${p?.label ? `, ${p.label}` : ""}`, title: p?.label, vars: p ? { "--hue": p.hue, "--light": p.light.toFixed(3) } : {}, onclick: () => choose(i) }, t.text));
  });
  box.addEventListener("keydown", (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    e.preventDefault();
    [...box.children][[...box.children].indexOf(document.activeElement) + step]?.focus();
  });
  return box;
}

/** problem draws what went wrong. */
export const problem = (text) => h("p", { class: "lab-problem", role: "alert" }, sentence(text));

/** later calls fn when nothing asked for it again for so many milliseconds, unless cancel is called before. */
export function later(fn, ms) {
  let timer = 0;
  const ask = () => { clearTimeout(timer); timer = setTimeout(fn, ms); };
  ask.cancel = () => clearTimeout(timer);
  return ask;
}
