// The panel "Inside the reply": which reply it shows, its tokens, and how they are shaded.
import { $, h, icon, newest } from "./dom.js";
import { state, on, user, log, findMessage } from "./store.js";
import { get } from "./api.js";
import { plain } from "./markdown.js";
import { names } from "./message-body.js";
import { setPanel, panelOpen } from "./shell.js";
import { w } from "./words.js";
import { loadTable, detail, hue, percent, shown } from "./experts.js";

const RETRY_MS = [300, 900, 2000, 4000]; // a trace may come a moment after the last edit of its message

const traces = new Map(); // message id → trace, or null where there is none
let current = "";         // message id shown
let pinned = false;       // chosen by hand: newer replies do not take its place
let selected = -1;        // index of the token in the detail
let held = false;         // the token was chosen by a press, so hovering others does not change it
let shade = "chance";     // or a layer's number
let filter = null;        // { layer, expert }: dim all tokens that went elsewhere
let retry = 0;            // the timer that asks for a trace again
let turn = 0;             // counts calls of showReply: an answer that comes late is for an older one

/** install joins the panel to the store. */
export function install() {
  on("look", (id) => { pinned = true; setPanel(true, true); showReply(id); });
  on("trace", (id) => { traces.delete(id); if (wanted() === id) showReply(id); });
  on("message", ({ message }) => {
    if (message.channel !== state.channel || pinned || !isReply(message)) return;
    traces.delete(message.id);
    if (panelOpen()) showReply(message.id);
  });
  on("delete", ({ id }) => { traces.delete(id); if (id === current) { pinned = false; channelShown(); } });
  on("language", () => { if (panelOpen()) showReply(current || latest()); });
  $("inside").addEventListener("keydown", walk);
}

const isReply = (m) => user(m.author).bot && !m.only_for && !m.command && m.author === state.bot;
const latest = () => log().list.filter(isReply).at(-1)?.id ?? "";
const wanted = () => pinned ? current : latest();

/** channelShown shows the last reply of a channel that was just chosen. */
export function channelShown() {
  pinned = false;
  current = "";
  selected = -1;
  if (panelOpen()) showReply(latest());
}

/** panelShown is called when the panel opens or closes. */
export function panelShown(open) {
  if (open && state.channel) showReply(wanted());
  mark();
}

on("chosen", () => setTimeout(() => { if (!current && panelOpen()) showReply(latest()); }, 400));

function mark() {
  for (const el of document.querySelectorAll(".message.is-inside")) el.classList.remove("is-inside");
  if (panelOpen() && current && traces.get(current)) document.querySelector(`.message[data-id="${current}"]`)?.classList.add("is-inside");
}

async function showReply(id, attempt = 0) {
  clearTimeout(retry);
  const mine = ++turn;
  if (id !== current) { selected = -1; held = false; filter = null; }
  current = id;
  if (!id) return draw(null);
  if (!traces.has(id)) {
    if (attempt === 0 && !$("inside").querySelector(".tokens")) draw(undefined);
    let trace = null;
    try {
      const answer = await get(`api/trace?message=${encodeURIComponent(id)}`);
      if (answer.tokens?.length) trace = answer;
    } catch (error) {
      if (mine === turn) draw(null, error.message);
      return;
    }
    if (mine !== turn) return;
    if (!trace && attempt < RETRY_MS.length) {
      retry = setTimeout(() => showReply(id, attempt + 1), RETRY_MS[attempt]);
      return;
    }
    traces.set(id, trace);
    newest(traces, 60);
  }
  draw(traces.get(id));
}

// undefined: on its way; null: there is none.
function draw(trace, problem) {
  const box = $("inside");
  mark();
  if (!trace?.tokens?.length) {
    box.replaceChildren(trace === undefined && current ? h("p", { class: "inside-empty" }, w("unfinished")) : empty(problem));
    return;
  }
  if (shade !== "chance" && shade >= trace.layers) shade = "chance";
  const message = findMessage(state.channel, current);
  box.replaceChildren(
    h("div", { class: "inside-scroll", tabindex: "-1" },
      message && h("p", { class: "inside-quote" }, plain(message.content, names).slice(0, 160) || "…"),
      pinned && current !== latest() ? h("button", { class: "button is-small", type: "button", onclick: () => { pinned = false; showReply(latest()); } }, w("toLatest")) : null,
      figures(trace), drafts(trace), shadeChoice(trace),
      h("div", { class: "tokens", role: "group", "aria-label": w("tokensOf") }, trace.tokens.map((t, i) => chip(trace, t, i))),
      legend(trace), trace.layers && trace.experts ? loadTable(trace, cellPressed) : null),
    h("div", { class: "detail", role: "region", "aria-label": w("oneToken"), "aria-live": "polite" }));
  // The tokens may shrink while a reply is traced anew.
  if (selected >= trace.tokens.length) selected = -1;
  select(trace, selected < 0 ? leastSure(trace) : selected, false);
  paint(trace);
}

function empty(problem) {
  const bot = user(state.bot).name;
  return h("div", { class: "inside-empty" }, h("span", { class: "empty-mark" }, icon("inside", 40)),
    h("p", null, problem || w(current ? "unrecorded" : "saySomething", bot)),
    h("p", { class: "hint" }, w("insideHint", bot)));
}

const leastSure = (trace) => trace.tokens.reduce((best, t, i) => t.prob < trace.tokens[best].prob ? i : best, 0);

function figures(trace) {
  const n = trace.tokens.length;
  const bits = trace.tokens.reduce((sum, t) => sum - Math.log2(Math.max(t.prob, 1e-9)), 0) / n;
  const first = trace.tokens.filter((t) => !t.alternatives?.length || t.prob >= t.alternatives[0].prob - 1e-6).length;
  const figure = (value, words, title) => h("div", { class: "figure", title }, h("strong", null, value), h("span", null, words));
  return h("div", { class: "figures" },
    figure(String(n), w(n === 1 ? "token" : "tokens"), w("tokensTitle")),
    figure(percent(2 ** -bits), w("typical"), w("typicalTitle")),
    figure(bits.toFixed(2), w("bitsOf"), w("bitsTitle")),
    figure(percent(first / n), w("first"), w("firstTitle")));
}

// The other answers that were made at once, likeliest first, equal ones together.
function drafts(trace) {
  const all = trace.drafts ?? [];
  if (all.length < 2) return null;
  const others = new Map();
  for (const d of all.slice(1)) {
    if (!others.has(d.text)) others.set(d.text, { ...d, times: 0 });
    others.get(d.text).times++;
  }
  return h("details", { class: "drafts" },
    h("summary", null, w("drafts", all.length)),
    h("p", { class: "hint" }, w("draftsHint", all[0].score.toFixed(2))),
    h("ol", null, [...others.values()].map((d) => h("li", null, h("strong", null, d.score.toFixed(2)), ` ${d.text === all[0].text ? w("same") : d.text || "…"}${d.times > 1 ? ` ×${d.times}` : ""}`))));
}

function shadeChoice(trace) {
  const select = h("select", { class: "menu is-small", "aria-label": w("shadeBy"), onchange: () => { shade = select.value === "chance" ? "chance" : Number(select.value); draw(trace); } },
    h("option", { value: "chance" }, w("theirChance")),
    Array.from({ length: trace.layers ?? 0 }, (_, i) => h("option", { value: String(i) }, w("firstExpert", i))));
  select.value = String(shade);
  return h("label", { class: "shade" }, h("span", null, w("shaded")), select);
}

function chip(trace, t, i) {
  return h("button", {
    class: "token", type: "button", tabindex: i === 0 ? "0" : "-1", dataset: { i },
    "aria-label": `${shown(t.text)}, ${percent(t.prob)}`,
    onpointerenter: (e) => { if (!held && e.pointerType === "mouse") select(trace, i); },
    onfocus: (e) => { if (e.target.matches(":focus-visible")) select(trace, i); },
    onclick: () => { held = !(held && selected === i); select(trace, i); },
  }, shown(t.text));
}

/** paint gives every chip its colour, and dims those that the filter leaves out. */
function paint(trace) {
  for (const el of $("inside").querySelectorAll(".token")) {
    const t = trace.tokens[el.dataset.i];
    const top = shade === "chance" ? null : t.experts?.[shade]?.[0];
    el.classList.toggle("by-expert", Boolean(top));
    el.style.setProperty("--p", t.prob.toFixed(4));
    el.style.setProperty("--hue", top ? hue(top.expert, trace.experts) : 20 + 150 * Math.sqrt(t.prob)) /* the root spreads the small chances, which are most */;
    el.style.setProperty("--gate", top ? top.gate.toFixed(3) : "1");
    el.classList.toggle("is-dim", Boolean(filter && !t.experts?.[filter.layer]?.some((c) => c.expert === filter.expert)));
  }
}

function select(trace, i, move = true) {
  selected = i;
  const box = $("inside");
  for (const el of box.querySelectorAll(".token")) {
    const here = Number(el.dataset.i) === i;
    el.classList.toggle("is-selected", here);
    if (here && move) for (const other of box.querySelectorAll(".token")) other.tabIndex = other === el ? 0 : -1;
  }
  const t = trace.tokens[i];
  box.querySelector(".detail")?.replaceChildren(...detail(trace, t, i));
  for (const cell of box.querySelectorAll(".load-cell")) {
    const choice = t.experts?.[cell.dataset.layer]?.find((c) => c.expert === Number(cell.dataset.expert));
    cell.classList.toggle("is-taken", Boolean(choice));
  }
}

function cellPressed(layer, expert) {
  filter = filter && filter.layer === layer && filter.expert === expert ? null : { layer, expert };
  for (const cell of $("inside").querySelectorAll(".load-cell")) {
    const on = filter && Number(cell.dataset.layer) === filter.layer && Number(cell.dataset.expert) === filter.expert;
    cell.setAttribute("aria-pressed", String(Boolean(on)));
  }
  paint(traces.get(current));
}

function legend(trace) {
  if (shade === "chance") return h("div", { class: "legend", "aria-hidden": "true" }, h("span", null, w("guess")), h("span", { class: "legend-scale" }), h("span", null, w("certain")));
  return h("div", { class: "legend", "aria-hidden": "true" }, Array.from({ length: Math.min(trace.experts, 16) }, (_, e) => h("span", { class: "legend-expert", vars: { "--hue": hue(e, trace.experts) } }, `E${e}`)));
}

function walk(event) {
  const here = event.target.closest?.(".token");
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!here || !step) return;
  event.preventDefault();
  const next = $("inside").querySelector(`.token[data-i="${Number(here.dataset.i) + step}"]`);
  next?.focus();
}
