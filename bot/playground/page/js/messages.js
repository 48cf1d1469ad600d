// The messages of the channel shown: drawn once, then each changed in place while a reply streams.
import { $, h, icon, avatar, hueOf } from "./dom.js";
import { state, on, user, log, trim, visible, findMessage, loadLog, channel } from "./store.js";
import { plain } from "./markdown.js";
import { attempt } from "./toast.js";
import { body, names } from "./message-body.js";
import { actions } from "./actions.js";
import { w, dates } from "./words.js";

const GROUP_MS = 5 * 60 * 1000;  // messages of one person closer than this share one head
const GROWING_MS = 1800;         // a bot's message counts as growing this long after an edit
const NEAR_END_PX = 90;          // closer to the end than this, the view follows new text

const elements = new Map(); // message id → element
let openSpot = null;        // message id that the actions were opened for by touch

/** open shows a channel: its messages, or a welcome where there are none. */
export async function open() {
  const id = state.channel;
  if (!log(id).ready) {
    clear();
    $("log").append(h("p", { class: "loading" }, w("loading")));
    await attempt(() => loadLog(id));
    if (id !== state.channel) return;
  }
  redraw();
  toEnd();
}

function clear() {
  elements.clear();
  $("log").replaceChildren();
}

/** redraw draws all messages of the channel anew, for another person or after a resync. */
export function redraw() {
  clear();
  drawIntro();
  $("log").append(...log().list.filter(visible).map(made));
  regroup();
}

function drawIntro() {
  const c = channel();
  const intro = $("intro");
  intro.replaceChildren();
  if (!c) return;
  if (log().more) {
    intro.append(h("button", { class: "button", type: "button", onclick: older }, w("earlier")));
    return;
  }
  const bot = user(state.bot);
  if (c.kind === "dm") {
    const other = user(c.people.find((id) => id !== state.me));
    intro.append(avatar(other, 68), h("h2", null, other.name),
      h("p", null, w(other.bot ? "onlyBot" : "only", other.name)));
    return;
  }
  intro.append(h("span", { class: "intro-mark" }, icon(c.kind === "thread" ? "thread" : "hash", 34)), h("h2", null, w("welcome", c.name)),
    h("p", null, c.topic || w("begins")),
    h("p", { class: "hint" }, w("mentionHint", bot.name), h("span", { class: "mention" }, `@${bot.name}`), w("switchHint"), h("kbd", null, "/"), w("slashHint")));
}

async function older() {
  const scroller = $("scroller");
  const fromEnd = scroller.scrollHeight - scroller.scrollTop;
  const channel = state.channel;
  await attempt(() => loadLog(channel, true));
  if (state.channel !== channel) return; // another was chosen meanwhile
  redraw();
  scroller.scrollTop = scroller.scrollHeight - fromEnd;
}

function made(message) {
  const el = draw(message);
  elements.set(message.id, el);
  return el;
}

function place(message) {
  const el = made(message);
  const list = log().list;
  const at = list.findIndex((m) => m.id === message.id);
  const next = list.slice(at + 1).find((m) => elements.has(m.id) && elements.get(m.id) !== el);
  $("log").insertBefore(el, next ? elements.get(next.id) : null);
}

function draw(message) {
  const author = user(message.author);
  // A reply names the person it answers as well; only a name in the text is worth a colour.
  const mentionsMe = message.author !== state.me && new RegExp(`<@!?${state.me}>`).test(message.content);
  const el = h("article", {
    class: ["message", mentionsMe && "mentions-me", message.only_for && "is-private"].filter(Boolean).join(" "),
    tabindex: "-1", dataset: { id: message.id, author: message.author },
    "aria-label": `${author.name}, ${longTime(message.at)}`,
    onclick: (e) => touched(e, el),
  },
    context(message),
    h("div", { class: "gutter" }, avatar(author, 40), h("time", { class: "small-time", datetime: message.at, "aria-hidden": "true" }, clock(message.at))),
    h("div", { class: "content" },
      h("div", { class: "head" },
        h("span", { class: "author", vars: { "--hue": hueOf(author.id) }, dataset: { bot: author.bot ? "1" : "" } }, author.name),
        author.bot && h("span", { class: "badge" }, "BOT"),
        author.role && !author.bot && h("span", { class: "badge is-role" }, author.role),
        h("time", { datetime: message.at, title: longTime(message.at) }, shortTime(message.at))),
      h("div", { class: "body" })),
    actions(message));
  fill(el, message);
  return el;
}

function fill(el, message) {
  el.querySelector(".body").replaceChildren(body(message));
  el.classList.toggle("is-growing", isGrowing(message));
}

/** context is the line above a message: what it answers, or which command it is the result of. */
function context(message) {
  if (message.command) {
    const who = user(message.command.user);
    return h("div", { class: "context" }, h("span", { class: "elbow", "aria-hidden": "true" }), avatar(who, 16),
      h("span", { class: "context-name" }, who.name), w("used"), h("span", { class: "command-name" }, icon("slash", 12), message.command.name));
  }
  const reply = message.reply;
  if (!reply) return null;
  if (reply.gone) return h("div", { class: "context" }, h("span", { class: "elbow", "aria-hidden": "true" }), h("em", null, w("gone")));
  const who = user(reply.author);
  const words = plain(reply.content, names) || (reply.other ? w("other") : "…");
  return h("button", { class: "context", type: "button", onclick: (e) => { e.stopPropagation(); goTo(reply.id); } },
    h("span", { class: "elbow", "aria-hidden": "true" }), avatar(who, 16), h("span", { class: "sr-only" }, w("inAnswer")), h("span", { class: "context-name" }, who.name), " ", h("span", { class: "context-text" }, words));
}

/** goTo scrolls to a message and lets it flash. */
export function goTo(id) {
  const el = elements.get(id);
  if (!el) return;
  el.scrollIntoView({ block: "center", behavior: calm() ? "auto" : "smooth" });
  el.classList.remove("is-found");
  requestAnimationFrame(() => el.classList.add("is-found"));
  el.focus({ preventScroll: true });
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function isGrowing(message) {
  return Boolean(user(message.author).bot && !message.loading && message.edited) && Date.now() - (state.touched.get(message.id) ?? 0) < GROWING_MS;
}

// Where there is no pointer that hovers, a tap on a message shows what can be done with it.
function touched(event, el) {
  if (event.target.closest("button, a, summary, input, .spoiler, pre") || !matchMedia("(hover: none)").matches) return;
  const was = openSpot;
  document.querySelector(".message.shows-actions")?.classList.remove("shows-actions");
  openSpot = was === el.dataset.id ? null : el.dataset.id;
  if (openSpot) el.classList.add("shows-actions");
}

// A message opens a group unless the same person wrote shortly before, on the same day, and it answers nothing.
function regroup() {
  let before = null;
  for (const m of log().list) {
    const el = elements.get(m.id);
    if (!el) continue;
    const sameDay = before && new Date(before.at).toDateString() === new Date(m.at).toDateString();
    const joined = sameDay && before.author === m.author && !m.reply && !m.command && Boolean(before.only_for) === Boolean(m.only_for)
      && Date.parse(m.at) - Date.parse(before.at) < GROUP_MS;
    el.classList.toggle("is-joined", Boolean(joined));
    const day = el.previousElementSibling?.classList.contains("day") ? el.previousElementSibling : null;
    if (!sameDay && !day) el.before(h("div", { class: "day", role: "separator" }, h("span", null, dayName(m.at))));
    if (sameDay && day) day.remove();
    before = m;
  }
}

let following = true; // the newest line is kept in view: until somebody scrolls up
let lastTop = 0;

// What grows moves the end away without a scroll; only a hand moves the view up.
function scrolled() {
  const top = $("scroller").scrollTop;
  if (nearEnd()) following = true;
  else if (top < lastTop - 2) following = false;
  lastTop = top;
  if (nearEnd()) $("jump").hidden = true;
}

const nearEnd = () => { const s = $("scroller"); return s.scrollHeight - s.scrollTop - s.clientHeight < NEAR_END_PX; };

/** toEnd shows the newest message. */
export function toEnd() {
  const s = $("scroller");
  following = true;
  s.scrollTop = s.scrollHeight;
  $("jump").hidden = true;
}

function changed({ message, fresh }) {
  if (message.channel !== state.channel) return;
  const own = message.author === state.me || message.only_for === state.me || message.command?.user === state.me;
  const el = elements.get(message.id);
  if (!visible(message)) {
    el?.remove();
    elements.delete(message.id);
  } else if (!el) {
    document.querySelector("#log > .loading")?.remove();
    place(message);
    regroup();
    if (fresh && following && !$("log").contains(document.activeElement) && trim(message.channel)) redraw();
  } else {
    fill(el, message);
    setTimeout(() => el.classList.toggle("is-growing", isGrowing(message)), GROWING_MS + 50);
  }
  // Quotes of this message in later answers follow it.
  for (const other of log().list) {
    if (other.reply?.id === message.id && elements.has(other.id)) {
      other.reply.content = message.content;
      elements.get(other.id).querySelector(".context")?.replaceWith(context(other));
    }
  }
  if (following || (fresh && own)) toEnd();
  else if (fresh) $("jump").hidden = false;
  announce(message);
}

function removed({ channel: id, id: gone }) {
  if (id !== state.channel) return;
  elements.get(gone)?.remove();
  elements.delete(gone);
  for (const other of log().list) {
    if (other.reply?.id === gone && elements.has(other.id)) {
      other.reply.gone = true;
      elements.get(other.id).querySelector(".context")?.replaceWith(context(other));
    }
  }
  regroup();
}

// A screen reader hears a message once it stopped growing, not each of its edits.
const announcements = new Map();
function announce(message) {
  if (message.author === state.me || message.loading) return;
  clearTimeout(announcements.get(message.id));
  announcements.set(message.id, setTimeout(() => {
    announcements.delete(message.id);
    const now = findMessage(message.channel, message.id);
    if (now) $("announcer").textContent = `${user(now.author).name}: ${plain(now.content, names) || "sent a picture or embed"}`;
  }, GROWING_MS));
}

// Arrow keys walk from message to message once one has the focus; the log itself is reached from the entry.
function walk(event) {
  const here = event.target.closest?.(".message");
  if (!here || event.target !== here) return;
  const all = [...$("log").querySelectorAll(".message")];
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (step) {
    event.preventDefault();
    const next = all[all.indexOf(here) + step];
    if (next) next.focus();
    else if (step > 0) $("entry")?.focus();
  } else if (event.key === "Escape") {
    $("entry")?.focus();
  }
}

/** focusLast moves the focus to the newest message. */
export const focusLast = () => [...$("log").querySelectorAll(".message")].at(-1)?.focus();

const two = (n) => String(n).padStart(2, "0");
const clock = (at) => { const d = new Date(at); return `${two(d.getHours())}:${two(d.getMinutes())}`; };
const longTime = (at) => new Date(at).toLocaleString(dates(), { dateStyle: "full", timeStyle: "short" });
function dayName(at) {
  const day = new Date(at), today = new Date();
  return day.toDateString() === today.toDateString() ? w("today") : day.toLocaleDateString(dates(), { dateStyle: "long" });
}
function shortTime(at) {
  const d = new Date(at), today = new Date();
  return d.toDateString() === today.toDateString() ? w("todayAt", clock(at)) : `${d.toLocaleDateString(dates())} ${clock(at)}`;
}

/** install joins the log to the store. */
export function install() {
  on("message", changed);
  on("delete", removed);
  $("log").addEventListener("keydown", walk);
  $("jump").addEventListener("click", toEnd);
  $("scroller").addEventListener("scroll", scrolled, { passive: true });
  // Pictures and growing text above the end keep the newest line in view.
  new ResizeObserver(() => { if (following) toEnd(); }).observe($("log"));
  new ResizeObserver(() => { if (following) toEnd(); }).observe($("scroller"));
}
