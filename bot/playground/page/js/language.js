// The language of the page: its one switch, and the words that stand in index.html or never change once drawn.
import { $ } from "./dom.js";
import { on } from "./store.js";
import { w, lang, setLang } from "./words.js";

/** install joins the switch, and words the page. Elements name their word in data-w (text), data-w-label, data-w-title. */
export function install() {
  $("language").addEventListener("click", () => setLang(lang() === "zh" ? "en" : "zh"));
  on("language", dress);
  dress();
}

function dress() {
  document.documentElement.lang = lang() === "zh" ? "zh-CN" : "en";
  for (const el of document.querySelectorAll("[data-w]")) el.textContent = w(el.dataset.w);
  for (const el of document.querySelectorAll("[data-w-label]")) el.setAttribute("aria-label", w(el.dataset.wLabel));
  for (const el of document.querySelectorAll("[data-w-title]")) el.title = w(el.dataset.wTitle);
  const button = $("language");
  button.textContent = lang() === "zh" ? "EN" : "中";
  button.title = w("otherLanguage");
  button.setAttribute("aria-label", w("otherLanguage"));
}
