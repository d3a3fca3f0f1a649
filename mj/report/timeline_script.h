// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace mj {

/// Draws the timeline of a simulation from `data` (see harvest_html.cc): voltage band, on share, progress, answers and cuts, for
/// the range in view; wheel and buttons zoom, dragging moves, a double click shows all. Without scripts a still picture stays.
inline constexpr const char* kTimelineScript = R"js(
(function () {
  const d = JSON.parse(document.getElementById('timeline-data').textContent);
  const svg = document.getElementById('timeline'), ns = 'http://www.w3.org/2000/svg';
  const left = 56, right = 1024, n = d.low.length;
  const rows = {volts: [14, 190], on: [206, 236], progress: [250, 300], answers: [314, 374]};
  let from = 0, to = n;
  const unit = (s) => s < 1e-3 ? [1e-6, 'us'] : s < 1 ? [1e-3, 'ms'] : s < 120 ? [1, 's'] : s < 7200 ? [60, 'min'] : s < 172800 ? [3600, 'h'] : [86400, 'd'];
  const el = (name, attributes, text) => {
    const e = document.createElementNS(ns, name);
    for (const k in attributes) e.setAttribute(k, attributes[k]);
    if (text !== undefined) e.textContent = text;
    svg.appendChild(e);
    return e;
  };
  const step = (span, parts) => {
    const raw = span / parts, p = Math.pow(10, Math.floor(Math.log10(raw))), m = raw / p;
    return (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10) * p;
  };
  function draw() {
    svg.replaceChildren();
    const span = (to - from) * d.step, [scale, name] = unit(span), columns = Math.min(to - from, right - left);
    const tick = step(span / scale, 8) * scale;
    for (let t = Math.ceil(from * d.step / tick) * tick; t <= to * d.step * (1 + 1e-12); t += tick) {
      const x = left + (t / d.step - from) / (to - from) * (right - left);
      el('line', {class: 'grid', x1: x, x2: x, y1: 14, y2: 374});
      el('text', {class: 'tick', x: x, y: 388, 'text-anchor': 'middle'}, +(t / scale).toPrecision(6));
    }
    el('text', {class: 'label', x: (left + right) / 2, y: 404, 'text-anchor': 'middle'}, 'time, ' + name);
    const y = (row, share) => rows[row][1] - share * (rows[row][1] - rows[row][0]);
    const volts = (v) => y('volts', v / d.full);
    for (const [v, label] of [[d.on_v, 'on'], [d.off_v, 'off'], [d.full, 'full'], [0, '']]) {
      el('line', {class: label === 'on' || label === 'off' ? 'marker' : 'grid', x1: left, x2: right, y1: volts(v), y2: volts(v)});
      el('text', {class: 'tick', x: left - 6, y: volts(v) + 4, 'text-anchor': 'end'}, v.toFixed(2) + ' V');
    }
    for (const [row, label] of [['on', 'on'], ['progress', 'progress'], ['answers', 'answers']]) {
      el('text', {class: 'tick', x: left - 6, y: (rows[row][0] + rows[row][1]) / 2 + 4, 'text-anchor': 'end'}, label);
      el('line', {class: 'grid', x1: left, x2: right, y1: rows[row][1], y2: rows[row][1]});
    }
    let top = '', bottom = '', on = '', progress = '', most = 1;
    const bars = [];
    for (let c = 0; c < columns; ++c) {
      const a = Math.floor(from + c * (to - from) / columns), b = Math.max(a + 1, Math.floor(from + (c + 1) * (to - from) / columns));
      let low = Infinity, high = 0, share = 0, answers = 0, correct = 0, cuts = 0;
      for (let i = a; i < b; ++i) {
        low = Math.min(low, d.low[i]); high = Math.max(high, d.high[i]); share += d.on[i] / (b - a);
        answers += d.answers[i]; correct += d.correct[i]; cuts += d.cuts[i];
      }
      const x0 = (left + c * (right - left) / columns).toFixed(2), x1 = (left + (c + 1) * (right - left) / columns).toFixed(2);
      top += (c ? 'L' : 'M') + x0 + ' ' + volts(high).toFixed(1) + 'L' + x1 + ' ' + volts(high).toFixed(1);
      bottom = 'L' + x1 + ' ' + volts(low).toFixed(1) + 'L' + x0 + ' ' + volts(low).toFixed(1) + bottom;
      on += (c ? 'L' : 'M') + x0 + ' ' + y('on', share).toFixed(1) + 'L' + x1 + ' ' + y('on', share).toFixed(1);
      progress += (c ? 'L' : 'M') + x1 + ' ' + y('progress', d.progress[b - 1]).toFixed(1);
      most = Math.max(most, answers);
      bars.push([x0, x1, answers, correct, cuts]);
    }
    el('path', {class: 'band', d: top + bottom + 'Z'});
    el('path', {class: 'share', d: on + 'L' + right + ' ' + rows.on[1] + 'L' + left + ' ' + rows.on[1] + 'Z'});
    el('path', {class: 'line a', d: progress});
    let all = '', good = '', cut = '';
    for (const [x0, x1, answers, correct, cuts] of bars) {
      const bar = (count) => 'M' + x0 + ' ' + rows.answers[1] + 'V' + y('answers', count / most).toFixed(1) + 'H' + x1 + 'V' + rows.answers[1] + 'Z';
      if (answers) all += bar(answers);
      if (correct) good += bar(correct);
      if (cuts) cut += 'M' + ((+x0 + +x1) / 2).toFixed(1) + ' ' + (rows.volts[1] + 2) + 'v8';
    }
    el('path', {class: 'lost', d: all});
    el('path', {class: 'chosen', d: good});
    el('path', {class: 'cuts', d: cut});
    el('text', {class: 'tick', x: right + 4, y: rows.answers[0] + 8}, most);
  }
  function show(a, b) {
    const width = Math.min(n, Math.max(8, b - a));
    a = Math.min(Math.max(0, a), n - width);
    from = Math.round(a); to = Math.round(a + width);
    draw();
  }
  const place = (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * 1064;
    return from + (to - from) * Math.min(1, Math.max(0, (x - left) / (right - left)));
  };
  const zoom = (at, factor) => show(at - (at - from) * factor, at + (to - at) * factor);
  svg.addEventListener('wheel', (event) => { event.preventDefault(); zoom(place(event), event.deltaY > 0 ? 1.25 : 0.8); }, {passive: false});
  let held = null;
  svg.addEventListener('pointerdown', (event) => { held = {x: event.clientX, from, to}; svg.setPointerCapture(event.pointerId); });
  svg.addEventListener('pointermove', (event) => {
    if (!held) return;
    const shift = (held.x - event.clientX) / svg.getBoundingClientRect().width * 1064 / (right - left) * (held.to - held.from);
    show(held.from + shift, held.to + shift);
  });
  svg.addEventListener('pointerup', () => { held = null; });
  svg.addEventListener('dblclick', () => show(0, n));
  document.getElementById('zoom-in').addEventListener('click', () => zoom((from + to) / 2, 0.5));
  document.getElementById('zoom-out').addEventListener('click', () => zoom((from + to) / 2, 2));
  document.getElementById('zoom-all').addEventListener('click', () => show(0, n));
  draw();
})();
)js";

/// What the timeline adds to the style sheet of the reports.
inline constexpr const char* kTimelineStyle = R"css(
#timeline { touch-action:none; cursor:grab; user-select:none; } .band { fill:var(--main); stroke:var(--main); stroke-width:1; }
.share { fill:var(--good); opacity:.7; } .cuts { stroke:var(--bad); stroke-width:1; fill:none; }
#timeline .line { stroke-width:1; } #timeline .lost { fill:var(--bad); } .tools button { font:inherit; color:var(--ink);
  background:var(--ground); border:1px solid var(--rule); border-radius:6px; padding:2px 12px; margin-right:6px; cursor:pointer; }
)css";

}  // namespace mj
