/* A plane with points and a line: what a neuron sees, and a hand on all of it. See plane.py. */

import {
  canvasOf, diverging, keyed, node, number, paint, position, rgb, scrub, start, svg, unpack, words,
} from "./common.js";
import { arrow, drawn, ends } from "./plane_geometry.js";
import { lineEditor } from "./plane_line.js";
import { pointsEditor } from "./plane_points.js";
import { questionsOf } from "./plane_questions.js";

const LARGEST = 620;
const MARGIN = 26;
const FILM_S = 7; // a whole training plays in at most this long
const SLOWEST_MS = 450;
let serial = 0;

export function mount(host) {
  const id = `dl-plane-${(serial += 1)}`;
  const say = words(host.props);
  const film = filmOf(host);
  const layer = (name, extra = {}) => svg("g", { class: name, ...extra });
  const clip = `url(#${id}-clip)`;
  const box = svg("rect");
  const gradient = svg("linearGradient", { id: `${id}-side`, gradientUnits: "userSpaceOnUse" });
  const layers = {
    axes: layer("axes"), ghosts: layer("ghosts", { "clip-path": clip }),
    swarm: layer("swarm", { "clip-path": clip }), lines: layer("lines", { "clip-path": clip }),
    points: layer("points"), handles: layer("handles"),
  };
  const side = svg("rect", { class: "side", fill: `url(#${id}-side)` });
  const field = node("canvas", { class: "field", "aria-hidden": "true" });
  const picture = svg("svg", { class: "picture", role: "group" },
    svg("defs", {}, svg("clipPath", { id: `${id}-clip` }, box), gradient), side, Object.values(layers));
  const stage = node("div", { class: "stage" }, field, picture);
  const readout = node("p", { class: "readout" });
  const notice = node("p", { class: "notice", role: "status" });
  const tools = node("div", { class: "tools", role: "toolbar" });
  const view = {
    host, say, picture, stage, tools, layers, side, field, gradient, box, readout, notice, film,
    geometry: null, decoded: {},
  };
  view.questions = questionsOf(host, stage, () => receive(view, host.props.value));
  view.points = pointsEditor(view);
  view.line = lineEditor(view);
  canvasOf(host).append(tools, stage, readout, notice);
  view.redraw = start(host, () => render(view));
}

function render(view) {
  const { host, say, film, notice } = view;
  const value = host.props.value;
  if (!value) return;
  decode(view, value);
  film.take(value.play);
  layout(view, value);
  const frame = frameAt(value, view, host.props.group);
  drawAxes(view);
  drawSide(view, value, frame);
  drawLines(view, value, frame);
  drawSwarm(view, value, host.props.group);
  view.points.draw(value, frame);
  view.line.draw(value, frame);
  view.tools.hidden = !value.editable;
  view.picture.setAttribute("aria-label", say("plane"));
  const hovered = view.points.described(frame);
  view.readout.textContent = hovered || told(view, value, frame);
  const ending = frame.last ? endingOf(view, value, frame) : "";
  if (notice.textContent !== ending) notice.textContent = ending;
  notice.dataset.kind = value.ended ?? "";
}

/* Packed arrays are read once a value, not once a frame. */
function decode(view, value) {
  if (view.decoded.value === value) return;
  view.decoded = {
    value,
    lines: value.lines && unpack(value.lines),
    outputs: value.outputs && unpack(value.outputs),
    field: value.field && unpack(value.field.values),
    swarm: value.swarm && { lines: unpack(value.swarm.lines), right: unpack(value.swarm.right) },
  };
  receive(view, value);
}

function receive({ questions, points, line }, value) {
  questions.receive(value);
  if (questions.busy) return;
  points.receive(value);
  line.receive();
}

const latest = (steps, step) =>
  step === null ? steps.length - 1 : Math.max(0, steps.findLastIndex((s) => s <= step));

function frameAt(value, { decoded }, group) {
  const steps = value.steps ?? [];
  const at = latest(steps, position(group));
  const { lines, outputs } = decoded;
  if (!lines || !steps.length) return { lines: [], outputs: [], last: true };
  const [, count] = lines.shape;
  return {
    step: steps[at], at, last: at === steps.length - 1,
    right: value.right?.[at], sample: value.samples?.[at] ?? -2,
    lines: Array.from({ length: count }, (_, h) => lineOf(lines, at * count + h)),
    outputs: outputs.data.subarray(at * outputs.shape[1], (at + 1) * outputs.shape[1]),
  };
}

const lineOf = ({ data }, row) => ({ w1: data[row * 3], w2: data[row * 3 + 1], b: data[row * 3 + 2] });

/* ---- places: from the plane's coordinates to pixels and back ---- */

function layout(view, value) {
  const width = Math.min(LARGEST, view.host.element.clientWidth);
  const [low, high] = value.view;
  const inner = width - 2 * MARGIN;
  const scale = inner / (high - low);
  view.geometry = {
    width, low, high, scale,
    x: (x) => MARGIN + (x - low) * scale,
    y: (y) => MARGIN + (high - y) * scale,
    place: (px, py) => [low + (px - MARGIN) / scale, high - (py - MARGIN) / scale],
  };
  view.picture.setAttribute("viewBox", `0 0 ${width} ${width}`);
  view.stage.style.width = `${width}px`;
  view.stage.style.height = `${width}px`;
  for (const rect of [view.side, view.box]) {
    for (const [name, size] of [["x", MARGIN], ["y", MARGIN], ["width", inner], ["height", inner]]) {
      rect.setAttribute(name, size);
    }
  }
  Object.assign(view.field.style, { left: `${MARGIN}px`, top: `${MARGIN}px`, width: `${inner}px`, height: `${inner}px` });
}

function drawAxes({ layers, geometry: g }) {
  const ticks = [-2, -1, 0, 1, 2].filter((t) => t >= g.low && t <= g.high);
  const parts = ticks.flatMap((t) => [
    svg("line", { class: t ? "" : "zero", x1: g.x(t), x2: g.x(t), y1: g.y(g.low), y2: g.y(g.high) }),
    svg("line", { class: t ? "" : "zero", y1: g.y(t), y2: g.y(t), x1: g.x(g.low), x2: g.x(g.high) }),
    svg("text", { x: g.x(t), y: g.width - 9, "text-anchor": "middle" }, number(t)),
    svg("text", { x: 20, y: g.y(t) + 4, "text-anchor": "end" }, number(t)),
  ]);
  parts.push(svg("text", { class: "name", x: g.width - 6, y: g.width - 9, "text-anchor": "end" }, "x₁"));
  parts.push(svg("text", { class: "name", x: 20, y: 16, "text-anchor": "end" }, "x₂"));
  layers.axes.replaceChildren(...parts);
}

/* ---- what the network says over the plane ---- */

const tone = (output) => rgb(diverging((output - 0.5) * 0.9));

function drawSide(view, value, frame) {
  const { side, field, gradient, geometry: g, decoded, host } = view;
  side.style.display = decoded.field || !frame.lines.length || value.swarm ? "none" : "";
  field.style.display = decoded.field ? "" : "none";
  if (decoded.field) {
    const [, rows, columns] = decoded.field.shape;
    const at = latest(value.field.steps, position(host.props.group));
    const values = decoded.field.data.subarray(at * rows * columns, (at + 1) * rows * columns);
    paint(field, values, columns, rows, (v) => diverging((v / 255 - 0.5) * 0.9));
    return;
  }
  if (!frame.lines.length || !value.ramp?.length) return;
  const { w1, w2, b } = frame.lines[0];
  const square = w1 * w1 + w2 * w2;
  const reach = value.ramp.at(-1)[0];
  if (square < 1e-12) {
    const same = value.ramp.findLast(([score]) => score <= b) ?? value.ramp[0];
    gradient.replaceChildren(svg("stop", { offset: 0, "stop-color": tone(same[1]) }));
    return;
  }
  const at = (score) => [((score - b) * w1) / square, ((score - b) * w2) / square];
  const ends = [at(-reach), at(reach)];
  ends.forEach(([x, y], i) => {
    gradient.setAttribute(`x${i + 1}`, g.x(x));
    gradient.setAttribute(`y${i + 1}`, g.y(y));
  });
  gradient.replaceChildren(...value.ramp.map(([score, output]) =>
    svg("stop", { offset: (score + reach) / (2 * reach), "stop-color": tone(output) })));
}

function drawLines(view, value, frame) {
  const { layers, geometry: g, decoded } = view;
  const many = frame.lines.length > 1;
  const draft = view.line.draft();
  const shown = draft ? [draft] : frame.lines;
  const parts = shown.map((line) => svg("path", { class: many || decoded.field ? "unit" : "line", d: drawn(line, g) }));
  if (!decoded.field && shown.length === 1) {
    const end = ends(shown[0], g);
    if (end) parts.push(arrow(end, g));
  }
  layers.lines.replaceChildren(...parts);
  layers.ghosts.replaceChildren(...ghosts(value, decoded, g));
}

/* All lines of the circle, faint: the neuron walks from one to the next for ever. */
function ghosts(value, { lines }, g) {
  if (!value.circle || !lines) return [];
  const [from, to] = value.circle.map((step) => latest(value.steps, step));
  const paths = new Set();
  for (let at = from; at <= to; at += 1) paths.add(drawn(lineOf(lines, at), g));
  return [...paths].map((d) => svg("path", { d }));
}

function drawSwarm({ layers, geometry: g, decoded }, value, group) {
  if (!decoded.swarm) {
    layers.swarm.replaceChildren();
    return;
  }
  const at = latest(value.swarm.steps, position(group));
  const [, count] = decoded.swarm.lines.shape;
  const paths = { wrong: "", right: "" };
  for (let s = 0; s < count; s += 1) {
    const all = decoded.swarm.right.data[at * count + s] === value.points.length;
    paths[all ? "right" : "wrong"] += drawn(lineOf(decoded.swarm.lines, at * count + s), g);
  }
  keyed(layers.swarm, Object.keys(paths), (name) => name, (name) => svg("path", { class: name }),
    (path, name) => path.setAttribute("d", paths[name]));
}

/* ---- words ---- */

function told({ say, film }, value, frame) {
  if (frame.right === undefined) return value.swarm ? "" : say("empty");
  const total = value.points.length;
  const right = say("right", { right: number(frame.right), total: number(total) });
  const sample = value.points[frame.sample];
  const looked = sample && frame.sample >= 0 ? say("looked", { x: number(sample[0]), y: number(sample[1]) }) : "";
  return [say("update", { step: number(frame.step, 0) }), looked, right, film.on() ? say("playing") : ""]
    .filter(Boolean).join(" · ");
}

function endingOf({ say }, value, frame) {
  if (!value.ended) return "";
  const values = {
    step: number(frame.step, 0), total: number(value.points.length, 0),
    good: number(value.good, 0), starts: number(value.starts, 0),
  };
  if (value.circle) {
    values.first = number(value.circle[0], 0);
    values.period = number(value.circle[1] - value.circle[0], 0);
  }
  return say(`ended.${value.ended}`, values);
}

/* ---- the film that Play asks for; a hand on the timeline stops it ---- */

function filmOf(host) {
  let seen = null;
  let timer = null;
  let mine = false;
  const group = host.props.group;
  const show = (step) => {
    mine = true;
    scrub(group, step);
    mine = false;
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
  };
  window.addEventListener("dl-scrub", (event) => event.detail.group === group && !mine && stop());
  return {
    on: () => timer !== null,
    take(play) {
      if (!play || play.token === seen) return;
      const first = seen === null;
      seen = play.token;
      stop();
      if (play.from === null) {
        if (!first && position(group) !== null) show(null);
        return;
      }
      const steps = host.props.value.steps.filter((step) => step >= play.from);
      const pause = Math.min(SLOWEST_MS, Math.max(40, (FILM_S * 1000) / steps.length));
      const skip = Math.max(1, Math.round((40 * steps.length) / (FILM_S * 1000)));
      let at = 0;
      show(steps[0]);
      timer = setInterval(() => {
        at += skip;
        const over = at >= steps.length - 1 || !host.element.isConnected;
        if (over) stop();
        show(over ? null : steps[at]);
      }, pause);
    },
  };
}
