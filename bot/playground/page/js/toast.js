// Short messages at the edge of the page: what went wrong, in words a person can use.
import { $, h, icon } from "./dom.js";

const LONGEST = 3; // toasts on screen at once; the oldest goes first

/** toast shows text until it is closed, or for a time that grows with its length. */
export function toast(text, kind = "error") {
  const box = $("toasts");
  const close = h("button", { class: "icon-button", type: "button", "aria-label": "Dismiss", onclick: () => el.remove() }, icon("close", 16));
  const el = h("div", { class: `toast is-${kind}` }, icon("info", 18), h("p", null, text), close);
  box.append(el);
  while (box.children.length > LONGEST) box.firstElementChild.remove();
  setTimeout(() => el.remove(), 5000 + 50 * text.length);
}

/** attempt runs an action and shows its failure as a toast; it resolves to undefined then. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    toast(error.message || String(error));
    return undefined;
  }
}
