// The elasticity explorer: the library's formulas (compresslab/elasticity.py), computed in the page.
"use strict";
(function () {
  const settings = JSON.parse(document.getElementById("explorer-settings").textContent);
  const LN2 = Math.log(2);
  const ROLES = ["pretrain", "align", "perturb"];

  // ---- the distributions: rows p_p, p_a, p_t, and how often each column occurs ----

  function normalised(x) {
    let sum = 0;
    for (const value of x) sum += value;
    return x.map((value) => value / sum);
  }

  function contained(p) {
    return [p[0].map((_, j) => (p[0][j] + p[1][j] + p[2][j]) / 3), p[1], p[2]];
  }

  function pareto(alpha) {
    const M = settings.paretoLeaves;
    const index = Array.from({ length: M }, (_, j) => j);
    const u = [index.map((j) => (j + 0.5) / M), ...settings.steps.map((step) => index.map((j) => (0.5 + (j + 1) * step) % 1))];
    return u.map((row) => normalised(row.map((x) => Math.pow(x, -1 / alpha))));
  }

  function leaves(share) {
    return [0, 1, 2].map((i) => [0, 1, 2].map((j) => (i === j ? 1 - share : 0) + share / 3));
  }

  const MAKERS = {
    "contained-pareto": (alpha) => contained(pareto(alpha)),
    "contained-leaves": (share) => contained(leaves(share)),
    alike: (share) => [[1 / 3, 1 / 3, 1 / 3], [0, 1 - share, share], [0, 0, 1]],
    "separate-pareto": pareto,
    "separate-leaves": leaves,
  };

  const own = new Map();
  function ownData(i) {
    if (!own.has(i)) {
      const { columns, data } = settings.data[i];
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const view = new DataView(bytes.buffer);
      const row = (r) => Float64Array.from({ length: columns }, (_, j) => view.getFloat64(8 * (r * columns + j), true));
      own.set(i, { p: [row(0), row(1), row(2)], times: row(3) });
    }
    return own.get(i);
  }

  function scenario(key, value) {
    if (key.startsWith("data-")) return ownData(Number(key.slice(5)));
    return { p: MAKERS[key](value), times: null };
  }

  // ---- code lengths and slopes, in bits; see Elasticity._sweep for the formulas ----

  function measure({ p, times }, k, l) {
    const [pp, pa, pt] = p;
    const W = k + 1 + l;
    let E = 0, A = 0, U = 0, outside = 0, outsideLog = 0;
    const mass = [0, 0, 0], logs = [0, 0, 0];
    for (let j = 0; j < pp.length; j++) {
      const n = times ? times[j] : 1;
      if (pp[j] === 0 && pa[j] === 0) {
        if (pt[j] > 0) {
          outside += n * pt[j];
          outsideLog += n * pt[j] * Math.log(pt[j]);
        }
        continue;
      }
      const Q = k * pp[j] + pa[j] + l * pt[j];
      const e = pp[j] - pa[j], d = pp[j] - pt[j], u = k * d + (pa[j] - pt[j]);
      E += (n * e * u) / Q;
      A += (n * d * u) / Q;
      U += (n * u * u) / Q;
      const logQ = Math.log(Q);
      for (let i = 0; i < 3; i++) {
        mass[i] += n * p[i][j];
        logs[i] += n * p[i][j] * logQ;
      }
    }
    const gamma = [0, 1, 2].map((i) => Math.log(W) * mass[i] - logs[i]);
    let lA = l * A;
    if (outside > 0) {
      lA += (k + 1) * outside;
      gamma[2] -= outsideLog + outside * Math.log(l / W);
      U += ((k + 1) * (k + 1) * outside) / l;
    }
    const slope = [(E + lA) / (W * W), (lA - (k + l) * E) / (W * W), -U / (W * W)];
    return {
      gamma: gamma.map((x) => x / LN2),
      slope: slope.map((x) => x / LN2),
      overlap: slope.map((x) => 1 - W * x),
      ratio: slope[1] / slope[0],
    };
  }

  window.compresslab = { scenario, measure };

  // ---- the page ----

  const get = (id) => document.getElementById(id);
  const fields = { k: get("ex-k"), l: get("ex-l"), value: get("ex-value") };
  const slides = { k: get("ex-k-slide"), l: get("ex-l-slide"), value: get("ex-value-slide") };
  const menu = get("ex-family");
  for (const [i, data] of settings.data.entries()) menu.add(new Option(data.title, `data-${i}`));
  for (const family of settings.families) menu.add(new Option(family.title, family.key));
  const toSlide = { k: (x) => Math.log10(x), l: (x) => x, value: (x) => x };
  const fromSlide = { k: (x) => Number((10 ** x).toPrecision(3)), l: (x) => x, value: (x) => x };
  let smallest = 0;

  function chosen() {
    return settings.families.find((family) => family.key === menu.value);
  }

  function choose() {
    const family = chosen();
    get("ex-value-row").hidden = !family;
    get("ex-about").textContent = family ? family.about : "The leaves of the data of this report, all of them.";
    if (family) {
      get("ex-value-label").textContent = family.label;
      for (const input of [fields.value, slides.value]) {
        input.min = family.low;
        input.max = family.high;
        input.value = family.start;
      }
    }
    draw();
  }

  // significant digits, a true minus sign, and no "-0"
  function number(x, digits, signed) {
    if (Number.isNaN(x)) return "none";
    if (!Number.isFinite(x)) return x > 0 ? "infinite" : "−infinite";
    if (Math.abs(x) < smallest) x = 0;
    const text = x !== 0 && (Math.abs(x) < 1e-4 || Math.abs(x) >= 1e6) ? x.toExponential(digits - 1) : x.toPrecision(digits);
    const sign = signed && x > 0 ? "+" : "";
    return (x === 0 ? "0" : sign + text).replaceAll("-", "−");
  }

  function verdict(found) {
    const tie = (i) => Math.abs(1 - found.overlap[i]) <= 1e-12;
    const word = (i) => (tie(i) ? "untouched" : found.slope[i] > 0 ? "dearer" : "cheaper");
    const [p, a] = [word(0), word(1)];
    const kind =
      a === "dearer" && p === "cheaper"
        ? "Elastic, as the theorem says"
        : a === "cheaper" && p === "dearer"
          ? "Reversed"
          : a === "dearer" && p === "dearer"
            ? "Both lose"
            : "Neither";
    return `${kind}: more of the perturbation makes the alignment data ${a} and the pre-training data ${p}.`;
  }

  function draw() {
    const k = Number(fields.k.value), l = Number(fields.l.value), value = Number(fields.value.value);
    const family = chosen();
    const wrong =
      !(k > 0) || !Number.isFinite(k) ? "k must be above 0."
      : !(l >= 0) || !Number.isFinite(l) || fields.l.value === "" ? "l must be 0 or more."
      : family && !(value >= family.low && value <= family.high) ? `${family.label}: from ${family.low} to ${family.high}.`
      : "";
    get("ex-wrong").textContent = wrong;
    if (wrong) return;
    const at = scenario(menu.value, value);
    const found = measure(at, k, l);
    smallest = 1e-13;
    const volumes = [k, 1, l];
    for (const [i, role] of ROLES.entries()) {
      const force = l === 0 && i === 2 ? -(k * found.slope[0] + found.slope[1]) : volumes[i] * found.slope[i];
      const cells = { gamma: [found.gamma[i], 6], slope: [found.slope[i], 4, true], overlap: [found.overlap[i], 5], force: [force, 4, true] };
      for (const [what, [x, digits, signed]] of Object.entries(cells)) {
        const cell = get(`ex-${what}-${role}`);
        cell.textContent = number(x, digits, signed);
        cell.dataset.value = String(x);
      }
    }
    get("ex-verdict").textContent = verdict(found);
    get("ex-ratio").textContent = number(found.ratio, 5, true);
    get("ex-ratio").dataset.value = String(found.ratio);
    get("ex-minus-k").textContent = `−${k}`;
    chart(at, k, l);
  }

  // ---- the chart: slopes of D_p and D_a against l ----

  function ticks(low, high) {
    const raw = (high - low) / 4;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((x) => x * power).find((x) => x >= raw);
    const out = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) out.push(i * step || 0);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const label = (x) => (x === 0 ? "0" : digits > 5 ? x.toExponential(0) : x.toFixed(digits)).replaceAll("-", "−");
    return { out, label };
  }

  function chart(at, k, l) {
    const svg = get("ex-chart");
    const w = 560, h = 300, left = 78, right = 20, top = 14, bottom = 46;
    const end = Math.max(1, Math.ceil(l * 2) / 2);
    const count = at.p[0].length > 4000 ? 24 : 60;
    const grid = Array.from({ length: count + 1 }, (_, i) => (i * end) / count);
    const curves = grid.map((x) => measure(at, k, x).slope);
    const shown = curves.flatMap((slope) => slope.slice(0, 2)).concat(0).filter(Number.isFinite);
    let low = Math.min(...shown), high = Math.max(...shown);
    if (high - low < 1e-12) [low, high] = [-1e-3, 1e-3];
    const pad = 0.07 * (high - low);
    low -= pad;
    high += pad;
    const X = (x) => left + (x / end) * (w - left - right);
    const Y = (y) => top + ((high - y) / (high - low)) * (h - top - bottom);
    const parts = [];
    const across = ticks(0, end), up = ticks(low, high);
    for (const x of across.out)
      parts.push(`<line class="grid" x1="${X(x)}" x2="${X(x)}" y1="${top}" y2="${h - bottom}"/>` +
        `<text x="${X(x)}" y="${h - bottom + 18}" text-anchor="middle">${across.label(x)}</text>`);
    for (const y of up.out)
      parts.push(`<line class="grid" x1="${left}" x2="${w - right}" y1="${Y(y)}" y2="${Y(y)}"/>` +
        `<text x="${left - 8}" y="${Y(y) + 4}" text-anchor="end">${up.label(y)}</text>`);
    parts.push(`<line class="zero" x1="${left}" x2="${w - right}" y1="${Y(0)}" y2="${Y(0)}"/>`);
    for (const i of [0, 1]) {
      const line = grid.map((x, j) => [x, curves[j][i]]).filter(([, y]) => Number.isFinite(y));
      parts.push(`<path class="curve ${ROLES[i]}" d="M${line.map(([x, y]) => `${X(x).toFixed(2)},${Y(y).toFixed(2)}`).join("L")}"/>`);
    }
    const here = measure(at, k, l).slope;
    parts.push(`<line class="here" x1="${X(l)}" x2="${X(l)}" y1="${top}" y2="${h - bottom}"/>`);
    for (const i of [0, 1]) parts.push(`<circle class="${ROLES[i]}" cx="${X(l)}" cy="${Y(here[i])}" r="4.5"/>`);
    parts.push(`<text x="${(left + w - right) / 2}" y="${h - 8}" text-anchor="middle">l = |D_t| / |D_a|</text>`);
    parts.push(`<text transform="translate(14 ${(top + h - bottom) / 2}) rotate(-90)" text-anchor="middle">slope dγ/dl, bits per phrase</text>`);
    svg.innerHTML = parts.join("");
  }

  for (const name of ["k", "l", "value"]) {
    slides[name].addEventListener("input", () => {
      fields[name].value = fromSlide[name](Number(slides[name].value));
      draw();
    });
    fields[name].addEventListener("input", () => {
      slides[name].value = toSlide[name](Number(fields[name].value));
      draw();
    });
  }
  menu.addEventListener("change", choose);
  fields.k.value = settings.k;
  fields.l.value = settings.l;
  for (const name of ["k", "l"]) slides[name].value = toSlide[name](Number(fields[name].value));
  choose();
})();
