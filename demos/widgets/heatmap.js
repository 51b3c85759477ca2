/* A table of numbers as colours: confusion matrices, attention. Hover, tap or arrows read a cell. */

import {
  canvasOf, diverging, frameOf, node, number, percent, rgb, sequential, start, unpack, walk,
  words,
} from "./common.js";
import { takeaway } from "./takeaway.js";

const CELL = { least: 4, most: 44 }; // CSS pixels
const FONT = 11;
const NUMBERED = 22; // a cell this large has room for its number

export function mount(host) {
  const say = words(host.props);
  const canvas = node("canvas", { role: "img" });
  const cursor = node("button", { type: "button", class: "cursor" });
  const tip = node("div", { class: "tip" });
  const scale = { low: node("span"), bar: node("canvas", { width: 64, height: 1, "aria-hidden": "true" }), high: node("span") };
  const legend = node("div", { class: "scale" }, scale.low, scale.bar, scale.high);
  const hint = node("div", { class: "hint" });
  const stage = node("div", { class: "stage" }, canvas, cursor, tip);
  canvasOf(host).append(stage, node("div", { class: "below" }, legend, node("output", { class: "read", "aria-live": "polite" })), hint);
  const read = legend.nextSibling;
  const view = { host, say, canvas, cursor, tip, read, stage, at: null, index: 0, plan: null };
  const take = host.props.take ? takeaway(host, say, () => tableOf(view)) : null;
  if (take) hint.before(take);
  listen(view);

  start(host, () => {
    const value = { ...(host.props.value || {}), ...(frameOf(host.props) ?? {}) };
    const empty = !value.values;
    stage.hidden = legend.hidden = empty;
    hint.textContent = empty ? say(host.props.empty ?? "empty") : "";
    if (take) take.hidden = empty;
    if (empty) return;
    take?.dlSay();
    const plan = layOut(value, host, say, canvas.getContext("2d"));
    view.plan = plan;
    drawCells(canvas, plan);
    drawScale(scale, plan);
    canvas.setAttribute("aria-label", describe(plan, say).trim());
    view.index = Math.min(view.index, plan.rows * plan.columns - 1);
    point(view);
  });
}

const tableOf = ({ host, plan: { names, data, kind, high } }) =>
  ({ name: host.props.take, rows: names.row, columns: names.column, data, signed: kind === "diverging", limit: high });

const labelsOf = (labels, count, say) =>
  Array.from({ length: count }, (_, i) => say(String(labels?.[i] ?? i)));

/* Where everything goes, for this width: label gutters as wide as the labels need, square cells. */
function layOut(value, host, say, context) {
  const { shape: [rows, columns], data } = unpack(value.values);
  const style = getComputedStyle(host.element);
  context.font = `${FONT}px ${style.fontFamily}`;
  const wide = (texts) => Math.max(0, ...texts.map((text) => context.measureText(text).width));
  const names = { row: labelsOf(value.rows, rows, say), column: labelsOf(value.columns, columns, say) };
  const titles = { row: say(value.row_title ?? ""), column: say(value.column_title ?? "") };
  const room = host.element.clientWidth;
  const left = Math.ceil(Math.min(wide(names.row), room * 0.28)) + 8 + (titles.row ? 18 : 0);
  const most = host.props.largest ?? CELL.most;
  const cell = Math.max(CELL.least, Math.min(most, (room - left - 8) / columns));
  const upright = wide(names.column) > cell - 3 && names.column.some((name) => name.length > 2);
  const top = (upright ? Math.min(96, Math.ceil(wide(names.column))) + 8 : FONT + 9) + (titles.column ? 18 : 0);
  const shades = shadesOf(value, data);
  return {
    value, rows, columns, data, names, titles, left, top, cell, upright, ...shades,
    width: left + cell * columns + 8, height: top + cell * rows + 2, style, say,
  };
}

/* From a number to a colour; zero in a logarithmic scale is paper. */
function shadesOf(value, data) {
  const kind = value.scale ?? "sequential";
  let [least, most, positive] = [Infinity, -Infinity, Infinity];
  for (const v of data) {
    if (!Number.isFinite(v)) continue;
    least = Math.min(least, v);
    most = Math.max(most, v);
    if (v > 0) positive = Math.min(positive, v);
  }
  if (!(least <= most)) [least, most] = [0, 1];
  if (kind === "diverging") {
    const limit = value.max ?? (Math.max(Math.abs(least), Math.abs(most)) || 1);
    return { kind, low: -limit, high: limit, shade: (v) => diverging(v / limit), back: (t) => limit * (2 * t - 1) };
  }
  const high = value.max ?? (most > 0 ? most : 1);
  if (kind === "log") {
    const low = Math.min(value.min ?? positive, high);
    const span = Math.log(high / low) || 1;
    const t = (v) => (v > 0 ? 0.1 + 0.9 * Math.min(1, Math.max(0, Math.log(v / low) / span)) : 0);
    return { kind, low, high, shade: (v) => sequential(t(v)), back: (s) => low * Math.exp(s * span) };
  }
  const low = value.min ?? Math.min(0, least);
  const t = (v) => Math.min(1, (v - low) / (high - low || 1));
  return { kind, low, high, shade: (v) => sequential(t(v)), back: (s) => low + s * (high - low) };
}

function write(plan, v) {
  if (plan.value.unit === "share") return percent(v, 1);
  return number(v, Math.abs(v) >= 100 ? 0 : 3);
}

function drawCells(canvas, plan) {
  const { rows, columns, data, left, top, cell, width, height, shade, style, value } = plan;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const gap = cell >= 12 ? 1 : 0;
  const snap = (v) => Math.round(v * ratio) / ratio;
  const small = Math.min(FONT + 1, cell * 0.42);
  const texts = value.numbers && cell >= NUMBERED;
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) {
      const v = data[r * columns + c];
      const [x, y] = [snap(left + c * cell), snap(top + r * cell)];
      const colour = Number.isFinite(v) ? shade(v) : [128, 128, 128];
      context.fillStyle = rgb(colour);
      context.fillRect(x, y, snap(left + (c + 1) * cell) - x - gap, snap(top + (r + 1) * cell) - y - gap);
      if (!texts || (v === 0 && value.scale === "log")) continue;
      context.font = `${small}px ${style.fontFamily}`;
      context.fillStyle = luminance(colour) > 0.36 ? "#10131c" : "#ffffff";
      context.textAlign = "center";
      context.textBaseline = "middle";
      const text = write(plan, v);
      if (context.measureText(text).width < cell - 2) context.fillText(text, x + cell / 2, y + cell / 2 + 0.5);
    }
  }
  drawLabels(context, plan);
}

const luminance = ([r, g, b]) => {
  const part = (v) => ((v / 255) <= 0.04 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
};

function drawLabels(context, { names, titles, left, top, cell, rows, columns, upright, style }) {
  const muted = style.getPropertyValue("--dl-muted").trim() || "#666";
  context.fillStyle = muted;
  context.font = `${FONT}px ${style.fontFamily}`;
  context.textBaseline = "middle";
  const every = (need) => Math.max(1, Math.ceil(need / cell));
  context.textAlign = "right";
  for (let r = 0; r < rows; r += every(FONT + 2)) {
    context.fillText(short(context, names.row[r], left - 8 - (titles.row ? 18 : 0)), left - 6, top + (r + 0.5) * cell);
  }
  const widest = Math.max(...names.column.map((name) => context.measureText(name).width));
  for (let c = 0; c < columns; c += every(upright ? FONT + 2 : widest + 7)) {
    context.save();
    context.translate(left + (c + 0.5) * cell, top - (upright ? 5 : 9));
    if (upright) context.rotate(-Math.PI / 2);
    context.textAlign = upright ? "left" : "center";
    context.fillText(short(context, names.column[c], 96), 0, 0);
    context.restore();
  }
  context.font = `600 ${FONT}px ${style.fontFamily}`;
  context.textAlign = "center";
  context.fillText(titles.column, left + (columns * cell) / 2, 8);
  context.save();
  context.translate(8, top + (rows * cell) / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(titles.row, 0, 0);
  context.restore();
}

function short(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let length = text.length - 1;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > room) length -= 1;
  return `${text.slice(0, length)}…`;
}

function drawScale({ low, bar, high }, plan) {
  low.textContent = write(plan, plan.low);
  high.textContent = write(plan, plan.high);
  const context = bar.getContext("2d");
  for (let i = 0; i < bar.width; i += 1) {
    context.fillStyle = rgb(plan.shade(plan.back(i / (bar.width - 1))));
    context.fillRect(i, 0, 1, 1);
  }
}

const describe = ({ rows, columns, titles }, say) =>
  say("table", { rows, columns, row: titles.row, column: titles.column });

/* ---- reading a cell ---- */

function listen(view) {
  const { canvas, cursor, stage, host } = view;
  const cellAt = (event) => {
    const { left, top, cell, rows, columns } = view.plan;
    const box = canvas.getBoundingClientRect();
    const c = Math.floor((event.clientX - box.left - left) / cell);
    const r = Math.floor((event.clientY - box.top - top) / cell);
    return r >= 0 && c >= 0 && r < rows && c < columns ? r * columns + c : null;
  };
  const look = (index) => {
    view.at = index;
    if (index !== null) view.index = index;
    point(view);
  };
  const pick = () => {
    if (!host.props.pick) return;
    host.trigger("pick", { row: Math.floor(view.index / view.plan.columns), column: view.index % view.plan.columns });
  };
  stage.addEventListener("pointermove", (event) => look(cellAt(event)));
  stage.addEventListener("pointerdown", (event) => look(cellAt(event)));
  stage.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch" && !cursor.matches(":focus-visible")) look(null);
  });
  canvas.addEventListener("click", (event) => cellAt(event) !== null && pick());
  cursor.addEventListener("click", pick);
  cursor.addEventListener("focus", () => cursor.matches(":focus-visible") && look(view.index));
  cursor.addEventListener("blur", () => look(null));
  cursor.addEventListener("keydown", (event) => {
    const { rows, columns } = view.plan;
    if (event.key === "Escape") look(null);
    const to = walk(event.key, view.index, rows * columns, columns);
    if (to === null) return;
    event.preventDefault();
    look(to);
  });
}

/* The frame around the cell being read is a button: one stop for the tab key, moved by arrows. */
function point({ plan, at, index, cursor, tip, read, say, stage, host }) {
  if (!plan) return;
  const { left, top, cell, columns, names, titles, data, width } = plan;
  const [r, c] = [Math.floor(index / columns), index % columns];
  Object.assign(cursor.style, {
    left: `${left + c * cell}px`, top: `${top + r * cell}px`, width: `${cell}px`, height: `${cell}px`,
  });
  cursor.classList.toggle("on", at !== null);
  cursor.classList.toggle("pick", Boolean(host.props.pick));
  const text = say("cell", {
    row: [titles.row, names.row[r]].filter(Boolean).join(" "),
    column: [titles.column, names.column[c]].filter(Boolean).join(" "),
    value: write(plan, data[index]),
  });
  cursor.setAttribute("aria-label", text);
  read.textContent = at === null ? "" : text;
  tip.hidden = at === null || (plan.value.numbers && cell >= NUMBERED); // else it says it twice
  tip.textContent = write(plan, data[index]);
  const centre = left + (c + 0.5) * cell;
  tip.style.left = `${Math.min(Math.max(centre, 24), Math.min(width, stage.clientWidth) - 24)}px`;
  tip.style.top = `${top + r * cell - 6}px`;
}
