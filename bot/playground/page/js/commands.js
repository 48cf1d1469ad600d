// Slash commands: which there are, and the form that asks for their options.
import { h, icon } from "./dom.js";
import { state } from "./store.js";
import { post, RequestError } from "./api.js";
import { toast } from "./toast.js";

// Discord's option types.
const SUB = 1, GROUP = 2, TEXT = 3, INTEGER = 4, BOOLEAN = 5, USER = 6, CHANNEL = 7, NUMBER = 10;

/** flat lists every command that can be run, subcommands by their whole path: { path, description, options }. */
export function flat() {
  const out = [];
  for (const c of state.commands) {
    if ((c.type ?? 1) !== 1) continue;
    const walk = (node, path) => {
      const inner = (node.options ?? []).filter((o) => o.type === SUB || o.type === GROUP);
      if (!inner.length) out.push({ path, description: node.description ?? "", options: node.options ?? [] });
      for (const o of inner) walk(o, `${path} ${o.name}`);
    };
    walk(c, c.name);
  }
  return out.sort((a, b) => a.path.localeCompare(b.path));
}

/** matches filters by what was typed after the slash: names that begin with it first, then those that contain it. */
export function matches(text) {
  const wanted = text.trim().toLowerCase();
  const all = flat();
  const begins = all.filter((c) => c.path.startsWith(wanted) || wanted.startsWith(`${c.path} `));
  return [...begins, ...all.filter((c) => !begins.includes(c) && c.path.includes(wanted))].slice(0, 25);
}

/** commandForm asks for the options of one command. Errors stand below their field; the server's own too. */
export function commandForm(command, { closed, done, cancel }) {
  const fields = command.options.map(field);
  const problem = h("p", { class: "form-problem", role: "alert" });
  const element = h("div", { class: "command-form", role: "group", "aria-label": `/${command.path}` },
    h("div", { class: "command-head" },
      h("span", { class: "command-title" }, icon("slash", 14), command.path),
      h("span", { class: "command-detail" }, command.description),
      h("button", { class: "icon-button", type: "button", "aria-label": "Cancel the command", title: "Cancel (Esc)", onclick: cancel }, icon("close", 16))),
    fields.length ? h("div", { class: "option-list" }, fields.map((f) => f.element)) : null,
    problem,
    h("div", { class: "command-foot" }, h("button", { class: "button is-primary", type: "submit" }, "Run ", h("kbd", { "aria-hidden": "true" }, "Enter"))));
  let open = true;
  let busy = false;

  element.addEventListener("keydown", (e) => {
    if (e.key === "Escape") { e.preventDefault(); cancel(); }
    if (e.key === "Enter" && e.target.tagName === "INPUT" && !e.isComposing) { e.preventDefault(); submit(); }
  });

  async function submit() {
    if (busy) return;
    const values = [];
    let bad = null;
    for (const f of fields) {
      const { value, error } = f.read();
      f.complain(error);
      if (error) bad ??= f;
      else if (value !== undefined) values.push({ name: f.name, value });
    }
    if (bad) return bad.focus();
    busy = true;
    problem.textContent = "";
    try {
      await post("api/command", { channel: state.channel, as: state.me, name: command.path, options: values });
      if (open) done();
    } catch (error) {
      problem.textContent = error.message;
      if (!(error instanceof RequestError) || error.status === 0) toast(error.message);
    } finally {
      busy = false;
    }
  }

  return {
    element, submit,
    focus() { (element.querySelector(".option-list input, .option-list select") ?? element.querySelector("[type=submit]")).focus(); },
    close() { if (open) { open = false; closed(); } },
  };
}

let serial = 0;

function field(option) {
  const id = `option-${++serial}`;
  const input = control(option, id);
  const error = h("p", { class: "field-error", id: `${id}-error` });
  input.setAttribute("aria-describedby", `${id}-help ${id}-error`);
  const element = h("div", { class: "option" },
    h("label", { for: id }, option.name, option.required ? h("span", { class: "must", title: "needed" }, " *") : null),
    input, h("p", { class: "help", id: `${id}-help` }, [option.description, hint(option)].filter(Boolean).join(" · ")), error);
  const complain = (text) => {
    error.textContent = text ?? "";
    input.toggleAttribute("aria-invalid", Boolean(text));
  };
  input.addEventListener("input", () => complain());
  return { name: option.name, element, complain, focus: () => input.focus(), read: () => read(option, input.value) };
}

function control(option, id) {
  const choose = (rows) => h("select", { id, class: "field", required: option.required },
    h("option", { value: "" }, option.required ? "Choose…" : "(none)"), rows.map(([value, label]) => h("option", { value }, label)));
  if (option.choices?.length) return choose(option.choices.map((c) => [String(c.value), c.name]));
  if (option.type === BOOLEAN) return choose([["true", "Yes"], ["false", "No"]]);
  if (option.type === USER) return choose([...state.users.values()].map((u) => [u.id, u.name]));
  if (option.type === CHANNEL) return choose([...state.channels.values()].filter((c) => c.kind !== "dm").map((c) => [c.id, `#${c.name}`]));
  const numeric = option.type === INTEGER || option.type === NUMBER;
  return h("input", {
    id, class: "field", type: "text", autocomplete: "off", inputmode: numeric ? "decimal" : "text",
    placeholder: numeric ? range(option) || "a number" : "text", maxlength: option.type === TEXT ? option.max_length ?? 6000 : null,
  });
}

function range(o) {
  const low = o.min_value, high = o.max_value;
  if (low !== undefined && high !== undefined) return `${low} to ${high}`;
  if (low !== undefined) return `at least ${low}`;
  return high !== undefined ? `at most ${high}` : "";
}

function hint(o) {
  if (o.type === INTEGER) return ["whole number", range(o)].filter(Boolean).join(", ");
  if (o.type === NUMBER) return range(o);
  return o.type === TEXT && o.max_length ? `at most ${o.max_length} characters` : "";
}

/** read turns the text of a field into the option's value, or says what is wrong with it. */
function read(o, text) {
  const given = text.trim();
  if (given === "") return o.required ? { error: "This one is needed." } : {};
  const chosen = o.choices?.find((c) => String(c.value) === given);
  if (chosen) return { value: chosen.value };
  if (o.type === BOOLEAN) return { value: given === "true" };
  if (o.type !== INTEGER && o.type !== NUMBER) {
    if (o.min_length && text.length < o.min_length) return { error: `At least ${o.min_length} characters.` };
    return { value: text };
  }
  const value = Number(given.replace(",", "."));
  if (!Number.isFinite(value)) return { error: `“${given}” is not a number.` };
  if (o.type === INTEGER && !Number.isInteger(value)) return { error: "A whole number, please." };
  if (o.min_value !== undefined && value < o.min_value) return { error: `Not below ${o.min_value}.` };
  if (o.max_value !== undefined && value > o.max_value) return { error: `Not above ${o.max_value}.` };
  return { value };
}
