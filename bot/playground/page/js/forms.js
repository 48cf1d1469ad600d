// Forms that the bot opens, as a dialog of the browser's own: it keeps the focus and closes with Escape.
import { h } from "./dom.js";
import { state } from "./store.js";
import { interact } from "./api.js";
import { w } from "./words.js";

let serial = 0;

/** openForm shows the form of an interaction, and sends what was written. */
export function openForm({ id, form }) {
  const as = state.me; // whoever speaks when it is sent, the form is this person's
  const fields = form.inputs.map((input) => field(input));
  const problem = h("p", { class: "form-problem", role: "alert" });
  const title = `form-${++serial}`;
  const send = h("button", { class: "button is-primary", type: "submit" }, w("send"));
  const dialog = h("dialog", { class: "form-dialog", "aria-labelledby": title },
    h("form", { method: "dialog", novalidate: true, onsubmit: submit },
      h("h2", { id: title }, form.title),
      fields.map((f) => f.element), problem,
      h("div", { class: "dialog-foot" },
        h("button", { class: "button", type: "button", onclick: () => dialog.close() }, w("cancel")), send)));
  dialog.addEventListener("keydown", (e) => { if (e.key === "Escape") { e.preventDefault(); dialog.close(); } });
  dialog.addEventListener("close", () => { dialog.remove(); document.getElementById("entry")?.focus(); });
  document.body.append(dialog);
  dialog.showModal();
  fields[0]?.input.focus();

  async function submit(event) {
    event.preventDefault();
    const values = {};
    for (const f of fields) {
      const error = f.check();
      if (error) {
        problem.textContent = error;
        return f.input.focus();
      }
      values[f.id] = f.input.value;
    }
    send.disabled = true;
    try {
      await interact("api/submit", { as, interaction: id, values });
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
      send.disabled = false;
    }
  }
}

function field(input) {
  const id = `input-${++serial}`;
  const props = { id, class: "field", maxlength: input.max, placeholder: input.placeholder ?? null, "aria-required": input.required ? "true" : null };
  const el = input.long ? h("textarea", { ...props, rows: 8 }) : h("input", { ...props, type: "text", autocomplete: "off" });
  el.value = input.value ?? "";
  return {
    id: input.id, input: el,
    element: h("div", { class: "option" }, h("label", { for: id }, input.label, input.required ? h("span", { class: "must", title: "needed" }, " *") : null), el),
    check() {
      const n = el.value.length;
      if (input.required && el.value.trim() === "") return `${input.label}: this one is needed.`;
      return n < (input.min ?? 0) ? `${input.label}: at least ${input.min} characters.` : "";
    },
  };
}
