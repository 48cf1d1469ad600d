// The tabs of the panel: the reply, interventions, the tour. Without a laboratory there is the reply alone.
import { $, h, remember, recall } from "./dom.js";
import { state, on } from "./store.js";
import { w } from "./words.js";
import * as steer from "./steer.js";
import * as tour from "./tour.js";

const TABS = [
  { name: "reply", box: "inside", open() {} },
  { name: "steer", box: "steer", open: steer.open },
  { name: "tour", box: "tour", open: tour.open },
];
let now = "reply";

/** install draws the tabs once the page knows that there is a laboratory. */
export function install() {
  on("state", () => { if (state.lab) draw(); });
  on("language", () => { if (state.lab) draw(); });
  on("look", () => { if (state.lab) choose("reply"); });
  $("panel-tabs").addEventListener("keydown", walk);
}

function draw() {
  $("panel-title").classList.add("sr-only");
  const list = $("panel-tabs");
  list.hidden = false;
  list.replaceChildren(...TABS.map((t) => h("button", { id: `tab-${t.name}`, class: "panel-tab", type: "button", role: "tab", "aria-controls": t.box, onclick: () => choose(t.name) }, w(t.name))));
  $("inside").setAttribute("role", "tabpanel");
  for (const t of TABS) $(t.box).setAttribute("aria-labelledby", `tab-${t.name}`);
  const wanted = recall("tab");
  choose(TABS.some((t) => t.name === wanted) ? wanted : now);
}

function choose(name) {
  now = name;
  remember("tab", name);
  $("panel").classList.toggle("is-wide", name !== "reply");
  for (const t of TABS) {
    const here = t.name === name;
    $(t.box).hidden = !here;
    const tab = $(`tab-${t.name}`);
    tab.setAttribute("aria-selected", String(here));
    tab.tabIndex = here ? 0 : -1;
    if (here) t.open();
  }
}

function walk(event) {
  const at = TABS.findIndex((t) => t.name === now);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  choose(TABS[(to + TABS.length) % TABS.length].name);
  $(`tab-${now}`).focus();
}
