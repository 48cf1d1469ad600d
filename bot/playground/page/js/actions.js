// What can be done with one message: look inside it, answer it, change or delete it.
import { h, icon } from "./dom.js";
import { state, emit, user, me, channel } from "./store.js";
import { interact, post } from "./api.js";
import { attempt } from "./toast.js";
import { plain } from "./markdown.js";
import { names } from "./message-body.js";
import { local, w } from "./words.js";

/** actions draws the buttons that appear on a message under the pointer, the focus or a finger. */
export function actions(message) {
  if (message.only_for) return null;
  const mine = message.author === state.me;
  const mayDelete = mine || me().role === "Owner" || me().role === "Admin";
  const button = (name, picture, run) => h("button", { type: "button", class: "icon-button", title: name, "aria-label": name, onclick: (e) => { e.stopPropagation(); run(); } }, icon(picture, 18));
  return h("div", { class: "actions", role: "group", "aria-label": w("actions") },
    !message.system && apps(message),
    user(message.author).bot && button(w("look"), "inside", () => emit("look", message.id)),
    button(w("answer"), "reply", () => emit("reply", message)),
    channel()?.kind === "text" && !message.thread && button(w("startThread"), "thread", () => startThread(message)),
    mine && button(w("edit"), "edit", () => emit("edit", message)),
    mayDelete && button(w("delete"), "trash", () => attempt(() => post("api/delete", { channel: message.channel, message: message.id, as: state.me }))));
}

// Commands of the bot's for messages: Discord's type 3.
const menuCommands = () => state.commands.filter((c) => c.type === 3);

/** apps opens the list of the bot's commands for a message. */
function apps(message) {
  const box = h("span", { class: "apps" });
  let list = null;
  const close = () => {
    const was = list;
    list = null; // before it goes: its focus is lost with it, which closes as well
    was?.remove();
    toggle.setAttribute("aria-expanded", "false");
  };
  const toggle = h("button", { type: "button", class: "icon-button", title: w("apps"), "aria-label": w("apps"), "aria-haspopup": "menu", "aria-expanded": "false", onclick: open }, icon("spark", 18));
  function open(event) {
    event.stopPropagation();
    if (list) return close();
    const rows = menuCommands().map((c) => h("button", { type: "button", class: "apps-row", role: "menuitem", onclick: (e) => { e.stopPropagation(); close(); run(message, c.name); } }, local(c, "name")));
    list = h("span", { class: "apps-menu", role: "menu", "aria-label": w("apps") }, rows);
    box.append(list);
    // upwards, unless the list would leave the messages there
    const room = toggle.getBoundingClientRect().top - document.getElementById("scroller").getBoundingClientRect().top;
    list.classList.toggle("is-below", room < list.offsetHeight + 8);
    toggle.setAttribute("aria-expanded", "true");
    rows[0].focus();
  }
  box.addEventListener("keydown", (e) => {
    const rows = [...box.querySelectorAll(".apps-row")];
    const at = rows.indexOf(document.activeElement);
    if (e.key === "Escape") { e.stopPropagation(); close(); toggle.focus(); }
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step && rows.length) { e.preventDefault(); e.stopPropagation(); rows[(at + step + rows.length) % rows.length].focus(); }
  });
  box.addEventListener("focusout", (e) => { if (!box.contains(e.relatedTarget)) close(); });
  box.append(toggle);
  return box;
}

const run = (message, name) => attempt(() => interact("api/menu", { channel: message.channel, message: message.id, as: state.me, name }));

// A thread is named after the message it hangs on, as Discord's client proposes.
async function startThread(message) {
  const words = plain(message.content, names).replace(`@${user(state.bot).name}`, "").trim();
  const name = [...words].slice(0, 40).join("").trim() || "thread";
  const c = await attempt(() => post("api/thread", { channel: message.channel, message: message.id, as: state.me, name }));
  if (!c) return;
  state.channels.set(c.id, c);
  emit("channels");
  emit("go", c.id);
}
