// Who speaks: the person at the foot of the sidebar, the list to choose another from, and a new one.
import { $, h, icon, avatar } from "./dom.js";
import { state, on, me } from "./store.js";
import { post } from "./api.js";
import { attempt } from "./toast.js";
import { w } from "./words.js";

let dialog;

/** install draws the present person. choose(id) lets another one speak. */
export function install(choose) {
  const button = $("person");
  const redraw = () => {
    button.replaceChildren(avatar(me(), 36), h("span", { class: "person-text" }, h("strong", null, me().name), h("span", null, w(me().role || "Member"))), icon("chevron", 18));
    button.setAttribute("aria-label", `${w("speakingAs", me().name)}, ${w(me().role || "Member")}`);
    if (dialog.open) fill(choose);
  };
  dialog = h("dialog", { class: "people", dataset: { wLabel: "speakAs" } });
  document.body.append(dialog);
  dialog.addEventListener("click", (e) => { if (e.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => { button.setAttribute("aria-expanded", "false"); });
  const show = () => {
    fill(choose);
    dialog.showModal();
    button.setAttribute("aria-expanded", "true");
    dialog.querySelector("[aria-pressed=true]")?.focus();
  };
  button.addEventListener("click", show);
  button.addEventListener("choose", show);
  for (const name of ["state", "users", "person", "language"]) on(name, redraw);
}

function fill(choose) {
  const people = [...state.users.values()].filter((u) => !u.bot);
  const rows = people.map((u) => h("li", null, h("button", {
    class: "person-row", type: "button", "aria-pressed": String(u.id === state.me), dataset: { id: u.id, speaking: w("speaking") },
    onclick: () => { dialog.close(); choose(u.id); },
  }, avatar(u, 36), h("span", { class: "person-text" }, h("strong", null, u.name), h("span", null, w(u.role || "Member"))))));
  const name = h("input", { class: "field", id: "new-name", type: "text", maxlength: "32", autocomplete: "off", placeholder: w("name") });
  const admin = h("input", { type: "checkbox", id: "new-admin" });
  const form = h("form", { class: "new-person" },
    h("h3", null, w("addPerson")),
    h("div", { class: "new-row" }, h("label", { class: "sr-only", for: "new-name" }, w("newName")), name, h("button", { class: "button is-primary", type: "submit" }, w("add"))),
    h("label", { class: "check", for: "new-admin" }, admin, w("mayAdmin")));
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const made = await attempt(() => post("api/person", { name: name.value.trim(), admin: admin.checked }));
    if (!made) return name.focus();
    state.users.set(made.id, made);
    dialog.close();
    choose(made.id);
  });
  dialog.replaceChildren(
    h("header", { class: "dialog-head" }, h("h2", null, w("speakAs")), h("button", { class: "icon-button", type: "button", "aria-label": w("close"), onclick: () => dialog.close() }, icon("close", 18))),
    h("p", { class: "hint" }, w("everybody")),
    h("ul", { class: "person-list" }, rows), form);
}
