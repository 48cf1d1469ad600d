// The words of the page, in English and Chinese: here those of the panel's laboratory and its tour.
import { recall, remember } from "./dom.js";
import { emit } from "./store.js";
import { PAGE } from "./page-words.js";

let language = recall("language") ?? (navigator.language?.toLowerCase().startsWith("zh") ? "zh" : "en");

/** lang is the language in use, "en" or "zh". */
export const lang = () => language;

/** locale is the same as Discord names it. */
export const locale = () => language === "zh" ? "zh-CN" : "en-US";

/** dates is the locale that dates are written in: in English as the browser has it. */
export const dates = () => language === "zh" ? locale() : undefined;

/** setLang changes it and tells the parts of the page ("language"). */
export function setLang(to) {
  language = to === "zh" ? "zh" : "en";
  remember("language", language);
  emit("language");
}

/** w picks a text: { en, zh } or the name of one below. Numbers and names fill {0}, {1}... */
export function w(text, ...values) {
  const found = typeof text === "string" ? WORDS[text] ?? { en: text, zh: text } : text;
  return found[language].replace(/\{(\d)\}/g, (_, n) => String(values[n]));
}

/** local is a text of a command in the language of the page: its "name" or "description". */
export const local = (o, what) => o[`${what}_localizations`]?.[locale()] ?? o[what] ?? "";

const WORDS = {
  ...PAGE,
  reply: { en: "Reply", zh: "回答" },
  steer: { en: "Interventions", zh: "干预" },
  tour: { en: "Tour", zh: "导览" },
  layer: { en: "Layer", zh: "层" },
  head: { en: "Head", zh: "注意力头" },
  expert: { en: "Expert", zh: "专家" },
  neuron: { en: "Neuron", zh: "神经元" },
  direction: { en: "Direction", zh: "方向" },
  remove: { en: "Remove", zh: "移除" },
  effect: { en: "Effect", zh: "作用" },
  adds: { en: "add it", zh: "加上" },
  scales: { en: "scale along it", zh: "沿此缩放" },
  scale: { en: "scale", zh: "缩放" },
  force: { en: "always chosen", zh: "总是选用" },
  forbid: { en: "never chosen", zh: "从不选用" },
  amount: { en: "Strength", zh: "强度" },
  factor: { en: "Factor", zh: "倍数" },
  temperature: { en: "Temperature", zh: "温度" },
  length: { en: "Length", zh: "长度" },
  seed: { en: "Seed", zh: "随机种子" },
  say: { en: "What you say in {0}", zh: "你在 {0} 中说的话" },
  sayHint: { en: "Empty: the last question here is answered again", zh: "留空则重新回答本频道的上一个问题" },
  run: { en: "Answer both ways", zh: "两种方式各答一次" },
  live: { en: "again whenever something changes", zh: "每次改动后自动重答" },
  plain: { en: "As the model is", zh: "原样" },
  edited: { en: "With the interventions", zh: "干预后" },
  none: { en: "No interventions yet. Add one: both replies are the same until then.", zh: "还没有干预。添加一项之前，两个回答相同。" },
  bits: { en: "{0} tokens, {1} bits of surprise each", zh: "{0} 个 token，平均惊奇 {1} 比特" },
  parted: { en: "The same for {0} tokens, then they part.", zh: "前 {0} 个 token 相同，之后分开。" },
  equal: { en: "Both say the same.", zh: "两个回答完全相同。" },
  keep: { en: "Keep for this channel", zh: "用于本频道" },
  clear: { en: "None in this channel", zh: "本频道不再干预" },
  keepHint: { en: "Only administrators may; it runs /steer.", zh: "仅管理员可用；会运行 /steer。" },
  kept: { en: "Asked {0} to answer so from now on.", zh: "已请 {0} 今后这样回答。" },
  own: { en: "your own sentences", zh: "你自己的句子" },
  with: { en: "Sentences it leads to, one a line", zh: "朝向的句子，每行一句" },
  without: { en: "Sentences it leads away from", zh: "远离的句子，每行一句" },
  surprise: { en: "{0} bits of surprise", zh: "惊奇 {0} 比特" },
  likeliest: { en: "the likeliest", zh: "最可能的" },
  choice: { en: "choice {0}", zh: "可能性第 {0} 位" },
  choiceOrLater: { en: "choice {0} or later", zh: "可能性第 {0} 位或更后" },
  might: { en: "What might have come", zh: "还可能出现的" },
  taken: { en: ", taken", zh: "，已选" },
  atWork: { en: "Experts at work", zh: "工作中的专家" },
  waiting: { en: "Thinking…", zh: "思考中…" },
  sentence: { en: "Your sentence", zh: "你的句子" },
  next: { en: "Next", zh: "下一步" },
  back: { en: "Back", zh: "上一步" },
  step: { en: "Step {0} of {1}", zh: "第 {0} 步，共 {1} 步" },
};
