// The frame of the page: theme, drawers on narrow screens, the notices and the state of the connection.
import { $, h, icon, remember, recall } from "./dom.js";
import { state, on, user } from "./store.js";
import { w, lang } from "./words.js";

const THEMES = { auto: "auto", light: "sun", dark: "moon" }; // with their icons
const NARROW = matchMedia("(max-width: 820px)"); // the same border as in layout.css
const MEDIUM = matchMedia("(max-width: 1180px)");

/** install sets up the frame; opened(name, isOpen) is told when the panel at the right opens or closes. */
export function install({ panel }) {
  theme();
  $("open-sidebar").append(icon("menu", 22));
  $("close-sidebar").append(icon("close"));
  $("close-panel").append(icon("close", 18));
  $("toggle-panel").append(icon("inside", 20), h("span", { dataset: { w: "inside" } }));
  $("open-sidebar").addEventListener("click", () => drawer("sidebar"));
  $("close-sidebar").addEventListener("click", () => drawer(null));
  $("backdrop").addEventListener("click", () => drawer(null));
  $("toggle-panel").addEventListener("click", () => setPanel(!panelOpen(), true));
  $("close-panel").addEventListener("click", () => { setPanel(false, true); $("toggle-panel").focus(); });
  document.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || e.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (document.body.dataset.drawer) drawer(null);
  });
  onPanel = panel;
  NARROW.addEventListener("change", () => { drawer(null); settle(); });
  MEDIUM.addEventListener("change", settle);
  settle();
  on("state", notices);
  on("language", notices);
  on("language", typing);
  on("connection", connection);
}

let onPanel = () => {};
let before = null; // what had the focus when a drawer opened

/** drawer opens "sidebar" or "panel" over the page on narrow screens, or closes it with null. */
export function drawer(name) {
  const was = document.body.dataset.drawer;
  if (!NARROW.matches) name = null;
  if (was === (name ?? undefined)) return;
  if (name) {
    before ??= document.activeElement;
    document.body.dataset.drawer = name;
  } else {
    delete document.body.dataset.drawer;
  }
  inert();
  $("backdrop").hidden = !name;
  $("open-sidebar").setAttribute("aria-expanded", String(name === "sidebar"));
  $("toggle-panel").setAttribute("aria-expanded", String(panelOpen()));
  if (name === "panel" || was === "panel") onPanel(panelOpen());
  if (name) $(name).querySelector("button:not([hidden])")?.focus({ preventScroll: true });
  else if (before?.isConnected) before.focus({ preventScroll: true });
  if (!name) before = null;
}

function inert() {
  const open = document.body.dataset.drawer;
  $("main").inert = Boolean(open);
  $("sidebar").inert = NARROW.matches && open !== "sidebar";
  $("panel").inert = NARROW.matches ? open !== "panel" : !document.body.classList.contains("has-panel");
}

/** panelOpen tells whether the panel at the right can be seen. */
export const panelOpen = () => NARROW.matches ? document.body.dataset.drawer === "panel" : document.body.classList.contains("has-panel");

/** setPanel shows or hides the panel at the right; keep remembers it for the next visit. */
export function setPanel(open, keep = false) {
  if (NARROW.matches) return drawer(open ? "panel" : null);
  document.body.classList.toggle("has-panel", open);
  if (keep) remember("panel", open ? "open" : "closed");
  inert();
  $("toggle-panel").setAttribute("aria-expanded", String(open));
  onPanel(open);
}

function settle() {
  const wanted = recall("panel") ?? (MEDIUM.matches ? "closed" : "open");
  document.body.classList.toggle("has-panel", wanted === "open" && !NARROW.matches);
  inert();
  $("toggle-panel").setAttribute("aria-expanded", String(panelOpen()));
  onPanel(panelOpen());
}

function theme() {
  const button = $("theme");
  const order = Object.keys(THEMES);
  let now = recall("theme") ?? "auto";
  const draw = () => {
    if (now === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = now;
    button.replaceChildren(icon(THEMES[now], 20));
    button.title = w("colours", w(now));
    button.setAttribute("aria-label", w("change", button.title));
  };
  button.addEventListener("click", () => { now = order[(order.indexOf(now) + 1) % order.length]; remember("theme", now); draw(); });
  if (!THEMES[now]) now = "auto";
  on("language", draw);
  draw();
}

function notices() {
  const box = $("notices");
  box.hidden = state.notices.length === 0;
  const toggle = h("button", { class: "icon-button notices-more", type: "button", "aria-expanded": "false", "aria-label": w("allNotes"), onclick: () => {
    const open = box.classList.toggle("is-open");
    toggle.setAttribute("aria-expanded", String(open));
  } }, icon("chevron", 16));
  const text = (n) => lang() === "zh" && n.zh || n.text;
  box.replaceChildren(h("dl", { class: "notice-list" }, state.notices.map((n) => h("div", { class: ["notice", n.warning && "is-warning", text(n).length < 24 && "is-short"].filter(Boolean).join(" ") }, h("dt", null, w(n.label)), h("dd", { title: text(n) }, text(n))))), toggle);
}

let lostTimer = 0;
function connection(status) {
  const el = $("connection");
  clearTimeout(lostTimer);
  if (status === "open") { el.hidden = true; return; }
  lostTimer = setTimeout(() => { el.hidden = false; el.textContent = w("reconnecting"); }, 700); // a short gap is nobody's business
}

/** typing draws who is about to write in the present channel. */
export function typing() {
  const now = Date.now();
  const names = [];
  for (const [id, until] of state.typing.get(state.channel) ?? []) {
    if (until > now && id !== state.me) names.push(user(id).name);
  }
  const box = $("typing");
  if (!names.length) return box.replaceChildren();
  const words = names.length > 3 ? w("typingMany") : w(names.length > 1 ? "typingSome" : "typing", names.join(w("and")));
  if (box.dataset.words === words && box.childElementCount) return;
  box.dataset.words = words;
  box.replaceChildren(h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")), words);
}
