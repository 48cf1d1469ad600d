// The message box: text with mentions, answers, edits, and the way into commands.
import { $, h, icon, avatar, remember, recall } from "./dom.js";
import { state, on, user, me, channel, log, findMessage } from "./store.js";
import { post } from "./api.js";
import { attempt, toast } from "./toast.js";
import { plain } from "./markdown.js";
import { names } from "./message-body.js";
import { listbox } from "./listbox.js";
import { matches, commandForm } from "./commands.js";
import { focusLast } from "./messages.js";
import { w } from "./words.js";

const MOST = 2000;        // characters of a message, Discord's limit
const TYPING_MS = 8000;   // a typing notice lasts ten seconds, so renew it before

let entry, counter, answerBar, mentionSwitch, list, slot, sendButton, voice;
let answering = null;     // the message the next one answers
let editing = null;       // the message being changed
let form = null;          // the open command form
let lastTyping = 0;
const drafts = new Map(); // channel id → text not sent yet

const botMentioned = () => (recall("mention") ?? "on") === "on";

/** install builds the message box. */
export function install() {
  entry = h("textarea", { id: "entry", class: "entry", rows: "1", dataset: { wLabel: "message" }, enterkeyhint: "send", spellcheck: "true", role: "combobox", "aria-haspopup": "listbox" });
  list = listbox(entry, w("suggestions"), suggested);
  list.box.dataset.wLabel = "suggestions";
  counter = h("span", { class: "counter", "aria-live": "polite" });
  answerBar = h("div", { class: "answer-bar", hidden: true });
  slot = h("div", { class: "command-slot", hidden: true });
  mentionSwitch = h("button", { class: "mention-switch", type: "button", onclick: () => { remember("mention", botMentioned() ? "off" : "on"); refresh(); entry.focus(); } });
  voice = h("button", { class: "voice", type: "button", onclick: () => $("person").dispatchEvent(new Event("choose")) });
  sendButton = h("button", { class: "send", type: "submit", dataset: { wLabel: "send", wTitle: "send" } }, icon("send", 20));
  const slash = h("button", { class: "icon-button slash-button", type: "button", dataset: { wLabel: "commands", wTitle: "commands" }, onclick: () => { leaveForm(); entry.value = "/"; entry.focus(); typed(); } }, icon("slash", 20));
  $("composer").append(list.box, answerBar, slot, h("div", { class: "entry-row" }, voice, h("div", { class: "entry-box" }, mentionSwitch, entry, counter), slash, sendButton),
    h("p", { class: "keys", "aria-hidden": "true" }, h("kbd", null, "Enter"), fixed("keySends"), h("kbd", null, "Shift"), h("kbd", null, "Enter"), fixed("keyLine"), h("kbd", null, "/"), fixed("keyCommands"), h("kbd", null, "↑"), fixed("keyEdit")));
  $("composer").addEventListener("submit", (e) => { e.preventDefault(); if (form) form.submit(); else send(); });
  entry.addEventListener("input", typed);
  entry.addEventListener("keydown", pressed);
  entry.addEventListener("blur", () => setTimeout(() => { if (document.activeElement !== entry) list.hide(); }, 150));
  on("reply", (message) => { leave(); answering = message; refresh(); entry.focus(); });
  on("edit", startEdit);
  on("delete", ({ id }) => { if (answering?.id === id || editing?.id === id) { leave(); refresh(); } });
  on("users", refresh);
  on("language", refresh);
}

const fixed = (word) => h("span", { dataset: { w: word } });

/** opened is called when another channel or another person is shown. */
export function opened(before) {
  if (before) drafts.set(before, editing ? "" : entry.value);
  leave();
  leaveForm();
  entry.value = drafts.get(state.channel) ?? "";
  refresh();
  grow();
}

/** focus puts the caret into the message box where a keyboard is at hand. */
export function focus() {
  if (!matchMedia("(pointer: coarse)").matches) entry.focus();
}

function leave() {
  if (editing) entry.value = "";
  answering = editing = null;
}

function leaveForm() {
  form?.close();
}

const noMention = () => channel()?.kind === "dm" || Boolean(editing) || Boolean(form) || entry.value.startsWith("/");

/** refresh draws the switch, the bar and the placeholder for the present channel and person. */
export function refresh() {
  const c = channel();
  if (!c) return;
  const bot = user(state.bot);
  const direct = c.kind === "dm";
  const name = direct ? user(c.people.find((id) => id !== state.me)).name : c.name;
  entry.placeholder = matchMedia("(max-width: 480px)").matches ? w("message") : w("messageTo", direct ? name : `#${name}`);
  voice.replaceChildren(avatar(me(), 32));
  voice.setAttribute("aria-label", w("chooseOther", me().name));
  voice.title = w("speakingAs", me().name);
  mentionSwitch.hidden = noMention();
  mentionSwitch.setAttribute("aria-pressed", String(botMentioned()));
  mentionSwitch.replaceChildren(`@${bot.name}`);
  mentionSwitch.title = w(botMentioned() ? "mentions" : "mentionsNot", bot.name);
  const target = editing ?? answering;
  answerBar.hidden = !target;
  if (target) {
    const words = editing ? w("changing") : [w("answering"), h("strong", null, user(target.author).name), h("span", { class: "answer-quote" }, plain(target.content, names).slice(0, 120))];
    answerBar.replaceChildren(icon(editing ? "edit" : "reply", 15), h("span", { class: "answer-words" }, words),
      h("button", { class: "icon-button", type: "button", "aria-label": w("cancel"), title: w("cancelEsc"), onclick: () => { leave(); refresh(); grow(); entry.focus(); } }, icon("close", 15)));
  }
  count();
}

function startEdit(message) {
  leave();
  leaveForm();
  editing = message;
  entry.value = toNames(message.content);
  refresh();
  grow();
  entry.focus();
  entry.setSelectionRange(entry.value.length, entry.value.length);
}

function grow() {
  entry.style.height = "auto";
  entry.style.height = `${Math.min(entry.scrollHeight, innerHeight * 0.4)}px`;
}

function count() {
  const left = MOST - finished().length;
  counter.textContent = left < 200 ? String(left) : "";
  counter.classList.toggle("is-over", left < 0);
  sendButton.disabled = !form && (entry.value.trim() === "" || left < 0);
}

function typed() {
  mentionSwitch.hidden = noMention();
  grow();
  count();
  suggest();
  const now = Date.now();
  if (entry.value.trim() && !entry.value.startsWith("/") && now - lastTyping > TYPING_MS) {
    lastTyping = now;
    post("api/typing", { channel: state.channel, as: state.me }).catch(() => {});
  }
}

function suggest() {
  if (editing || form) return list.hide();
  const upTo = entry.value.slice(0, entry.selectionStart);
  const slash = /^\/([\p{L}\p{N}_ -]*)$/u.exec(upTo);
  if (slash) {
    list.show(matches(slash[1]).map((c) => ({ label: `/${c.path}`, detail: c.description, picture: h("span", { class: "list-icon" }, icon("slash", 16)), value: { command: c } })));
    return;
  }
  const at = /(?:^|\s)@([\p{L}\p{N}_.-]{0,32})$/u.exec(upTo);
  if (!at) return list.hide();
  const wanted = at[1].toLowerCase();
  const people = [...state.users.values()].filter((u) => u.name.toLowerCase().startsWith(wanted) && inChannel(u)).slice(0, 8);
  if (people.length === 1 && people[0].name.toLowerCase() === wanted) return list.hide(); // nothing left to choose
  list.show(people.map((u) => ({ label: u.name, detail: u.bot ? w("bot") : u.role ? w(u.role) : "", picture: avatar(u, 22), value: { person: u, length: at[1].length + 1 } })));
}

const inChannel = (u) => channel()?.kind !== "dm" || channel().people.includes(u.id);

function suggested(value) {
  if (value.command) {
    entry.value = "";
    openForm(value.command);
    return;
  }
  const end = entry.selectionStart;
  const start = end - value.length;
  entry.setRangeText(`@${value.person.name} `, start, end, "end");
  typed();
}

function openForm(command) {
  form = commandForm(command, {
    closed() { form = null; slot.replaceChildren(); slot.hidden = true; $("composer").classList.remove("has-form"); refresh(); grow(); },
    done() { form.close(); entry.focus(); },
    cancel() { form.close(); entry.focus(); },
  });
  slot.replaceChildren(form.element);
  slot.hidden = false;
  $("composer").classList.add("has-form");
  refresh();
  form.focus();
}

function pressed(event) {
  if (list.key(event)) return;
  if (event.isComposing) return;
  const empty = entry.value === "";
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    send();
  } else if (event.key === "Escape" && (answering || editing)) {
    leave();
    refresh();
    grow();
  } else if (event.key === "ArrowUp" && empty && !event.shiftKey) {
    event.preventDefault();
    const mine = log().list.filter((m) => m.author === state.me && !m.command).at(-1);
    if (event.altKey || !mine) focusLast();
    else startEdit(mine);
  } else if (event.key === "Tab" && event.shiftKey && empty) {
    event.preventDefault();
    focusLast();
  }
}

// Names typed as @name become mentions on their way out, the longest names first, and names again for an edit.
function toMentions(text) {
  const people = [...state.users.values()].sort((a, b) => b.name.length - a.name.length);
  for (const u of people) text = text.replaceAll(new RegExp(`(^|[\\s(])@${u.name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")}(?![\\p{L}\\p{N}_])`, "giu"), `$1<@${u.id}>`);
  return text;
}

const toNames = (text) => text.replace(/<@!?(\d+)>/g, (all, id) => state.users.has(id) ? `@${user(id).name}` : all);

function finished() {
  const text = toMentions(entry.value.trim());
  const direct = channel()?.kind === "dm";
  const wants = botMentioned() && !direct && !editing && text !== "";
  return wants && !text.includes(`<@${state.bot}>`) ? `<@${state.bot}> ${text}` : text;
}

// The last message on its way to each channel: the next waits for it, so that what was said first arrives first.
const underWay = new Map();

async function send() {
  const typedText = entry.value.trim();
  if (typedText === "") return;
  if (!editing && /^\/\p{L}/u.test(typedText)) {
    const exact = matches(typedText.slice(1)).find((c) => typedText === `/${c.path}` || typedText.startsWith(`/${c.path} `));
    if (exact) return suggested({ command: exact });
    toast(w("noCommand", typedText.split(/\s/)[0]));
    return;
  }
  const content = finished();
  if (content.length > MOST) {
    toast(w("tooLong", MOST, content.length));
    return;
  }
  const kept = { value: entry.value, answering, editing };
  entry.value = "";
  leave();
  refresh();
  grow();
  list.hide();
  lastTyping = 0;
  const where = state.channel;
  const as = state.me;
  const mine = (underWay.get(where) ?? Promise.resolve()).then(() => attempt(() => kept.editing
    ? post("api/edit", { channel: where, message: kept.editing.id, as, content })
    : post("api/send", { channel: where, as, content, reply: kept.answering?.id ?? "" })));
  underWay.set(where, mine);
  const sent = await mine;
  if (!sent && where !== state.channel && !kept.editing && !drafts.get(where)) drafts.set(where, kept.value);
  if (sent || where !== state.channel || entry.value) return;
  entry.value = kept.value; // what was refused is not lost
  answering = kept.answering && findMessage(where, kept.answering.id) ? kept.answering : null;
  editing = kept.editing;
  refresh();
  grow();
}
