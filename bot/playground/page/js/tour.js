// The tab "Tour": eight steps from a chain of tokens to two experts at work, on the visitor's own sentence.
import { $, h, remember, recall } from "./dom.js";
import { on } from "./store.js";
import { w, lang } from "./words.js";
import { later, look, model, problem } from "./lab.js";
import { STEPS } from "./tour-steps.js";

const FIRST = "The old king told his daughters a story about the sea";

const place = { text: recall("tour-text") || FIRST, step: Math.min(STEPS.length - 1, Number(recall("tour-step")) || 0), position: -1, layer: 0, head: 0, temperature: 1, factors: {} };
let shape = null;
let turn = 0;      // counts requests: an answer that comes late is for an older one
let answer = null; // of the step shown

on("language", () => { if (!$("tour").hidden) open(); });

/** open draws the tab. */
export async function open() {
  try {
    shape ??= await model();
  } catch (error) {
    $("tour").replaceChildren(problem(error.message));
    return;
  }
  place.layer = Math.min(place.layer, shape.layers - 1);
  const entry = h("input", { id: "tour-text", class: "field", type: "text", value: place.text, maxlength: 300, autocomplete: "off", oninput: () => { place.text = entry.value; place.position = -1; soon(); } });
  const step = STEPS[place.step];
  $("tour").lang = lang();
  $("tour").replaceChildren(h("div", { class: "lab-scroll" },
    h("div", { class: "lab-top" }, h("label", { class: "lab-title", for: "tour-text" }, w("sentence"))),
    entry,
    h("nav", { class: "steps", "aria-label": w("tour"), onkeydown: walk }, STEPS.map((s, i) => h("button", { class: "step-dot", type: "button", "aria-current": i === place.step ? "step" : null, title: w(s.title), "aria-label": `${w("step", i + 1, STEPS.length)}: ${w(s.title)}`, onclick: () => go(i) }, String(i + 1)))),
    h("h3", { class: "step-title", tabindex: "-1" }, `${place.step + 1}. ${w(step.title)}`),
    h("p", { class: "step-body" }, w(step.body)),
    h("div", { id: "tour-box", class: "tour-box" }, h("p", { class: "hint" }, w("waiting"))),
    h("div", { class: "lab-row" },
      h("button", { id: "tour-back", class: "button", type: "button", disabled: place.step === 0, onclick: () => go(place.step - 1, "tour-back") }, w("back")),
      h("button", { id: "tour-next", class: "button is-primary", type: "button", disabled: place.step === STEPS.length - 1, onclick: () => go(place.step + 1, "tour-next") }, w("next")),
      h("span", { class: "small" }, w("step", place.step + 1, STEPS.length)))));
  ask();
}

async function go(i, focus = "") {
  place.step = i;
  answer = null;
  remember("tour-step", i);
  await open();
  const button = focus && $(focus);
  if (button && !button.disabled) button.focus();
  else $("tour").querySelector(".step-title")?.focus({ preventScroll: true });
  $("tour").querySelector(".lab-scroll").scrollTop = 0;
}

function walk(event) {
  const to = { ArrowRight: place.step + 1, ArrowLeft: place.step - 1 }[event.key];
  if (to === undefined || to < 0 || to >= STEPS.length) return;
  event.preventDefault();
  go(to).then(() => $("tour").querySelector(".step-dot[aria-current]")?.focus());
}

const soon = later(ask, 250);

// ask uses the step's instrument anew and draws what it says.
async function ask() {
  const mine = ++turn;
  remember("tour-text", place.text);
  try {
    const got = await STEPS[place.step].ask(place, look, shape);
    if (mine !== turn) return;
    answer = got;
    draw();
  } catch (error) {
    if (mine === turn) $("tour-box")?.replaceChildren(problem(error.message));
  }
}

// draw keeps the focus where it is, on the control of the same name.
function draw() {
  const box = $("tour-box");
  if (!box || !answer) return;
  const held = box.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  const n = answer.tokens?.length ?? 0;
  if (n && (place.position < 0 || place.position >= n)) place.position = n - 1;
  box.replaceChildren(...STEPS[place.step].draw(answer, place, {
    shape,
    set: (values, again = true) => { Object.assign(place, values); if (again) ask(); else draw(); },
    soon: (values) => { Object.assign(place, values); soon(); },
  }).filter(Boolean));
  if (held) [...box.querySelectorAll("[aria-label]")].find((el) => el.getAttribute("aria-label") === held)?.focus();
}
