'use strict';
// The log's records by kind, in the order of their steps. A resumed run repeats steps: the later record counts.
const log = { train: [], held: [], sample: [] };
let skips = 0;
let follow = true; // the samples shown are the newest

const $ = (id) => document.getElementById(id);

function take(record) {
  if (record.event === 'skip') skips++;
  const list = log[record.event];
  if (list) {
    while (list.length && list[list.length - 1].step >= record.step) list.pop();
    list.push(record);
  }
}

const hue = (i) => `hsl(${(215 + i * 137.5) % 360} 65% 50%)`;
const short = (v) => Math.abs(v) >= 1000 || (v !== 0 && Math.abs(v) < 0.01) ? v.toExponential(1) : String(+v.toPrecision(3));

// canvas sizes a canvas to its place on the screen and clears it.
function canvas(id) {
  const c = $(id), scale = devicePixelRatio || 1, w = c.clientWidth, h = c.clientHeight;
  c.width = w * scale;
  c.height = h * scale;
  const g = c.getContext('2d');
  g.scale(scale, scale);
  g.font = '11px system-ui, sans-serif';
  g.fillStyle = getComputedStyle(document.body).color;
  return { g, w, h };
}

// curves draws lines of [x, y] points; names stand at their ends.
function curves(id, lines, log10) {
  const { g, w, h } = canvas(id);
  const f = log10 ? (y) => Math.log10(y) : (y) => y;
  const points = lines.flatMap((l) => l.points.filter(([, y]) => Number.isFinite(f(y))));
  if (!points.length) return;
  let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity;
  for (const [x, y] of points) {
    x0 = Math.min(x0, x); x1 = Math.max(x1, x);
    y0 = Math.min(y0, f(y)); y1 = Math.max(y1, f(y));
  }
  if (x1 === x0) x1 = x0 + 1;
  if (y1 === y0) { y1 += 0.5 * Math.abs(y1) || 1; y0 -= 0.5 * Math.abs(y0); }
  const left = 46, right = lines.length > 1 ? 110 : 12, top = 10, bottom = 18;
  const X = (x) => left + (x - x0) / (x1 - x0) * (w - left - right);
  const Y = (y) => h - bottom - (f(y) - y0) / (y1 - y0) * (h - top - bottom);
  g.strokeStyle = 'rgba(128,128,128,.25)';
  for (let i = 0; i <= 4; i++) {
    const v = y0 + (y1 - y0) * i / 4, y = h - bottom - (h - top - bottom) * i / 4;
    g.beginPath(); g.moveTo(left, y); g.lineTo(w - right, y); g.stroke();
    g.textAlign = 'right';
    g.fillText(short(log10 ? 10 ** v : v), left - 4, y + 4);
  }
  g.textAlign = 'left'; g.fillText(short(x0), left, h - 4);
  g.textAlign = 'right'; g.fillText(short(x1), w - right, h - 4);
  const ends = [];
  lines.forEach((l, i) => {
    g.strokeStyle = hue(i);
    g.beginPath();
    let pen = false;
    const stride = Math.max(1, Math.floor(l.points.length / 800));
    l.points.forEach(([x, y], j) => {
      if (j % stride && j !== l.points.length - 1) return;
      if (!Number.isFinite(f(y))) { pen = false; return; }
      if (pen) g.lineTo(X(x), Y(y)); else g.moveTo(X(x), Y(y));
      pen = true;
    });
    g.stroke();
    const last = l.points.at(-1);
    if (l.name && last && Number.isFinite(f(last[1]))) ends.push({ name: l.name, y: Y(last[1]), color: hue(i) });
  });
  // names are pushed apart so that they can be read
  ends.sort((a, b) => a.y - b.y);
  const gap = Math.min(11, (h - 12) / Math.max(1, ends.length));
  g.textAlign = 'left';
  let floor = 9;
  ends.forEach((e, i) => {
    const y = Math.min(Math.max(e.y + 3, floor), h - 3 - gap * (ends.length - 1 - i));
    floor = y + gap;
    g.fillStyle = e.color;
    g.fillText(e.name, w - right + 6, y);
  });
}

function entropy(load) {
  let sum = 0;
  for (const p of load) if (p > 0) sum -= p * Math.log(p);
  return load.length > 1 ? sum / Math.log(load.length) : 1;
}

function loads(record) {
  const { g, w, h } = canvas('load');
  const load = record && record.load;
  if (!load || !load.length) return;
  const rh = (h - 8) / load.length, cw = (w - 60) / load[0].length;
  const top = Math.max(...load.flat());
  load.forEach((row, i) => {
    g.fillStyle = getComputedStyle(document.body).color;
    g.textAlign = 'left';
    g.fillText('layer ' + i, 4, 4 + rh * (i + 0.5) + 4);
    row.forEach((v, j) => {
      g.fillStyle = `hsl(215 70% ${95 - 60 * v / top}%)`;
      g.fillRect(54 + cw * j, 4 + rh * i, cw - 2, rh - 2);
      g.fillStyle = v / top > 0.6 ? '#fff' : '#222';
      g.textAlign = 'center';
      if (rh > 12 && cw > 26) g.fillText((100 * v).toFixed(0) + '%', 54 + cw * (j + 0.5) - 1, 4 + rh * (i + 0.5) + 3);
    });
  });
}

function samples() {
  const slider = $('when'), n = log.sample.length;
  slider.max = Math.max(0, n - 1);
  if (follow) slider.value = slider.max;
  const s = log.sample[slider.value];
  const rows = [];
  if (s) {
    $('step').textContent = `${s.step} (${(s.tokens / 1e6).toFixed(2)} M tokens)`;
    for (const { prompt, reply } of s.samples || []) {
      const tr = document.createElement('tr');
      for (const text of [prompt, reply]) {
        const td = document.createElement('td');
        td.textContent = text; // never as HTML: a young model says anything
        tr.append(td);
      }
      rows.push(tr);
    }
  }
  $('samples').replaceChildren(...rows);
}

function draw() {
  const t = log.train, last = t.at(-1);
  if (last) {
    $('status').textContent = `step ${last.step}, ${(last.tokens / 1e6).toFixed(2)} M tokens, ${(last.seconds / 60).toFixed(1)} minutes, ` +
      `loss ${last.loss.toFixed(3)}, ${Math.round(last.tok_s)} tokens/s` + (skips ? `, ${skips} steps skipped` : '');
  }
  curves('loss', [{ name: 'training', points: t.map((r) => [r.step, r.loss]) }, { name: 'held out', points: log.held.map((r) => [r.step, r.mean]) }]);
  const sources = new Set(log.held.flatMap((r) => Object.keys(r.held || {})));
  curves('held', [...sources].sort().map((name) => ({ name, points: log.held.map((r) => [r.step, r.held && r.held[name] ? r.held[name].reply : NaN]) })));
  const trained = new Set(t.flatMap((r) => Object.keys(r.sources || {})));
  curves('sources', [...trained].sort().map((name) => ({ name, points: t.filter((r) => r.sources && name in r.sources).map((r) => [r.step, r.sources[name]]) })));
  curves('lr', [{ points: t.map((r) => [r.step, r.lr || 0]) }]);
  curves('norm', [{ points: t.map((r) => [r.step, r.norm]) }], true);
  const layers = last && last.load ? last.load.length : 0;
  curves('entropy', Array.from({ length: layers }, (_, i) => ({ name: 'layer ' + i, points: t.map((r) => [r.step, r.load && r.load[i] ? entropy(r.load[i]) : NaN]) })));
  loads(last);
  samples();
}

let due = 0;
function later() {
  if (!due) due = requestAnimationFrame(() => { due = 0; draw(); });
}

const events = new EventSource('events');
const forget = () => {
  for (const k in log) log[k].length = 0;
  skips = 0;
};
const lost = ' · not connected';
events.onopen = () => { // the server tells the whole story to every new connection
  forget();
  $('status').textContent = $('status').textContent.replace(lost, '');
};
events.addEventListener('restart', forget);
events.onmessage = (e) => { take(JSON.parse(e.data)); later(); };
events.onerror = () => { // again at every try
  if (!$('status').textContent.endsWith(lost)) $('status').textContent += lost;
};
addEventListener('resize', later);
$('when').addEventListener('input', () => { follow = $('when').value === $('when').max; samples(); });
