// Joins the parts of the page: which channel is shown, and to whom.
import { $, icon, remember, recall } from "./dom.js";
import { state, start, on, emit, user, channel, dms, loadCommands } from "./store.js";
import * as shell from "./shell.js";
import * as sidebar from "./sidebar.js";
import * as people from "./people.js";
import * as messages from "./messages.js";
import * as composer from "./composer.js";
import * as interactions from "./interactions.js";
import * as inside from "./inside.js";
import * as tabs from "./tabs.js";
import * as language from "./language.js";
import { toast } from "./toast.js";

function show(id, before = state.channel) {
  state.channel = id;
  state.unread.delete(id);
  remember("channel", id);
  const c = channel();
  const other = c.kind === "dm" ? user(c.people.find((p) => p !== state.me)) : null;
  const name = other ? other.name : c.name;
  $("channel-icon").replaceChildren(icon(other ? "at" : c.kind === "thread" ? "thread" : "hash", 22));
  $("channel-name").textContent = name;
  $("channel-topic").textContent = c.topic ?? "";
  document.title = `${other ? "" : "#"}${name} · moebot playground`;
  location.hash = id;
  emit("chosen", id);
  composer.opened(before);
  shell.typing();
  inside.channelShown();
  loadCommands();
  return messages.open();
}

/** choose shows a channel by a person's own wish, so the caret goes to the message box. */
function choose(id) {
  shell.drawer(null);
  if (id !== state.channel) show(id);
  composer.focus();
}

function speakAs(id) {
  state.me = id;
  remember("person", id);
  emit("person", id);
  const c = channel();
  shell.drawer(null);
  show(!c || (c.kind === "dm" && !c.people.includes(id)) ? first() : c.id);
  composer.focus();
}

function first() {
  const text = [...state.channels.values()].filter((c) => c.kind === "text").sort((a, b) => a.position - b.position);
  return text[0]?.id ?? dms()[0]?.id;
}

const mayShow = (id) => { const c = state.channels.get(id); return c && (c.kind !== "dm" || c.people.includes(state.me)); };

async function begin() {
  shell.install({ panel: inside.panelShown });
  interactions.install();
  messages.install();
  composer.install();
  people.install(speakAs);
  sidebar.install(choose);
  inside.install();
  tabs.install();
  language.install();
  on("typing", shell.typing);
  on("users", () => messages.redraw());
  on("language", () => messages.redraw());
  on("resync", () => show(mayShow(state.channel) ? state.channel : first()));
  on("go", choose);
  setInterval(shell.typing, 1000);
  addEventListener("hashchange", () => { const id = location.hash.slice(1); if (mayShow(id) && id !== state.channel) show(id); });

  state.me = recall("person") ?? "";
  for (let delay = 500; ; delay = Math.min(2 * delay, 8000)) {
    try {
      await start();
      break;
    } catch (error) {
      toast(error.message);
      await new Promise((done) => setTimeout(done, delay));
    }
  }
  const wanted = [location.hash.slice(1), recall("channel")].find(mayShow);
  await show(wanted ?? first(), "");
  document.body.classList.add("is-ready");
  composer.focus();
}

begin();
