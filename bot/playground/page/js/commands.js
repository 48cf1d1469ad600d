// Slash commands: which there are, and the form that asks for their options.
import { h, icon } from "./dom.js";
import { state } from "./store.js";
import { interact, RequestError } from "./api.js";
import { toast } from "./toast.js";
import { listbox } from "./listbox.js";
import { local } from "./words.js";

// Discord's option types.
const SUB = 1, GROUP = 2, TEXT = 3, INTEGER = 4, BOOLEAN = 5, USER = 6, CHANNEL = 7, ROLE = 8, NUMBER = 10, FILE = 11;

// What is wanted every day, and what who keeps a server wants, in this order: the first before and the second behind
// all other commands, which are in the order of the alphabet.
const DAILY = ["ask", "regenerate", "stop", "temperature", "persona", "sampling", "reset", "help"], LAST = ["settings", "steer", "admin"];

const rank = ({ path }) => {
  const name = path.split(" ")[0];
  return DAILY.includes(name) ? DAILY.indexOf(name) : DAILY.length + 1 + LAST.indexOf(name);
};

/** flat lists every command that can be run, subcommands by their whole path: { path, description, options }. */
export function flat() {
  const out = [];
  for (const c of state.commands) {
    if ((c.type ?? 1) !== 1) continue;
    const walk = (node, path) => {
      const inner = (node.options ?? []).filter((o) => o.type === SUB || o.type === GROUP);
      if (!inner.length) out.push({ path, description: local(node, "description"), options: node.options ?? [] });
      for (const o of inner) walk(o, `${path} ${o.name}`);
    };
    walk(c, c.name);
  }
  return out.sort((a, b) => rank(a) - rank(b) || a.path.localeCompare(b.path));
}

/** matches filters by what was typed after the slash: names that begin with it first, then those that contain it. */
export function matches(text) {
  const wanted = text.trim().toLowerCase();
  const all = flat();
  const begins = all.filter((c) => c.path.startsWith(wanted) || wanted.startsWith(`${c.path} `));
  return [...begins, ...all.filter((c) => !begins.includes(c) && c.path.includes(wanted))];
}

/** commandForm asks for the options of one command. Errors stand below their field; the server's own too. */
export function commandForm(command, { closed, done, cancel }) {
  const fields = command.options.map((o) => field(o, (typed) => suggest(command.path, fields, typed)));
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
    busy = true;
    await Promise.all(fields.map((f) => f.settled()));
    busy = false;
    if (!open) return;
    const values = [];
    let bad = null;
    for (const f of fields) {
      const { value, file, error } = f.read();
      f.complain(error);
      if (error) bad ??= f;
      else if (file) values.push({ name: f.name, file });
      else if (value !== undefined) values.push({ name: f.name, value });
    }
    if (bad) return bad.focus();
    busy = true;
    problem.textContent = "";
    try {
      await interact("api/command", { channel: state.channel, as: state.me, name: command.path, options: values });
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

/** suggest asks the bot what it suggests for one option, knowing what stands in the others. */
async function suggest(path, fields, typed) {
  const options = [];
  for (const f of fields) {
    if (f.name === typed.name) options.push(typed);
    else if (!f.isFile) {
      const { value } = f.read();
      if (value !== undefined) options.push({ name: f.name, value });
    }
  }
  try {
    return (await interact("api/complete", { channel: state.channel, as: state.me, name: path, focused: typed.name, options })).choices;
  } catch {
    return []; // suggestions are a help, no more
  }
}

/** complete shows suggestions below a field while it is typed. */
function complete(option, input, ask) {
  const list = listbox(input, `Suggestions for ${option.name}`, (value) => {
    input.value = String(value);
    input.dispatchEvent(new Event("change"));
  });
  input.setAttribute("role", "combobox");
  let turn = 0;
  const look = async () => {
    const mine = ++turn;
    const choices = await ask({ name: option.name, value: input.value });
    if (mine !== turn || document.activeElement !== input) return;
    list.show(choices.map((c) => ({ label: c.name, value: c.value })));
  };
  let timer = 0;
  const later = () => { clearTimeout(timer); timer = setTimeout(look, 120); };
  input.addEventListener("input", later);
  input.addEventListener("focus", later);
  input.addEventListener("blur", () => { turn++; clearTimeout(timer); list.hide(); });
  input.addEventListener("keydown", (e) => list.key(e));
  return list.box;
}

/** fileOf keeps the content of a chosen file, in base64; settled waits until it is read. */
function fileOf(input) {
  let file = null;
  let reading = Promise.resolve();
  input.addEventListener("change", () => {
    file = null;
    const chosen = input.files[0];
    if (!chosen) return;
    reading = new Promise((over) => {
      const reader = new FileReader();
      reader.onload = () => { if (input.files[0] === chosen) file = { name: chosen.name, data: reader.result.slice(reader.result.indexOf(",") + 1) }; };
      reader.onloadend = over;
      reader.readAsDataURL(chosen);
    });
  });
  return { settled: () => reading, read: (required) => file ? { file } : required ? { error: "This one is needed." } : {} };
}

function field(option, ask) {
  const id = `option-${++serial}`;
  const input = control(option, id);
  const isFile = option.type === FILE;
  const content = isFile ? fileOf(input) : null;
  const suggestions = option.autocomplete ? complete(option, input, ask) : null;
  const error = h("p", { class: "field-error", id: `${id}-error` });
  input.setAttribute("aria-describedby", `${id}-help ${id}-error`);
  const element = h("div", { class: "option" },
    h("label", { for: id }, option.name, option.required ? h("span", { class: "must", title: "needed" }, " *") : null),
    suggestions ? h("div", { class: "with-list" }, input, suggestions) : input, h("p", { class: "help", id: `${id}-help` }, [local(option, "description"), hint(option)].filter(Boolean).join(" · ")), error);
  const complain = (text) => {
    error.textContent = text ?? "";
    input.toggleAttribute("aria-invalid", Boolean(text));
  };
  input.addEventListener("input", () => complain());
  return {
    name: option.name, isFile, element, complain, focus: () => input.focus(),
    settled: () => content?.settled(), read: () => content ? content.read(option.required) : read(option, input.value),
  };
}

function control(option, id) {
  const choose = (rows) => h("select", { id, class: "field", required: option.required },
    h("option", { value: "" }, option.required ? "Choose…" : "(none)"), rows.map(([value, label]) => h("option", { value }, label)));
  if (option.choices?.length) return choose(option.choices.map((c) => [String(c.value), local(c, "name")]));
  if (option.type === BOOLEAN) return choose([["true", "Yes"], ["false", "No"]]);
  if (option.type === USER) return choose([...state.users.values()].map((u) => [u.id, u.name]));
  if (option.type === ROLE) return choose(state.roles.map((r) => [r.id, r.name.startsWith("@") ? r.name : `@${r.name}`]));
  if (option.type === FILE) return h("input", { id, class: "field", type: "file" });
  const textOnly = option.channel_types?.length && !option.channel_types.includes(11);
  if (option.type === CHANNEL) return choose([...state.channels.values()].filter((c) => c.kind === "text" || c.kind === "thread" && !textOnly).map((c) => [c.id, `#${c.name}`]));
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
