// Small helpers for building the page. Text always enters through text nodes, never through innerHTML,
// so nothing that a person or the model writes can become markup.

/**
 * h makes an element. Properties: class, dataset, on<Event>, aria-*, and anything else as an attribute;
 * false, null and undefined leave an attribute away. Children: nodes, strings, arrays; empty ones are skipped.
 */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (key === "class") el.className = value;
    else if (key === "dataset") Object.assign(el.dataset, value);
    else if (key === "vars") for (const [name, v] of Object.entries(value)) el.style.setProperty(name, v);
    else if (key.startsWith("on")) el.addEventListener(key.slice(2).toLowerCase(), value);
    else el.setAttribute(key, value === true ? "" : value);
  }
  add(el, children);
  return el;
}

function add(el, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(el, child);
    else if (child !== null && child !== undefined && child !== false) el.append(child);
  }
}

export const $ = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

// Each icon is one path on a 24 × 24 grid, drawn as a stroke.
const PATHS = {
  hash: "M9 4 7 20M17 4l-2 16M4.5 9h16M3.5 15h16",
  at: "M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0Zm0 0v1.5a2.5 2.5 0 0 0 5 0V12a9 9 0 1 0-3.6 7.2",
  thread: "M4 5h16v10H9l-5 4V5Zm5 4h7M9 11.5h4",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6 6 18",
  reply: "M10 8V4l-7 7 7 7v-4.2c5 0 8.3 1.6 10.8 5.2-.9-5.6-4.2-10.2-10.8-11Z",
  edit: "M4 20h4L19.5 8.5a2.1 2.1 0 0 0-4-4L4 16v4Zm9.5-13.5 4 4",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5.5M13.5 11v5.5",
  send: "M4 4.5 20.5 12 4 19.5l2.5-7.5L4 4.5ZM6.5 12h7",
  plus: "M12 5v14M5 12h14",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
  auto: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Zm0 0v17M12 7.5h5M12 12h7.5M12 16.5h5",
  inside: "M12 3.5v4M12 16.5v4M3.5 12h4M16.5 12h4M12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM6 6l2 2M16 16l2 2M6 18l2-2M16 8l2-2",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Zm9.5-2.8a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6Z",
  chevron: "m8 10 4 4 4-4",
  slash: "M15.5 4 8.5 20",
  file: "M6 3.5h8l4 4V20.5H6v-17ZM14 3.5V8h4",
  info: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM12 11v5.5M12 7.5v.6",
  spark: "M12 3.5l1.9 6.6 6.6 1.9-6.6 1.9L12 20.5l-1.9-6.6L3.5 12l6.6-1.9L12 3.5Z",
};

/** icon draws one of the page's own icons; it is decoration, so the button around it carries the name. */
export function icon(name, size = 20) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("width", size);
  svg.setAttribute("height", size);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? PATHS.info);
  svg.append(path);
  return svg;
}

/** hueOf gives each person a steady colour, in degrees, from the id. */
export function hueOf(id) {
  let x = 2166136261;
  for (const c of String(id)) x = Math.imul(x ^ c.codePointAt(0), 16777619);
  x ^= x >>> 13;
  return ((x >>> 0) * 137.508) % 360;
}

/** initials are the first letters of the first two words, for an avatar without a picture. */
export function initials(name) {
  const words = String(name).trim().split(/[\s._-]+/u).filter(Boolean);
  const letters = words.slice(0, 2).map((word) => [...word][0]);
  return (letters.join("") || "?").toUpperCase();
}

/** avatar draws a person: the project's mark for the bot, initials on a steady colour for the others. */
export function avatar(user, size = 40) {
  const props = { class: "avatar", vars: { "--size": `${size}px`, "--hue": hueOf(user.id) }, "aria-hidden": "true" };
  if (user.bot) return h("span", { ...props, class: "avatar is-bot" }, h("img", { src: "icon.svg", alt: "", width: size, height: size }));
  return h("span", props, initials(user.name));
}

/** newest takes the oldest out of a Map or Set until no more than n are left. */
export function newest(all, n) {
  while (all.size > n) all.delete(all.keys().next().value);
}

/** remember and recall keep a preference in this browser; they do nothing where storage is forbidden. */
export function remember(key, value) {
  try { localStorage.setItem(`moebot.${key}`, value); } catch { /* not kept, then */ }
}

export function recall(key) {
  try { return localStorage.getItem(`moebot.${key}`); } catch { return null; }
}
