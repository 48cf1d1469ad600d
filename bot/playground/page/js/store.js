// What the page knows about the local Discord, and the one place where it changes.
import { newest } from "./dom.js";
import { get, follow } from "./api.js";

const LONGEST = 300; // messages of a channel; of more the newest half stay, the others can be loaded again

export const state = {
  guilds: [], roles: [], channels: new Map(), users: new Map(), commands: [], notices: [],
  lab: false,   // the model can be looked into and changed
  bot: "",      // the id of the user the page speaks to
  me: "",       // the id of the person who speaks
  channel: "",  // the id of the channel shown
  logs: new Map(),    // channel id → { list: messages in order, more: older ones exist, ready }
  unread: new Map(),  // channel id → messages since it was last shown
  typing: new Map(),  // channel id → Map of user id → time it ends, ms
  gone: new Set(),    // ids of messages deleted meanwhile
  touched: new Map(), // message id → time of its last change, ms: a reply that still grows
};

const listeners = new Map();

/** on calls fn with what emit passes under this name. */
export function on(name, fn) {
  if (!listeners.has(name)) listeners.set(name, []);
  listeners.get(name).push(fn);
}

/** emit tells every listener of name. */
export function emit(name, value) {
  for (const fn of listeners.get(name) ?? []) fn(value);
}

/** user never fails: somebody unknown has the name of an unknown person. */
export const user = (id) => state.users.get(id) ?? { id, name: "Somebody", bot: false };
export const me = () => user(state.me);
export const channel = () => state.channels.get(state.channel);
export const log = (id = state.channel) => state.logs.get(id) ?? { list: [], more: false, ready: false };

/** visible says whether the present person may see a message: ephemeral ones are for one person. */
export const visible = (message) => !message.only_for || message.only_for === state.me;

export const findMessage = (channelID, id) => log(channelID).list.find((m) => m.id === id);

/** dms lists the direct messages of the present person, the newest channel last. */
export const dms = () => [...state.channels.values()].filter((c) => c.kind === "dm" && c.people.includes(state.me));

let stop = () => {};

/** start loads everything and follows the changes; it runs again after a resync. */
export async function start() {
  stop();
  const snapshot = await get("api/state");
  state.guilds = snapshot.guilds;
  state.roles = snapshot.roles ?? [];
  state.channels = new Map(snapshot.channels.map((c) => [c.id, c]));
  state.users = new Map(snapshot.users.map((u) => [u.id, u]));
  state.notices = snapshot.notices;
  state.bot = snapshot.bot;
  state.lab = snapshot.lab;
  state.logs.clear();
  state.typing.clear();
  if (!state.users.has(state.me)) state.me = snapshot.users.find((u) => !u.bot)?.id ?? "";
  stop = follow(snapshot.position, { event: receive, status: (s) => emit("connection", s), resync: () => restart() });
  emit("state");
}

/** loadCommands asks which commands the present person may run in the present channel. */
export async function loadCommands() {
  const at = `${state.me} ${state.channel}`;
  try {
    const { commands } = await get(`api/commands?channel=${encodeURIComponent(state.channel)}&as=${encodeURIComponent(state.me)}`);
    if (at !== `${state.me} ${state.channel}`) return;
    state.commands = commands;
    document.body.classList.toggle("has-menu", commands.some((c) => c.type === 3));
  } catch { /* the list stays as it was; the stream tells when it changes */ }
}

async function restart() {
  for (let delay = 500; ; delay = Math.min(2 * delay, 8000)) {
    try {
      await start();
      emit("resync");
      return;
    } catch {
      emit("connection", "lost");
      await new Promise((done) => setTimeout(done, delay));
    }
  }
}

/** loadLog reads the newest messages of a channel, or those before the oldest known one. */
export async function loadLog(id, older = false) {
  const known = state.logs.get(id);
  if (known?.ready && !older) return;
  const before = older ? known?.list[0]?.id ?? "" : "";
  const answer = await get(`api/messages?channel=${encodeURIComponent(id)}&before=${encodeURIComponent(before)}`);
  const entry = state.logs.get(id) ?? { list: [], more: false, ready: false };
  const seen = new Set(entry.list.map((m) => m.id));
  entry.list = [...answer.messages.filter((m) => !seen.has(m.id) && !state.gone.has(m.id)), ...entry.list].sort(byID);
  // What an edit brought in before is not there twice, nor are there gaps: older messages are asked for by the oldest here.
  if (answer.more) entry.list = entry.list.filter((m) => byID(m, answer.messages[0]) >= 0);
  entry.more = answer.more;
  entry.ready = true;
  state.logs.set(id, entry);
}

// Snowflakes grow with time; they are longer than a double is exact, so they compare as text by length first.
const byID = (a, b) => a.id.length - b.id.length || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/** trim lets go of the oldest messages of a channel that has many, and tells whether it did. */
export function trim(id) {
  const entry = log(id);
  if (entry.list.length <= LONGEST) return false;
  entry.list = entry.list.slice(-LONGEST / 2);
  entry.more = true;
  return true;
}

const receivers = {
  message(m) {
    const entry = state.logs.get(m.channel) ?? { list: [], more: false, ready: false };
    state.logs.set(m.channel, entry);
    const i = entry.list.findIndex((x) => x.id === m.id);
    const fresh = i < 0;
    if (fresh && entry.ready && entry.more && byID(m, entry.list[0] ?? m) < 0) return; // an edit of one that is not loaded
    if (fresh) {
      entry.list.push(m);
      entry.list.sort(byID);
      if (m.channel !== state.channel && visible(m) && m.author !== state.me) {
        state.unread.set(m.channel, (state.unread.get(m.channel) ?? 0) + 1);
        emit("unread");
      }
      if (m.channel !== state.channel) trim(m.channel);
    } else {
      entry.list[i] = m;
    }
    state.touched.delete(m.id);
    state.touched.set(m.id, Date.now());
    newest(state.touched, 200);
    if (state.typing.get(m.channel)?.delete(m.author)) emit("typing");
    emit("message", { message: m, fresh });
  },
  delete({ channel: id, message }) {
    state.gone.add(message);
    newest(state.gone, 1000);
    const entry = state.logs.get(id);
    if (entry) entry.list = entry.list.filter((m) => m.id !== message);
    emit("delete", { channel: id, id: message });
  },
  typing({ channel: id, user: who }) {
    if (!state.typing.has(id)) state.typing.set(id, new Map());
    state.typing.get(id).set(who, Date.now() + 10000);
    emit("typing");
  },
  channel(c) { state.channels.set(c.id, c); emit("channels"); },
  channel_removed({ id }) { state.channels.delete(id); emit("channels"); if (id === state.channel) emit("resync"); },
  user(u) { state.users.set(u.id, u); emit("users"); },
  commands() { loadCommands(); },
  interaction(i) { emit("interaction", i); },
  trace({ message }) { emit("trace", message); },
};

function receive(name, value) {
  receivers[name]?.(value);
}
