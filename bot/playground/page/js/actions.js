// What can be done with one message: look inside it, answer it, change or delete it.
import { h, icon } from "./dom.js";
import { state, emit, user, me, channel } from "./store.js";
import { post } from "./api.js";
import { attempt } from "./toast.js";
import { plain } from "./markdown.js";
import { names } from "./message-body.js";

/** actions draws the buttons that appear on a message under the pointer, the focus or a finger. */
export function actions(message) {
  if (message.only_for) return null;
  const mine = message.author === state.me;
  const mayDelete = mine || me().role === "Owner" || me().role === "Admin";
  const button = (name, picture, run) => h("button", { type: "button", class: "icon-button", title: name, "aria-label": name, onclick: (e) => { e.stopPropagation(); run(); } }, icon(picture, 18));
  return h("div", { class: "actions", role: "group", "aria-label": "Message actions" },
    user(message.author).bot && button("Look inside this reply", "inside", () => emit("look", message.id)),
    button("Reply", "reply", () => emit("reply", message)),
    channel()?.kind === "text" && !message.thread && button("Start a thread", "thread", () => startThread(message)),
    mine && button("Edit", "edit", () => emit("edit", message)),
    mayDelete && button("Delete", "trash", () => attempt(() => post("api/delete", { channel: message.channel, message: message.id, as: state.me }))));
}

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
