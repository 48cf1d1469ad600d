// What a message holds: text, embeds, attachments, buttons, and the marks below.
import { h, icon } from "./dom.js";
import { state, user, emit } from "./store.js";
import { render, isOnlyEmoji } from "./markdown.js";
import { interact } from "./api.js";
import { attempt } from "./toast.js";
import { pressed } from "./interactions.js";
import { w, dates } from "./words.js";

/** names gives the words for the mentions in a text; undefined where nobody is known by the id. */
export const names = {
  user: (id) => state.users.get(id)?.name,
  channel: (id) => state.channels.get(id)?.name,
  role: (id) => state.roles.find((r) => r.id === id)?.name.replace(/^@/, ""),
};

/** body draws everything inside a message but its head. */
export function body(message) {
  const out = document.createDocumentFragment();
  if (message.system === "thread") {
    out.append(h("p", { class: "thinking" }, icon("thread", 16), ` started a thread: ${message.content}`));
  } else if (message.loading) {
    out.append(h("p", { class: "thinking" }, dots(), `${user(message.author).name} is thinking…`));
  } else if (message.content) {
    const text = h("div", { class: isOnlyEmoji(message.content) ? "text is-emoji" : "text" }, render(message.content, names, state.me));
    const last = text.lastElementChild;
    if (message.edited) (last?.tagName === "P" ? last : text).append(h("span", { class: "edited", title: new Date(message.edited).toLocaleString(dates()) }, w("wasEdited")));
    out.append(text);
  }
  for (const file of message.attachments ?? []) out.append(attachment(file));
  for (const e of message.embeds ?? []) out.append(embed(e));
  for (const row of message.components ?? []) out.append(componentRow(message, row));
  if (message.reactions?.length) out.append(h("div", { class: "reactions" }, message.reactions.map((r) => h("span", { class: r.users.includes(state.me) ? "reaction is-mine" : "reaction", title: r.users.map((id) => user(id).name).join(", ") }, r.emoji.replace(/:\d+$/, ""), " ", String(r.users.length)))));
  if (message.thread && state.channels.has(message.thread)) {
    out.append(h("button", { class: "thread-link", type: "button", onclick: () => emit("go", message.thread) }, icon("thread", 16), state.channels.get(message.thread).name));
  }
  if (message.only_for) {
    out.append(h("p", { class: "private-note" }, icon("eye", 14), w("onlyYou")));
  }
  return out;
}

/** dots is the mark of somebody who is about to write. */
export const dots = () => h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));

const isPicture = (file) => /^image\/(png|jpeg|gif|webp)$/.test(file.type);

function attachment(file) {
  if (isPicture(file)) {
    const picture = h("img", { src: file.url, alt: file.description || file.name, loading: "lazy", width: file.width || null, height: file.height || null });
    return h("a", { class: "picture", href: file.url, target: "_blank", rel: "noopener noreferrer", "aria-label": `Open the picture ${file.name}` }, picture);
  }
  return h("a", { class: "file", href: file.url, download: file.name }, icon("file", 26), h("span", { class: "file-name" }, file.name), h("span", { class: "file-size" }, size(file.size)));
}

function size(n) {
  if (n < 1000) return `${n} bytes`;
  return n < 1e6 ? `${(n / 1000).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`;
}

function embed(e) {
  const text = (value, tag, cls) => value ? h(tag, { class: cls }, render(value, names, state.me)) : null;
  const color = Number.isInteger(e.color) && e.color ? `#${e.color.toString(16).padStart(6, "0").slice(-6)}` : null;
  const el = h("div", { class: "embed", vars: color ? { "--edge": color } : {} });
  const main = h("div", { class: "embed-main" },
    text(e.author?.name, "div", "embed-author"),
    text(e.title, "div", "embed-title"),
    text(e.description, "div", "embed-text"),
    e.fields?.length ? h("div", { class: "embed-fields" }, e.fields.map((f) => h("div", { class: f.inline ? "embed-field is-inline" : "embed-field" }, text(f.name, "div", "field-name"), text(f.value, "div", "field-value")))) : null);
  el.append(main);
  if (e.thumbnail?.url) el.append(h("img", { class: "embed-thumb", src: e.thumbnail.url, alt: "" }));
  if (e.image?.url) el.append(h("a", { class: "picture", href: e.image.url, target: "_blank", rel: "noopener noreferrer", "aria-label": "Open the picture" }, h("img", { src: e.image.url, alt: e.title || "Picture", width: e.image.width || null, height: e.image.height || null })));
  const foot = [e.footer?.text, e.timestamp && new Date(e.timestamp).toLocaleString(dates())].filter(Boolean).join(" · ");
  if (foot) el.append(h("div", { class: "embed-foot" }, foot));
  return el;
}

// Discord's numbers: 1 a row, 2 a button, 3 a menu of texts; of the newer kind 9 a section, 10 text, 14 a line,
// 17 a container. Others show nothing.
const STYLES = { 1: "is-primary", 2: "", 3: "is-success", 4: "is-danger", 5: "is-link" };

function componentRow(message, row) {
  if (row.type === 10) return h("div", { class: "text" }, render(row.content ?? "", names, state.me));
  if (row.type === 14) return h("hr");
  if (row.type === 9) return h("div", { class: "component-section" }, h("div", null, (row.components ?? []).map((c) => componentRow(message, c))), row.accessory?.type === 2 ? pushButton(message, row.accessory) : null);
  if (row.type === 17) return h("div", { class: "embed" }, h("div", { class: "embed-main" }, (row.components ?? []).map((c) => componentRow(message, c))));
  return h("div", { class: "component-row" }, (row.components ?? []).map((c) => {
    if (c.type === 2) return pushButton(message, c);
    if (c.type === 3) return menu(message, c);
    return null;
  }));
}

function pushButton(message, c) {
  const label = [c.emoji?.name, c.label].filter(Boolean).join(" ");
  if (c.style === 5) return h("span", { class: "button is-link", title: c.url }, label);
  const el = h("button", { class: `button ${STYLES[c.style] ?? ""}`, type: "button", disabled: Boolean(c.disabled), onclick: () => click(message, c.custom_id, [], el) }, label || "…");
  return el;
}

function menu(message, c) {
  const el = h("select", { class: "menu", "aria-label": c.placeholder || "Choose", disabled: Boolean(c.disabled), onchange: () => click(message, c.custom_id, [el.value], el) },
    h("option", { value: "", disabled: true, selected: true }, c.placeholder || "Choose…"),
    (c.options ?? []).map((o) => h("option", { value: o.value }, o.label)));
  return el;
}

async function click(message, id, values, el) {
  el.disabled = true;
  const answer = await attempt(() => interact("api/click", { channel: message.channel, message: message.id, as: state.me, id, values }));
  if (answer) pressed(answer.interaction, el);
  else el.disabled = false;
}
