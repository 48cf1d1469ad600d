// A list of choices above the entry: commands, people, fixed values. The focus stays in the field.
import { h } from "./dom.js";

let serial = 0;

/**
 * listbox attaches to an input or textarea. show(items) draws rows of { label, detail, picture, value };
 * choose(value) is called for the row picked by Enter, Tab, a click or a tap. key(event) handles a key and
 * tells whether it was used.
 */
export function listbox(field, label, choose) {
  const id = `list-${++serial}`;
  const box = h("ul", { id, class: "listbox", role: "listbox", "aria-label": label, hidden: true });
  field.setAttribute("aria-controls", id);
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-expanded", "false");
  let items = [];
  let at = 0;

  const mark = () => {
    [...box.children].forEach((row, i) => row.setAttribute("aria-selected", String(i === at)));
    const row = box.children[at];
    if (row) {
      field.setAttribute("aria-activedescendant", row.id);
      row.scrollIntoView({ block: "nearest" });
    } else {
      field.removeAttribute("aria-activedescendant");
    }
  };
  const hide = () => {
    box.hidden = true;
    items = [];
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const pick = (i) => {
    const item = items[i];
    hide();
    if (item) choose(item.value);
  };
  const show = (rows) => {
    items = rows;
    at = 0;
    box.replaceChildren(...rows.map((row, i) => h("li", {
      id: `${id}-${i}`, role: "option", class: "list-row",
      onpointerdown: (e) => e.preventDefault(), onclick: () => pick(i), onpointermove: () => { if (at !== i) { at = i; mark(); } },
    }, row.picture, h("span", { class: "list-label" }, row.label), h("span", { class: "list-detail" }, row.detail ?? ""))));
    box.hidden = rows.length === 0;
    field.setAttribute("aria-expanded", String(rows.length > 0));
    mark();
  };
  const key = (event) => {
    if (box.hidden || event.isComposing) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      at = (at + step + items.length) % items.length;
      mark();
    } else if (event.key === "Enter" || event.key === "Tab") {
      pick(at);
    } else if (event.key === "Escape") {
      hide();
    } else {
      return false;
    }
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  return { box, show, hide, key, get open() { return !box.hidden; } };
}
