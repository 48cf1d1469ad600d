// The tab "Interventions": edits of the model as sliders, and the channel's conversation answered with and without
// them, side by side, token by token.
import { $, h, icon } from "./dom.js";
import { state, on, channel, me, user } from "./store.js";
import { interact } from "./api.js";
import { toast } from "./toast.js";
import { w, lang } from "./words.js";
import { detail, percent } from "./experts.js";
import { choose, later, model, problem, replies, sentence, slider } from "./lab.js";
import { card, fresh, usesOwn, written } from "./edits.js";

const settings = { text: "", temperature: 0.7, tokens: 60, seed: 1, live: true, with: "", without: "" };
const edits = [];
let sides = [[], []]; // the tokens of both replies
let chosen = null;    // { side, i }
let trouble = "";
let running = null;   // the AbortController of the request in progress
let shape = null;     // of the model
let asked = false;    // something was answered already, so that changes may ask again

on("language", () => { if (!$("steer").hidden) open(); });
on("chosen", () => { stop(); sides = [[], []]; chosen = null; asked = false; if (!$("steer").hidden) open(); });

/** open draws the tab. */
export async function open() {
  try {
    shape ??= await model();
  } catch (error) {
    $("steer").replaceChildren(problem(error.message));
    return;
  }
  draw();
}

const again = later(() => { if (settings.live && (asked || edits.length)) run(); }, 350);

function draw() {
  $("steer").lang = lang();
  const where = channel()?.kind === "dm" ? "DM" : `#${channel()?.name ?? ""}`;
  const entry = h("input", { id: "steer-text", class: "field", type: "text", value: settings.text, maxlength: 2000, placeholder: w("sayHint"), autocomplete: "off",
    oninput: () => { settings.text = entry.value; again(); },
    onkeydown: (e) => { if (e.key === "Enter" && !e.isComposing) { e.preventDefault(); run(); } } });
  const live = h("input", { type: "checkbox", onchange: () => { settings.live = live.checked; } });
  live.checked = settings.live;
  $("steer").replaceChildren(h("div", { class: "lab-scroll" },
    h("div", { class: "lab-top" }, h("label", { class: "lab-title", for: "steer-text" }, w("say", where))),
    entry,
    h("div", { class: "edits", id: "edits" }),
    h("div", { class: "lab-row" }, ["direction", "expert", "head", "neuron"].map((kind) =>
      h("button", { class: "button is-small", type: "button", dataset: { add: kind }, onclick: () => { edits.push(fresh(kind, shape)); drawEdits(); again(); } }, icon("plus", 14), w(kind)))),
    h("details", { class: "lab-more" }, h("summary", null, `${w("temperature")}, ${w("length")}, ${w("seed")}`),
      slider(w("temperature"), { min: 0, max: 1.5, step: 0.05, value: settings.temperature }, (v) => { settings.temperature = v; again(); }),
      slider(w("length"), { min: 5, max: 200, step: 5, value: settings.tokens }, (v) => { settings.tokens = v; again(); }),
      slider(w("seed"), { min: 1, max: 50, step: 1, value: settings.seed }, (v) => { settings.seed = v; again(); })),
    h("div", { class: "lab-row" },
      h("button", { id: "steer-run", class: "button is-primary", type: "button", onclick: run }, w("run")),
      h("label", { class: "check" }, live, w("live"))),
    h("div", { id: "steer-trouble", "aria-live": "polite" }),
    h("div", { class: "sides" }, [0, 1].map((side) => h("section", { class: "side", "aria-labelledby": `side-${side}-name` },
      h("h3", { id: `side-${side}-name` }, w(side ? "edited" : "plain")),
      h("div", { class: "tokens side-tokens", id: `side-${side}`, role: "group", "aria-labelledby": `side-${side}-name` }),
      h("p", { class: "small", id: `side-${side}-note` })))),
    h("p", { class: "small", id: "sides-note", role: "status" }),
    h("div", { id: "steer-detail", class: "detail is-card", role: "region", "aria-label": "Token", "aria-live": "polite", hidden: true }),
    h("div", { class: "lab-row" },
      h("button", { id: "steer-keep", class: "button is-small", type: "button", onclick: () => keep(edits.map(written)) }, w("keep")),
      h("button", { id: "steer-clear", class: "button is-small", type: "button", onclick: () => keep([]) }, w("clear")),
      h("span", { class: "small" }, w("keepHint")))));
  drawEdits();
  drawSides();
}

// drawEdits keeps the focus where it is, on the control of the same name.
function drawEdits() {
  const box = $("edits");
  const held = document.activeElement;
  const at = [...box.children].findIndex((el) => el.contains(held));
  const parts = edits.map((e, i) => card(e, shape, {
    changed: () => { box.children[i]?.querySelector(".edit-code")?.replaceChildren(written(e)); again(); },
    redraw: () => { drawEdits(); again(); },
    remove: () => { edits.splice(i, 1); drawEdits(); again(); $("steer").querySelector("[data-add]").focus(); },
  }));
  if (!edits.length) parts.push(h("p", { class: "hint" }, w("none")));
  if (edits.some(usesOwn)) {
    for (const key of ["with", "without"]) {
      const area = h("textarea", { class: "field", rows: 3, maxlength: 8000, oninput: () => { settings[key] = area.value; again(); } });
      area.value = settings[key];
      parts.push(h("label", { class: "own" }, h("span", { class: "small" }, w(key)), area));
    }
  }
  box.replaceChildren(...parts);
  if (at >= 0) [...box.children[at]?.querySelectorAll("[aria-label]") ?? []].find((el) => el.getAttribute("aria-label") === held.getAttribute("aria-label"))?.focus();
}

const lines = (text) => text.split("\n").map((l) => l.trim()).filter(Boolean);

function stop() {
  running?.abort();
  running = null;
}

async function run() {
  again.cancel(); // what was typed a moment ago is in this one
  stop();
  const mine = running = new AbortController();
  asked = true;
  sides = [[], []];
  chosen = null;
  trouble = "";
  drawSides();
  $("sides-note").textContent = w("waiting");
  const own = edits.some(usesOwn) ? { with: lines(settings.with), without: lines(settings.without) } : {};
  try {
    await replies({ channel: state.channel, as: me().name, text: settings.text.trim(), edits: edits.map(written), tokens: settings.tokens, temperature: settings.temperature, seed: settings.seed, ...own }, (line) => {
      if (mine !== running) return;
      if (line.error) trouble = line.error;
      if (line.token) { sides[line.side].push(line.token); chip(line.side, sides[line.side].length - 1); }
    }, mine.signal);
  } catch (error) {
    if (mine.signal.aborted) return;
    trouble = error.message;
  }
  if (mine !== running) return;
  running = null;
  drawSides();
}

const bits = (t) => -Math.log2(Math.max(t.prob, 1e-9));

// The first token at which the replies differ; the shorter one's end counts.
function parting() {
  const [a, b] = sides;
  let i = 0;
  while (i < a.length && i < b.length && a[i].text === b[i].text) i++;
  return i === a.length && i === b.length ? -1 : i;
}

function chip(side, i) {
  const box = $(`side-${side}`);
  if (!box) return;
  const t = sides[side][i];
  const at = parting();
  box.append(h("button", { class: at >= 0 && i >= at ? "token is-new" : "token", type: "button", tabindex: i === 0 ? "0" : "-1", dataset: { i }, "aria-label": `${t.text}, ${percent(t.prob)}`,
    vars: { "--hue": 20 + 150 * Math.sqrt(t.prob) }, onclick: () => select(side, i) }, t.text.replace(/\n/g, "⏎") || "∅"));
}

function select(side, i) {
  chosen = { side, i };
  for (const s of [0, 1]) for (const el of $(`side-${s}`).children) el.classList.toggle("is-selected", s === side && Number(el.dataset.i) === i);
  const t = sides[side][i];
  const box = $("steer-detail");
  box.hidden = !t;
  if (t) box.replaceChildren(h("p", { class: "small" }, `${w(side ? "edited" : "plain")} · ${w("surprise", bits(t).toFixed(2))}`), ...detail({ tokens: sides[side], experts: Math.max(...shape.experts) }, t, i));
}

function drawSides() {
  if (!$("side-0")) return;
  $("steer-trouble").replaceChildren(...(trouble ? [problem(trouble)] : []));
  for (const side of [0, 1]) {
    const list = sides[side];
    $(`side-${side}`).replaceChildren();
    list.forEach((_, i) => chip(side, i));
    $(`side-${side}-note`).textContent = list.length ? w("bits", list.length, (list.reduce((n, t) => n + bits(t), 0) / list.length).toFixed(2)) : "";
  }
  const at = parting();
  $("sides-note").textContent = sides[0].length && sides[1].length ? at < 0 ? w("equal") : w("parted", at) : "";
  if (chosen && sides[chosen.side][chosen.i]) select(chosen.side, chosen.i);
  else $("steer-detail").hidden = true;
}

$("steer").addEventListener("keydown", (e) => {
  const here = e.target.closest?.(".side-tokens .token");
  const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
  if (!here || !step) return;
  e.preventDefault();
  here.parentElement.querySelector(`[data-i="${Number(here.dataset.i) + step}"]`)?.focus();
});

// keep asks the bot, by its own command and so with its own rights, to answer so in this channel.
async function keep(list) {
  try {
    const command = list.length ? { name: "steer set", options: [{ name: "edits", value: list.join(" ") }] } : { name: "steer off", options: [] };
    await interact("api/command", { channel: state.channel, as: state.me, ...command });
    toast(w("kept", user(state.bot).name), "note");
  } catch (error) {
    toast(sentence(error.message));
  }
}
