/* Curves over steps: small multiples that share x, a crosshair that reads every curve, earlier runs
   faint behind the live one. What is drawn is described in line_chart.py. */

import {
  amount, canvasOf, keyed, node, number, percent, position, scrub, start, svg, words,
} from "./common.js";
import { bandOf, longest, panelsOf, recorder, sharedX } from "./curves.js";
import {
  extent, logAxis, nearest, niceAxis, path, pointAt, ribbon, smooth, smoothing,
} from "./scales.js";

const MARGIN = { top: 10, right: 18, bottom: 38, left: 46 };

export function mount(host) {
  const root = canvasOf(host);
  const state = { hidden: new Set(), out: new Set(), log: Boolean(host.props.log), x: null, lit: null, layout: null };
  const word = wordsOf(host.props);
  const tools = node("div", { class: "tools" });
  const grid = node("div", { class: "panels" });
  const runs = node("div", { class: "runs" });
  const note = node("div", { class: "note" });
  const log = node("button", { type: "button", class: "toggle", onclick: () => {
    state.log = !state.log;
    view.redraw();
  } });
  tools.append(note, log);
  root.append(tools, grid, runs);
  const view = { host, state, word, grid, runs, note, log, value: null };
  const record = recorder();
  view.redraw = start(host, () => render(view), () => { view.value = record(host.props.value || {}); });
}

/* Words by key; "cnn.axis.step" also finds "step", and a curve that nobody named keeps its name. */
function wordsOf(props) {
  const say = words(props);
  return (key, values) => {
    const text = say(key, values);
    return text === key && key.includes(".") ? say(key.split(".").at(-1), values) : text;
  };
}

function render(view) {
  const { host, state, word, grid, note, log, value } = view;
  const all = value.runs;
  const shown = all.filter((run) => !state.out.has(run.id));
  const panels = panelsOf(value, host.props);
  const width = host.element.clientWidth;
  const columns = panels.length > 1 && width >= 620 ? 2 : 1;
  const layout = { ...geometry(width, columns), word, value, state, live: value.live, view };
  layout.domain = sharedX(shown, value, panels);
  layout.group = host.props.group;
  state.layout = layout;
  grid.style.setProperty("--columns", columns);
  const empty = !all.some((run) => Object.values(run.curves).some((points) => points.length));
  grid.dataset.empty = empty ? word(host.props.empty ?? "empty") : "";
  let smoothed = false;
  keyed(grid, panels, (panel) => panel.names.join(), () => makePanel(view), (figure, panel) => {
    smoothed = drawPanel(figure, panel, shown, layout) || smoothed;
  });
  note.textContent = smoothed ? word("smoothed") : "";
  const canLog = !empty && panels.some((panel) => !panel.share);
  log.hidden = !canLog;
  log.textContent = word("log");
  log.setAttribute("aria-pressed", String(state.log));
  drawRuns(view, all);
  drawCursor(view);
}

function geometry(width, columns) {
  const outer = Math.floor((width - (columns - 1) * 20) / columns);
  const height = Math.round(Math.min(290, Math.max(190, outer * (columns > 1 ? 0.56 : 0.42))));
  return { outer, height, inner: outer - MARGIN.left - MARGIN.right, rise: height - MARGIN.top - MARGIN.bottom };
}

/* ---- one panel ---- */

function makePanel(view) {
  const layer = (name) => svg("g", { class: name });
  const parts = Object.fromEntries(
    ["grid", "marks", "bands", "old", "raw", "live", "tags", "cursor"].map((name) => [name, layer(name)]),
  );
  const picture = svg("svg", { tabindex: 0, role: "img" }, Object.values(parts));
  const tip = node("div", { class: "tip", hidden: true });
  const legend = node("div", { class: "legend" });
  const figure = node("div", { class: "panel" }, legend, node("div", { class: "plot" }, picture, tip));
  Object.assign(figure, { dl: { parts, picture, tip, legend } });
  listen(view, picture);
  return figure;
}

function drawPanel(figure, panel, runs, layout) {
  const { parts, picture, legend } = figure.dl;
  const { outer, height, inner, rise, domain, state, word, live } = layout;
  const log = state.log && !panel.share;
  const names = panel.names.filter((name) => !state.hidden.has(name));
  const curves = runs.flatMap((run) => names.flatMap((name) => [run.curves[name] ?? [], ...(bandOf(run, name) ?? [])]));
  const axisY = verticalAxis(curves, panel, log, rise);
  const axisX = niceAxis(domain[0], domain[1], inner / 64);
  const x = (v) => MARGIN.left + ((v - domain[0]) / (domain[1] - domain[0])) * inner;
  const flat = (v) => (v - axisY.lo) / (axisY.hi - axisY.lo);
  const bent = (v) => Math.log(v / axisY.lo) / Math.log(axisY.hi / axisY.lo);
  const y = (v) => (v === null || (log && v <= 0) ? NaN : MARGIN.top + rise * (1 - (log ? bent : flat)(v)));
  const format = valueFormat(panel, axisY);
  Object.assign(figure.dl, { panel, x, y, names, format });
  picture.setAttribute("viewBox", `0 0 ${outer} ${height}`);
  picture.setAttribute("height", height);
  const ticksX = axisX.ticks.filter((tick) => tick >= domain[0] - 1e-9 && tick <= domain[1] + 1e-9);
  drawGrid(parts.grid, { axisY, ticksX, x, y, format, layout });
  drawMarks(parts.marks, layout.value.marks ?? [], x, y(axisY.lo), layout);
  const pixels = (points) => points.map(([a, b]) => [x(a), y(b)]);
  let smoothed = false;
  const [bands, old, raw, front, tags] = [[], [], [], [], []];
  for (const run of runs) {
    const isLive = run === live;
    const colour = (name) => `--colour: var(--dl-series-${(panel.names.indexOf(name) % 6) + 1})`;
    for (const name of names) {
      const points = run.curves[name] ?? [];
      if (!points.length) continue;
      const half = smoothing(points);
      const line = pixels(half ? smooth(points, half) : points);
      const style = colour(name);
      const lit = state.lit === run.id;
      const band = bandOf(run, name)?.map((edge) => pixels(half ? smooth(edge, half) : edge));
      if (band) bands.push(svg("path", { d: ribbon(...band), style, class: isLive ? null : "past" }));
      if (isLive && half) raw.push(svg("path", { d: path(pixels(points)), style }));
      (isLive ? front : old).push(svg("path", { d: path(line), style, class: lit ? "lit" : null }));
      if (isLive && points.length <= 40) front.push(...dots(pixels(points), style));
      if (!isLive && name === names[0]) tags.push(tag(line, run, layout));
      smoothed ||= isLive && half > 0;
    }
  }
  parts.bands.replaceChildren(...bands);
  parts.old.replaceChildren(...old);
  parts.raw.replaceChildren(...raw);
  parts.live.replaceChildren(...front);
  parts.tags.replaceChildren(...tags);
  picture.classList.toggle("dimmed", Boolean(state.lit) && state.lit !== live?.id);
  drawLegend(legend, panel, layout, format);
  const last = names.map((name) => `${word(name)} ${format(live?.curves[name]?.at(-1)?.[1])}`);
  picture.setAttribute("aria-label", `${word("chart")}: ${last.join(", ")}`);
  return smoothed;
}

const dots = (pixels, style) => pixels
  .filter(([, y]) => Number.isFinite(y))
  .map(([cx, cy]) => svg("circle", { cx, cy, r: pixels.length < 4 ? 3.4 : 2.2, style }));

/* The small number at the end of an earlier run's curve, as in the legend below. */
function tag(line, run, layout) {
  const [x, y] = line.findLast((point) => Number.isFinite(point[1])) ?? [0, NaN];
  if (!Number.isFinite(y)) return svg("g");
  const runs = layout.value.runs;
  const right = x > layout.outer - MARGIN.right - 14;
  return svg("text", {
    x: right ? x - 2 : x + 4, y: right ? y - 5 : y + 4, "text-anchor": right ? "end" : "start",
  }, String(layout.value.earlier + runs.indexOf(run) + 1));
}

function verticalAxis(curves, panel, log, rise) {
  const count = Math.max(2, Math.round(rise / 42));
  const range = extent(curves, log ? (v) => v > 0 : undefined);
  if (!range) return log ? logAxis(0.1, 1, count) : niceAxis(0, 1, count);
  let [lo, hi] = range;
  if (log) return logAxis(lo, hi, count);
  if (lo > 0 && lo < hi * 0.4) lo = 0; // near nothing, start at nothing: heights stay comparable
  const axis = niceAxis(lo, hi, count);
  if (panel.share && axis.hi > 1) return { ...axis, hi: 1, ticks: axis.ticks.filter((t) => t <= 1) };
  return axis;
}

function valueFormat(panel, axis) {
  if (panel.share) return (v) => percent(v ?? NaN, axis.step && axis.step < 0.01 ? 2 : 1);
  return (v) => number(v, Math.abs(v) >= 100 ? 1 : 4);
}

function drawGrid(layer, { axisY, ticksX, x, y, format, layout }) {
  const { outer, height, rise, word, value } = layout;
  const bottom = MARGIN.top + rise;
  const right = outer - MARGIN.right;
  const tickY = (v) => (axisY.step && format(0.5).includes("%")
    ? percent(v, axisY.step < 0.01 ? 1 : 0) : number(v, 6));
  layer.replaceChildren(
    ...axisY.ticks.map((v) => svg("line", { x1: MARGIN.left, x2: right, y1: y(v), y2: y(v) })),
    svg("line", { x1: MARGIN.left, x2: right, y1: bottom, y2: bottom, class: "base" }),
    ...axisY.ticks.map((v) => svg("text", { x: MARGIN.left - 7, y: y(v) + 4, "text-anchor": "end" }, tickY(v))),
    ...ticksX.map((v) => svg("text", { x: x(v), y: bottom + 16, "text-anchor": "middle" }, number(v, 6))),
    svg("text", { x: right, y: height - 5, "text-anchor": "end", class: "title" },
      word(value.x_label ?? value.x ?? "step")),
  );
}

function drawMarks(layer, marks, x, bottom, { outer }) {
  layer.replaceChildren(...marks.flatMap((mark) => {
    const at = x(mark.x);
    const late = at > outer * 0.6;
    return [
      svg("line", { x1: at, x2: at, y1: MARGIN.top, y2: bottom }),
      svg("text", { x: at + (late ? -5 : 5), y: MARGIN.top + 10, "text-anchor": late ? "end" : "start" },
        mark.label ?? ""),
    ];
  }));
}

/* ---- legends ---- */

/* One button a curve: its colour, its name, its value now (or at the step being looked at). */
function drawLegend(legend, panel, layout, format) {
  const { word, state, live, group, view } = layout;
  const step = position(group);
  keyed(legend, panel.names, (name) => name, (name) => node(
    "button",
    { type: "button", class: "curve", onclick: () => {
      state.hidden.has(name) ? state.hidden.delete(name) : state.hidden.add(name);
      view.redraw();
    } },
    node("i"), node("span", { class: "name" }), node("output"),
  ), (button, name, index) => {
    const points = live?.curves[name] ?? [];
    const point = step === null ? points.at(-1) : pointAt(points, step);
    button.style.setProperty("--colour", `var(--dl-series-${(index % 6) + 1})`);
    button.setAttribute("aria-pressed", String(!state.hidden.has(name)));
    button.children[1].textContent = word(name);
    button.children[2].textContent = point ? format(point[1]) : "";
  });
}

/* One button a run, with the settings in which the runs differ. */
function drawRuns({ runs, state, word, redraw, value }, all) {
  const listed = all.length > 1 ? all.toReversed() : [];
  const names = new Set(all.flatMap((run) => Object.keys(run.settings ?? {})));
  const differing = [...names].filter(
    (name) => new Set(all.map((run) => JSON.stringify(run.settings?.[name]))).size > 1,
  );
  const total = value.earlier + all.length;
  keyed(runs, listed, (run) => run.id, (run) => node(
    "button",
    {
      type: "button", class: "run",
      onclick: () => {
        state.out.has(run.id) ? state.out.delete(run.id) : state.out.add(run.id);
        redraw();
      },
      onpointerenter: () => light(run.id), onpointerleave: () => light(null),
      onfocus: () => light(run.id), onblur: () => light(null),
    },
    node("i"), node("b"), node("span"),
  ), (button, run, index) => {
    const settings = differing.map((name) => `${word(name)} ${setting(run.settings?.[name], word)}`);
    button.classList.toggle("live", index === 0);
    button.setAttribute("aria-pressed", String(!state.out.has(run.id)));
    button.children[1].textContent = index === 0 ? word("this_run") : word("run", { n: total - index });
    button.children[2].textContent = run.label || settings.join(" · ") || word("same_settings");
  });
  function light(id) {
    state.lit = id;
    redraw();
  }
}

function setting(value, word) {
  if (typeof value === "boolean") return word(value ? "on" : "off");
  if (typeof value === "number") return Math.abs(value) < 1e-6 ? number(value) : amount(value);
  return value === undefined || value === null ? "–" : word(String(value));
}

/* ---- the crosshair ---- */

function listen(view, picture) {
  const { state, host } = view;
  let held = false;
  const stepAt = (event) => {
    const { layout } = state;
    const box = picture.getBoundingClientRect();
    const share = ((event.clientX - box.left) * (layout.outer / box.width) - MARGIN.left) / layout.inner;
    const [lo, hi] = layout.domain;
    return nearest(longest(layout.value, state.out), lo + Math.min(1, Math.max(0, share)) * (hi - lo))?.[0] ?? null;
  };
  const point = (x) => {
    state.x = x;
    drawCursor(view);
  };
  const travel = (x) => {
    const points = longest(state.layout.value, state.out);
    if (host.props.group && x !== null) scrub(host.props.group, x === points.at(-1)?.[0] ? null : x);
  };
  const touch = (event) => event.pointerType === "touch";
  picture.addEventListener("pointermove", (event) => {
    point(stepAt(event));
    if (held) travel(state.x);
  });
  picture.addEventListener("pointerdown", (event) => {
    held = true;
    picture.setPointerCapture(event.pointerId);
    point(stepAt(event));
    if (!touch(event)) travel(state.x); // a finger may be about to scroll the page
  });
  picture.addEventListener("pointerup", (event) => {
    if (held && touch(event)) travel(state.x);
    held = false;
  });
  picture.addEventListener("pointercancel", () => {
    held = false;
    point(null);
  });
  picture.addEventListener("pointerleave", (event) => !touch(event) && point(null));
  picture.addEventListener("blur", () => point(null));
  picture.addEventListener("keydown", (event) => {
    const points = longest(state.layout.value, state.out);
    const here = points.findIndex((p) => p[0] === state.x);
    const big = Math.max(1, Math.round(points.length / 20));
    const to = {
      ArrowLeft: (here < 0 ? points.length : here) - 1, ArrowRight: here + 1,
      PageUp: here - big, PageDown: here + big, Home: 0, End: points.length - 1,
    }[event.key];
    if (event.key === "Escape") point(null);
    if (event.key === "Enter") travel(state.x);
    if (to === undefined || !points.length) return;
    event.preventDefault();
    point(points[Math.min(points.length - 1, Math.max(0, to))][0]);
  });
}

/* Hovering wins over scrubbing: the line follows the finger, and goes back when it leaves. */
function drawCursor({ grid, state, host, word }) {
  const { layout } = state;
  if (!layout) return;
  const x = state.x ?? position(layout.group);
  for (const figure of grid.children) {
    const { parts, tip } = figure.dl;
    tip.hidden = state.x === null;
    if (x === null || !layout.live) {
      parts.cursor.replaceChildren();
      continue;
    }
    const at = figure.dl.x(x);
    const found = figure.dl.names
      .map((name) => [name, pointAt(layout.live.curves[name] ?? [], x)])
      .filter(([, point]) => point && !state.out.has(layout.live.id));
    const colour = (name) => `--colour: var(--dl-series-${(figure.dl.panel.names.indexOf(name) % 6) + 1})`;
    parts.cursor.replaceChildren(
      svg("line", { x1: at, x2: at, y1: MARGIN.top, y2: MARGIN.top + layout.rise }),
      ...found.filter(([, point]) => Number.isFinite(figure.dl.y(point[1]))).map(([name, point]) =>
        svg("circle", { cx: figure.dl.x(point[0]), cy: figure.dl.y(point[1]), r: 3.5, style: colour(name) })),
    );
    if (!tip.hidden) fillTip(figure, x, at, { layout, word, colour, found });
  }
}

/* Every visible curve at this step: a row a curve, a column a run when there are several. */
function fillTip(figure, x, at, { layout, word, colour, found }) {
  const { tip, names, format } = figure.dl;
  const { runs: all, earlier } = layout.value;
  const runs = all.slice(-4).filter((run) => !layout.state.out.has(run.id)).reverse();
  const told = (run, name) => {
    const [at, ...edges] = [run.curves[name] ?? [], ...(bandOf(run, name) ?? [])]
      .map((points) => format(pointAt(points, x)?.[1]));
    return edges.length && run === layout.live ? `${at} (${edges.join(" – ")})` : at;
  };
  const title = `${word(layout.value.x_label ?? layout.value.x ?? "step")} ${number(x, 4)}`;
  const head = runs.length > 1 ? [node("tr", {}, node("th", {}, title), runs.map((run) =>
    node("th", { class: "run" }, run === layout.live ? word("now") : String(earlier + all.indexOf(run) + 1))))]
    : [node("tr", {}, node("th", { colspan: 2 }, title))];
  const rows = names.map((name) => node("tr", {},
    node("td", {}, node("i", { style: colour(name) }), word(name)),
    runs.map((run) => node("td", { class: "value" }, told(run, name)))));
  tip.replaceChildren(node("table", {}, head, rows));
  const scale = figure.dl.picture.getBoundingClientRect().width / layout.outer;
  const left = at * scale > tip.parentElement.clientWidth / 2;
  const heights = found.map(([, point]) => figure.dl.y(point[1])).filter(Number.isFinite);
  const high = heights.length > 0 && Math.min(...heights) < MARGIN.top + layout.rise * 0.4;
  tip.style.top = high ? "auto" : `${MARGIN.top}px`;
  tip.style.bottom = high ? `${MARGIN.bottom + 6}px` : "auto";
  tip.style.left = left ? "auto" : `${at * scale + 12}px`;
  tip.style.right = left ? `${tip.parentElement.clientWidth - at * scale + 12}px` : "auto";
}
