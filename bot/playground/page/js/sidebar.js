// The list at the left: channels with their threads, and the direct messages of the present person.
import { $, h, icon, avatar } from "./dom.js";
import { state, on, user, dms } from "./store.js";
import { post } from "./api.js";
import { attempt } from "./toast.js";
import { w } from "./words.js";

/** install draws the list whenever something in it changes. choose(id) shows a channel. */
export function install(choose) {
  const redraw = () => draw(choose);
  for (const name of ["state", "channels", "users", "unread", "chosen", "person", "language"]) on(name, redraw);
  $("channels").addEventListener("keydown", walk);
}

function draw(choose) {
  const focused = document.activeElement?.closest?.(".channel")?.dataset.id;
  const box = $("channels");
  const all = [...state.channels.values()];
  const parts = [];
  $("guild-name").textContent = state.guilds[0]?.name ?? "moebot playground";
  for (const guild of state.guilds) {
    const title = state.guilds.length > 1 ? guild.name : w("channels");
    const text = all.filter((c) => c.guild === guild.id && c.kind === "text").sort((a, b) => a.position - b.position);
    parts.push(section(title, text.flatMap((c) => [row(c, choose), ...all.filter((t) => t.kind === "thread" && t.parent === c.id).map((t) => row(t, choose, true))])));
  }
  const direct = dms();
  const bot = user(state.bot);
  const rows = direct.map((c) => row(c, choose));
  if (!direct.some((c) => c.people.includes(state.bot))) rows.unshift(newDM(bot, choose));
  parts.push(section(w("direct"), rows));
  box.replaceChildren(...parts);
  if (focused) box.querySelector(`[data-id="${focused}"]`)?.focus();
}

const section = (title, rows) => h("section", { class: "channel-section" }, h("h2", null, title), h("ul", null, rows));

function row(c, choose, inner = false) {
  const now = c.id === state.channel;
  const unread = state.unread.get(c.id) ?? 0;
  const other = c.kind === "dm" ? user(c.people.find((id) => id !== state.me)) : null;
  const name = other ? other.name : c.name;
  return h("li", { class: inner ? "is-inner" : "" }, h("button", {
    class: ["channel", now && "is-now", unread && "is-unread"].filter(Boolean).join(" "), type: "button",
    dataset: { id: c.id }, "aria-current": now ? "page" : null, onclick: () => choose(c.id),
  },
    other ? avatar(other, 26) : h("span", { class: "channel-icon" }, icon(c.kind === "thread" ? "thread" : "hash", 18)),
    h("span", { class: "channel-name" }, name),
    unread ? h("span", { class: "pip", "aria-label": w("unread", unread) }, unread > 99 ? "99+" : String(unread)) : null));
}

function newDM(bot, choose) {
  const open = async () => {
    const c = await attempt(() => post("api/dm", { as: state.me }));
    if (!c) return;
    state.channels.set(c.id, c);
    choose(c.id);
  };
  return h("li", null, h("button", { class: "channel", type: "button", dataset: { id: `new-${bot.id}` }, onclick: open }, avatar(bot, 26), h("span", { class: "channel-name" }, bot.name)));
}

function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const here = event.target.closest?.(".channel");
  if (!step || !here) return;
  event.preventDefault();
  const all = [...$("channels").querySelectorAll(".channel")];
  all[(all.indexOf(here) + step + all.length) % all.length].focus();
}
