// Discord's message markdown to nodes. Everything a person or the model writes becomes text nodes inside a
// fixed set of elements: there is no path from the input to markup, attributes or addresses.
import { h } from "./dom.js";

const DEEPEST = 8; // nesting of styles; what lies deeper stays plain text

/**
 * render turns message text into a fragment. names: { user(id), channel(id), role(id) } give the words for mentions,
 * or undefined for unknown ones; me marks mentions of the present person.
 */
export function render(text, names = {}, me = "") {
  const context = { names, me };
  const out = document.createDocumentFragment();
  blocks(text.replace(/\r\n?/g, "\n"), out, context, 0);
  return out;
}

/** plain gives the same text in one line without styles, for quotes and announcements. */
export function plain(text, names = {}) {
  const node = document.createElement("div");
  node.append(render(text, names));
  for (const block of node.querySelectorAll("p, li, pre, h3, h4, h5, blockquote, br")) block.append(" ");
  return node.textContent.replace(/\s+/g, " ").trim();
}

// Lines to blocks: fences, headings, quotes, lists, paragraphs.
function blocks(text, out, context, depth) {
  const lines = text.split("\n");
  let paragraph = [];
  const flush = () => {
    while (paragraph.length && paragraph.at(-1) === "") paragraph.pop();
    if (paragraph.length) out.append(withBreaks(h("p"), paragraph, context));
    paragraph = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    const fence = line.indexOf("```");
    if (fence >= 0 && opensFence(lines, i, fence)) {
      if (line.slice(0, fence).trim()) paragraph.push(line.slice(0, fence));
      flush();
      i = fenced(lines, i, fence, out);
      continue;
    }
    const heading = /^(#{1,3})\s+(.+)$/.exec(line);
    const quote = depth < DEEPEST && /^>(>>)?\s/.exec(line);
    if (heading) {
      flush();
      out.append(inline(heading[2], h(`h${heading[1].length + 2}`), context, 0));
    } else if (line.startsWith("-# ")) {
      flush();
      out.append(inline(line.slice(3), h("p", { class: "small" }), context, 0));
    } else if (quote) {
      flush();
      const body = [line.slice(quote[0].length)];
      if (quote[1]) { body.push(...lines.slice(i + 1)); i = lines.length; }
      else while (lines[i + 1]?.startsWith("> ")) body.push(lines[++i].slice(2));
      const box = h("blockquote");
      blocks(body.join("\n"), box, context, depth + 1);
      out.append(box);
    } else if (isItem(line)) {
      flush();
      i = list(lines, i, out, context);
    } else if (line === "" && !paragraph.length) {
      continue;
    } else {
      paragraph.push(line);
    }
  }
  flush();
}

// A fence opens when it is closed later, or when it begins its line: a reply that still streams has no end yet.
function opensFence(lines, i, at) {
  const rest = lines[i].slice(at + 3);
  if (rest.includes("```")) return false; // ```code``` in one line is inline
  return at === 0 || lines.slice(i + 1).some((line) => line.includes("```"));
}

function fenced(lines, i, at, out) {
  const language = lines[i].slice(at + 3).trim();
  const named = /^[\w+#.-]{1,20}$/.test(language);
  const code = named || !language ? [] : [language];
  let j = i + 1;
  for (; j < lines.length; j++) {
    const end = lines[j].indexOf("```");
    if (end < 0) { code.push(lines[j]); continue; }
    if (lines[j].slice(0, end)) code.push(lines[j].slice(0, end));
    const after = lines[j].slice(end + 3);
    if (after.trim()) lines.splice(j + 1, 0, after);
    break;
  }
  const label = named ? h("span", { class: "fence-language", "aria-hidden": "true" }, language) : null;
  out.append(h("div", { class: "fence" }, label, h("pre", { tabindex: "0", "aria-label": named ? `Code, ${language}` : "Code" }, h("code", null, code.join("\n")))));
  return j;
}

const ITEM = /^(\s*)(?:[-*]|(\d{1,9})[.)])\s+(.*)$/;
const isItem = (line) => ITEM.test(line);

// Items with two or more blanks in front belong to the item above; one level is enough for a chat.
function list(lines, i, out, context) {
  const first = ITEM.exec(lines[i]);
  const root = first[2] ? h("ol", { start: first[2] }) : h("ul");
  let inner = null;
  for (; i < lines.length; i++) {
    const item = ITEM.exec(lines[i]);
    if (!item) break;
    const el = inline(item[3], h("li"), context, 0);
    if (item[1].length >= 2 && root.lastElementChild) {
      if (!inner) root.lastElementChild.append(inner = h(item[2] ? "ol" : "ul"));
      inner.append(el);
    } else {
      if (Boolean(item[2]) !== (root.tagName === "OL")) break;
      inner = null;
      root.append(el);
    }
  }
  out.append(root);
  return i - 1;
}

function withBreaks(el, lines, context) {
  return inline(lines.join("\n"), el, context, 0);
}

// The inline rules, tried in this order at each place. Each has the whole match and how it becomes nodes.
const RULES = [
  [/^\\([^\p{L}\p{N}\s])/u, (m, el) => el.append(m[1])],
  [/^```([^`]|`(?!``))+?```/, (m, el) => el.append(h("code", null, m[0].slice(3, -3)))],
  [/^(`+)([^`]|[^`][^]*?[^`])\1(?!`)/, (m, el) => el.append(h("code", null, m[2].replace(/^ (?=`)|(?<=`) $/g, "")))],
  [/^\*\*\*(?=\S)([^]+?\S)\*\*\*(?!\*)/, (m, el, go) => el.append(h("strong", null, go(m[1], h("em"))))],
  [/^\*\*(?=\S)([^]+?)\*\*(?!\*)/, (m, el, go) => el.append(go(m[1], h("strong")))],
  [/^__(?=\S)([^]+?)__(?!_)/, (m, el, go) => el.append(go(m[1], h("u")))],
  [/^\*(?=[^\s*])((?:\*\*[^*]+\*\*|[^*])+)\*(?!\*)/, (m, el, go) => el.append(go(m[1], h("em")))],
  [/^_(?=[^\s_])((?:__[^_]+__|[^_])+)_(?![\p{L}\p{N}_])/u, (m, el, go) => el.append(go(m[1], h("em")))],
  [/^~~(?=\S)([^]+?)~~/, (m, el, go) => el.append(go(m[1], h("s")))],
  [/^\|\|([^]+?)\|\|/, (m, el, go) => el.append(spoiler(go(m[1], h("span"))))],
  [/^<@!?(\d{1,20})>/, (m, el, _, c) => el.append(mention("@", c.names.user?.(m[1]) ?? "somebody", m[1] === c.me))],
  [/^<@&(\d{1,20})>/, (m, el, _, c) => el.append(mention("@", c.names.role?.(m[1]) ?? "some role", false))],
  [/^<#(\d{1,20})>/, (m, el, _, c) => el.append(mention("#", c.names.channel?.(m[1]) ?? "some-channel", false))],
  [/^@(everyone|here)\b/, (m, el) => el.append(mention("@", m[1], true))],
  [/^<a?(:\w{2,32}:)\d{1,20}>/, (m, el) => el.append(m[1])],
  [/^<t:(-?\d{1,13})(?::[tTdDfFR])?>/, (m, el) => el.append(moment(Number(m[1])))],
  [/^\[([^\]\n]{1,500})\]\((https?:\/\/[^\s()]{1,500})\)/, (m, el, go) => el.append(go(m[1], h("span", { class: "link" })), ` (${m[2]})`)],
  [/^<?(https?:\/\/[^\s<>]{1,500}[^\s<>.,:;"')\]!?])>?/, (m, el) => el.append(h("span", { class: "link" }, m[1]))],
];

// Places where a rule can begin; all between is copied at once, so that long plain text costs one pass.
const SPECIAL = /[\\`*_~|<@[\n]|https?:\/\//;

function inline(text, el, context, depth) {
  const go = (inner, target) => inline(inner, target, context, depth + 1);
  let before = "";
  while (text) {
    const at = depth > DEEPEST ? -1 : text.search(SPECIAL);
    if (at !== 0) {
      const end = at < 0 ? text.length : at;
      el.append(text.slice(0, end));
      before = text[end - 1];
      text = text.slice(end);
      continue;
    }
    if (text[0] === "\n") {
      el.append(h("br"));
      before = "\n";
      text = text.slice(1);
      continue;
    }
    const inWord = text[0] === "_" && /[\p{L}\p{N}]/u.test(before); // snake_case is not italics
    const hit = !inWord && firstRule(text);
    if (hit) {
      hit[1](hit[0], el, go, context);
      before = hit[0][0].at(-1);
      text = text.slice(hit[0][0].length);
    } else {
      const run = /^(.)\1*/su.exec(text)[0]; // a whole run of the same character: "****" is text once, not four tries
      el.append(run);
      before = run.at(-1);
      text = text.slice(run.length);
    }
  }
  return el;
}

function firstRule(text) {
  for (const [pattern, make] of RULES) {
    const match = pattern.exec(text);
    if (match) return [match, make];
  }
  return null;
}

const mention = (sign, name, forMe) => h("span", { class: forMe ? "mention is-me" : "mention" }, sign + name);

function moment(seconds) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  return h("time", { datetime: date.toISOString(), class: "moment" }, date.toLocaleString());
}

function spoiler(body) {
  const el = h("span", { class: "spoiler", role: "button", tabindex: "0", "aria-label": "Spoiler, press to show", "aria-expanded": "false" }, body);
  body.setAttribute("aria-hidden", "true");
  const show = () => {
    el.classList.add("is-open");
    el.setAttribute("aria-expanded", "true");
    el.removeAttribute("aria-label");
    body.removeAttribute("aria-hidden");
  };
  el.addEventListener("click", show);
  el.addEventListener("keydown", (e) => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); show(); } });
  return el;
}

const EMOJI = /^(?:\p{Extended_Pictographic}[\p{Emoji_Modifier}\uFE0F]*(?:\u200D\p{Extended_Pictographic}[\p{Emoji_Modifier}\uFE0F]*)*|\p{Regional_Indicator}{2}|\s){1,40}$/u;

/** isOnlyEmoji tells a message of a few emoji and nothing else, which is shown larger. */
export const isOnlyEmoji = (text) => text.trim() !== "" && text.length < 120 && EMOJI.test(text);
