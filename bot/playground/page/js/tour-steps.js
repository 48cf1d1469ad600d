// The eight steps of the tour: what each says, which instrument it uses, and how its answer is drawn.
// ask(place, look, shape) resolves to the answer; draw(answer, place, { shape, set, soon }) gives nodes.
import { h } from "./dom.js";
import { w } from "./words.js";
import { bars, gates, hue, percent } from "./experts.js";
import { chips, choose, numbers, slider } from "./lab.js";

const at = (place, tokens) => place.position < 0 ? tokens - 1 : Math.min(place.position, tokens - 1);
const note = (text, ...values) => h("p", { class: "small" }, w(text, ...values));
const layers = (place, shape, set) => choose(w("layer"), numbers(shape.layers), place.layer, (v) => set({ layer: Number(v) }));

/** seek asks for a position only once the text's length is known. */
async function seek(place, look, request) {
  const { tokens } = await look({ what: "tokens", text: place.text });
  return look({ text: place.text, ...request, position: at(place, tokens.length) });
}

export const STEPS = [{
  title: { en: "A chain of tokens", zh: "一串 token" },
  body: { en: "The model reads no letters and no words. Your sentence is cut into tokens, pieces that were frequent in the text it learnt from, and each is a number. A point stands for a blank. Change the sentence: rare words fall into more pieces.",
    zh: "模型读的不是字母，也不是词。你的句子被切成 token：训练文本中常见的片段，每个对应一个数字。圆点代表空格。改一改句子：少见的词会碎成更多片段。" },
  ask: (place, look) => look({ what: "tokens", text: place.text }),
  draw: (a, place, { set }) => [
    chips(a.tokens, at(place, a.tokens.length), (i) => set({ position: i }, false)),
    note({ en: "{0} tokens. Token {1} has the number {2}.", zh: "共 {0} 个 token。第 {1} 个的编号是 {2}。" }, a.tokens.length, at(place, a.tokens.length), a.tokens[at(place, a.tokens.length)].id)],
}, {
  title: { en: "The next token", zh: "下一个 token" },
  body: { en: "All that the model does is to say how likely each token is to come next. One is drawn, put behind the others, and it begins anew: so a reply grows. The temperature makes the likely ones likelier (below 1) or gives the others a chance (above).",
    zh: "模型只做一件事：给出每个 token 接下来出现的概率。抽出一个接在后面，再从头来过，回答就这样长出来。温度低于 1 让可能的更可能，高于 1 给其他的机会。" },
  ask: (place, look) => look({ what: "next", text: place.text }),
  draw: (a, place, { set }) => {
    const s = a.spread.reduce((best, x) => Math.abs(x.temperature - place.temperature) < Math.abs(best.temperature - place.temperature) ? x : best);
    return [slider(w("temperature"), { min: 0.1, max: 2, step: 0.1, value: place.temperature }, (v) => set({ temperature: v }, false), (v) => v.toFixed(1)),
      bars(w({ en: "What may come next", zh: "接下来可能是" }), s.top.map((t, i) => ({ text: t.text, share: t.prob, taken: i === 0 }))),
      note({ en: "Entropy {0} bits: as unsure as between {1} tokens that are equally likely.", zh: "熵 {0} 比特：相当于在 {1} 个同样可能的 token 之间犹豫。" }, s.entropy.toFixed(2), (2 ** s.entropy).toFixed(1))];
  },
}, {
  title: { en: "A place in space", zh: "空间中的一个位置" },
  body: { en: "Inside, a token is a row of numbers: a place in a space of many dimensions. Training put tokens that are used alike near each other. Choose a token to see its neighbours, and how near the nearest of as many random rows comes: below that, nearness says nothing.",
    zh: "在模型内部，token 是一行数字：高维空间中的一个位置。训练把用法相近的 token 放到彼此附近。选一个 token 看它的邻居，以及同样多的随机行中最近的有多近：低于它的“近”没有意义。" },
  ask: (place, look) => seek(place, look, { what: "neighbours" }),
  draw: (a, place, { set }) => [
    chips(a.tokens, at(place, a.tokens.length), (i) => set({ position: i })),
    bars(w({ en: "Nearest tokens, by the cosine of the angle", zh: "最近的 token（夹角余弦）" }), a.neighbours.near.map((t) => ({ text: t.text, share: t.prob, number: t.prob.toFixed(2), taken: t.prob > a.neighbours.null }))),
    note({ en: "Nearest of the random rows: {0}. What is nearer is coloured.", zh: "随机行中最近的：{0}。比它更近的以颜色标出。" }, a.neighbours.null.toFixed(2))],
}, {
  title: { en: "Attention: looking back", zh: "注意力：回头看" },
  body: { en: "In each layer, heads let a token fetch something from those before it. Choose a token: the others are coloured by how much of the head's attention they get. Some heads look at the token before, many rest on the first one, which means: nothing to fetch here.",
    zh: "每一层都有若干注意力头，让一个 token 从前面的 token 取来信息。选一个 token：其余的按得到的注意力着色。有的头总看前一个 token，很多头停在第一个上，意思是这里没什么可取。" },
  ask: (place, look, shape) => look({ what: "attention", text: place.text, layer: place.layer, head: Math.min(place.head, shape.heads - 1) }),
  draw: (a, place, { shape, set }) => {
    const i = at(place, a.tokens.length);
    const row = a.pattern.weights[i];
    const order = row.map((v, j) => [v, j]).sort((x, y) => y[0] - x[0]).slice(0, 5).filter(([v]) => v > 0.005);
    return [h("div", { class: "lab-row" }, layers(place, shape, set), choose(w("head"), numbers(shape.heads), place.head, (v) => set({ head: Number(v) }))),
      chips(a.tokens, i, (j) => set({ position: j }, false), (j) => j <= i ? { hue: 200, light: Math.sqrt(row[j]), label: percent(row[j]) } : null),
      bars(w({ en: "Where this head looks from the chosen token", zh: "此头从所选 token 看向何处" }), order.map(([v, j]) => ({ text: a.tokens[j].text, share: v }))),
      note({ en: "Attention spread evenly would be {0} each.", zh: "若平均分配，每个得 {0}。" }, percent(1 / (i + 1)))];
  },
}, {
  title: { en: "Neurons", zh: "神经元" },
  body: { en: "Behind attention each layer has feed-forward neurons. Each answers to something in the token's state and, when it is active, pushes the state somewhere: some tokens become likelier. Here are the neurons that push most at the chosen token, and what they push towards.",
    zh: "注意力之后，每层还有前馈神经元。每个神经元对状态中的某种特征作出反应，激活时把状态推向某处，使一些 token 更可能。下面是在所选 token 上推得最多的神经元，以及它们推向什么。" },
  ask: (place, look) => seek(place, look, { what: "neurons", layer: place.layer }),
  draw: (a, place, { shape, set }) => [
    layers(place, shape, set),
    chips(a.tokens, at(place, a.tokens.length), (i) => set({ position: i })),
    h("ul", { class: "firings" }, a.firings.map((f) => h("li", null, h("span", { class: "firing-name", vars: { "--hue": hue(f.expert, Math.max(...shape.experts)) } }, `E${f.expert} · ${f.neuron}`), h("span", { class: "firing-share" }, percent(f.share)), h("span", { class: "firing-raises" }, f.raises.slice(0, 4).map((r) => r.text).join("  "))))),
    note({ en: "{0} of the {1} neurons at work here make half of the push. One neuron seldom has a name: what it pushes towards is a hint, no proof.", zh: "在此工作的 {1} 个神经元中，{0} 个贡献了一半的推力。单个神经元很少有名字：它推向什么只是线索，不是证明。" }, a.half, a.all)],
}, {
  title: { en: "Layer by layer", zh: "逐层成形" },
  body: { en: "Each layer adds to the state what it found. If the model had to answer after each layer already (the logit lens), you see the guess take shape. What stands at the bottom is what it really says.",
    zh: "每一层都把自己的发现加进状态里。假如模型在每一层之后就得作答（logit lens），就能看到猜测逐渐成形。最下面是它真正的回答。" },
  ask: (place, look) => look({ what: "lens", text: place.text }),
  draw: (a, place, { set }) => {
    const i = at(place, a.tokens.length);
    const last = a.lens.layers.length - 1;
    return [chips(a.tokens, i, (j) => set({ position: j }, false)),
      bars(w({ en: "What each layer would say next", zh: "各层此刻会说什么" }), a.lens.layers.map((l, n) => ({ text: `${n === 0 ? "—" : n - 1}  ${l.positions[i].top}`, share: l.positions[i].prob, taken: n === last }))),
      note({ en: "Over this sentence the layer before the last agrees with the last at {0} of the places.", zh: "在这个句子里，倒数第二层与最后一层在 {0} 的位置上一致。" }, percent(a.lens.layers[Math.max(0, last - 1)].agree.mean))];
  },
}, {
  title: { en: "The router chooses", zh: "路由器做选择" },
  body: { en: "This model has several experts in each layer, and a router that sends each token to the few that suit it: most of the weights rest. The tokens are coloured by the first expert chosen in the layer. Experts are seldom masters of a subject; they share out tokens and their shapes.",
    zh: "这个模型每层有若干专家，路由器把每个 token 送给最合适的少数几个，其余权重休息。token 按所选层的首选专家着色。专家很少精通某个题目，它们更多是按 token 及其形态分工。" },
  ask: (place, look) => look({ what: "routes", text: place.text }),
  draw: (a, place, { shape, set }) => {
    const i = at(place, a.tokens.length);
    const most = Math.max(...shape.experts);
    return [layers(place, shape, (v) => set(v, false)),
      chips(a.tokens, i, (j) => set({ position: j }, false), (j) => { const r = a.routes[j][place.layer]; return { hue: hue(r.experts[0], most), light: r.gates[0], label: r.experts.map((e, k) => `E${e} ${r.gates[k].toFixed(2)}`).join(", ") }; }),
      gates(a.routes[i].map((r) => r.experts.map((expert, k) => ({ expert, gate: r.gates[k] }))), most)];
  },
}, {
  title: { en: "Two experts at work", zh: "工作中的专家" },
  body: { en: "Now turn them. These experts work on your last token in the chosen layer. Scale what each says, down to silence, and see what comes next then. The null model turns other experts of the layer as much: what they change, too, is no sign of a special one.",
    zh: "现在来转动它们。这些专家正在所选层处理你的最后一个 token。缩放每个专家的发言，直至沉默，看看接下来会变成什么。零模型对该层其他专家做同样的事：若它们改变得一样多，就说明不了什么特别。" },
  async ask(place, look) {
    const routes = await look({ what: "routes", text: place.text });
    const chosen = routes.routes.at(-1)[place.layer];
    const edits = chosen.experts.filter((e) => (place.factors[`${place.layer}.${e}`] ?? 1) !== 1).map((e) => `expert:${place.layer}.${e}=${place.factors[`${place.layer}.${e}`]}`);
    return { ...routes, chosen, edits, change: await look({ what: "edit", text: place.text, edits }) };
  },
  draw: (a, place, { shape, set, soon }) => {
    const most = Math.max(...shape.experts);
    const before = new Map(a.change.before.top.map((t) => [t.id, t]));
    const rows = [...a.change.after.top.filter((t) => !before.has(t.id)), ...a.change.before.top];
    const after = new Map(a.change.after.top.map((t) => [t.id, t]));
    return [layers(place, shape, set),
      a.chosen.experts.map((e, k) => h("div", { class: "factor", vars: { "--hue": hue(e, most) } }, slider(`${w("expert")} ${e} (${a.chosen.gates[k].toFixed(2)})`, { min: 0, max: 3, step: 0.1, value: place.factors[`${place.layer}.${e}`] ?? 1 }, (v) => soon({ factors: { ...place.factors, [`${place.layer}.${e}`]: v } }), (v) => `× ${v}`))),
      h("div", { class: "pairs" }, h("p", { class: "small" }, w({ en: "Next token: as it is, and turned", zh: "下一个 token：原样与转动后" })),
        rows.slice(0, 10).map((t) => h("div", { class: "pair" }, h("span", { class: "bar-text" }, t.text),
          [before.get(t.id), after.get(t.id)].map((x, side) => h("span", { class: side ? "pair-bar is-after" : "pair-bar" }, h("span", { class: "bar-fill", "aria-hidden": "true", vars: { "--share": (x?.prob ?? 0).toFixed(4) } }), h("span", { class: "bar-number" }, x ? percent(x.prob) : "–")))))),
      a.edits.length ? note({ en: "The next token changes by {0} bits; ten random edits of the same kind change it by {1} on average and {2} at most (p = {3}).", zh: "下一个 token 改变了 {0} 比特；十次同类随机干预平均改变 {1}，最多 {2}（p = {3}）。" },
        a.change.distance.toFixed(3), mean(a.change.null).toFixed(3), Math.max(...a.change.null).toFixed(3), a.change.p.toFixed(2)) : note({ en: "Move a slider.", zh: "移动滑块试试。" }),
      a.edits.length ? h("dl", { class: "goes-on" }, ["plain", "edited"].map((key, side) => [h("dt", null, w(key)), h("dd", null, `…${a.change.replies[side]}`)])) : null].flat();
  },
}];

const mean = (list) => list.reduce((n, v) => n + v, 0) / Math.max(1, list.length);
