/* The diagram's canvas: wires by sign and size, and neurons as thumbnails of their own fields. */

import { diverging, isDark, rgb } from "./common.js";
import { ends, gapAt, wire } from "./network_layout.js";

const BINS = 14; // wires of about the same width are one path: thousands are drawn in milliseconds

/* 0 … 1 for a weight: 1 is a half, so that early and late in training look different. The measure
   does not change from one moment to the next. */
export const strength = (weight) => Math.abs(weight) / (Math.abs(weight) + 1);

/* A canvas that is sharp on every screen; returns its context, scaled to CSS pixels and cleared.
   Drawn by the processor: thousands of thin lines take a graphics card longer (measured). */
export function sharp(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/* How thick a wire may be: less where they crowd. */
export function thickest(layout, layer) {
  const [a, b] = [layout.columns[layer], layout.columns[layer + 1]];
  const crowd = Math.max(a.count, b.count);
  return Math.max(1.4, Math.min(8, 60 / crowd));
}

/* All wires of a moment, the weak ones first. */
export function drawWires(context, layout, weights, colours) {
  weights.forEach(({ shape: [units, sources], data }, layer) => {
    const bins = new Map();
    for (let unit = 0; unit < units; unit += 1) {
      for (let source = 0; source < sources; source += 1) {
        const value = data[unit * sources + source];
        const size = strength(value);
        if (!(size > 0.004)) continue; // nothing to see, or not a number
        const bin = Math.min(BINS - 1, Math.floor(size * BINS)) * 2 + (value < 0 ? 1 : 0);
        if (!bins.has(bin)) bins.set(bin, new Path2D());
        line(bins.get(bin), layout, layer, unit, source);
      }
    }
    const most = thickest(layout, layer);
    const fog = Math.max(units, sources) > 12 ? 1.5 : 0.85; // where wires crowd, the weak step back
    for (const bin of [...bins.keys()].sort((p, q) => p - q)) {
      const size = (Math.floor(bin / 2) + 0.5) / BINS;
      context.globalAlpha = Math.min(1, 0.06 + size ** fog);
      context.strokeStyle = bin % 2 ? colours.negative : colours.positive;
      context.lineWidth = 0.4 + size * most;
      context.stroke(bins.get(bin));
    }
  });
  context.globalAlpha = 1;
}

/* The wires of what is being looked at, full and strong: a wire itself, or all at a neuron. */
export function drawLit(context, layout, weights, colours, active) {
  const one = (layer, unit, source) => {
    const { shape: [, sources], data } = weights[layer];
    const value = data[unit * sources + source];
    const size = strength(value);
    if (!(size > 0.004)) return;
    const path = new Path2D();
    line(path, layout, layer, unit, source);
    context.globalAlpha = Math.min(1, 0.45 + size);
    context.strokeStyle = value < 0 ? colours.negative : colours.positive;
    context.lineWidth = Math.max(1.2, size * thickest(layout, layer) + 0.8);
    context.stroke(path);
  };
  const { column, unit, source } = active;
  if (source !== undefined) one(column - 1, unit, source);
  else {
    const into = weights[column - 1]?.shape[1] ?? 0;
    const from = weights[column]?.shape[0] ?? 0;
    for (let i = 0; i < into; i += 1) one(column - 1, unit, i);
    for (let i = 0; i < from; i += 1) one(column, i, unit);
  }
  context.globalAlpha = 1;
}

/* Before there are weights: thin grey wires tell who is joined to whom. */
export function drawPlain(context, layout, colours) {
  const path = new Path2D();
  for (let layer = 0; layer + 1 < layout.columns.length; layer += 1) {
    for (let unit = 0; unit < layout.columns[layer + 1].count; unit += 1) {
      for (let source = 0; source < layout.columns[layer].count; source += 1) {
        line(path, layout, layer, unit, source);
      }
    }
  }
  context.globalAlpha = 0.8;
  context.strokeStyle = colours.grid;
  context.lineWidth = 0.8;
  context.stroke(path);
  context.globalAlpha = 1;
}

function line(path, { columns }, layer, unit, source) {
  const [from, to] = ends(columns, layer);
  const [start, end] = wire(columns, layer, unit, source);
  const middle = (from + to) / 2;
  path.moveTo(from, start);
  path.bezierCurveTo(middle, start, middle, end, to, end);
}

/* The wire nearest to a place, or null: thick ones are easier to catch than thin ones. */
export function wireAt(layout, weights, x, y, reach = 6) {
  const gap = gapAt(layout, x);
  const weight = gap && weights[gap.layer];
  if (!weight) return null;
  const { shape: [units, sources], data } = weight;
  let best = null;
  let nearest = reach;
  for (let unit = 0; unit < units; unit += 1) {
    for (let source = 0; source < sources; source += 1) {
      const [start, end] = wire(layout.columns, gap.layer, unit, source);
      const size = strength(data[unit * sources + source]) || 0;
      const away = Math.abs(y - start - (end - start) * gap.rise) - size * thickest(layout, gap.layer) / 2;
      if (away < nearest) [nearest, best] = [away, { column: gap.layer + 1, unit, source }];
    }
  }
  return best;
}

/* ---- neurons ---- */

const CALM = 0.85; // the colours of the thumbnails: a little less than the wires
const tables = new Map(); // theme -> 256 colours as pixels

/* 0 … 255 around 128 as pixels, orange to blue. */
export function pixelsOf(strengthOfColour = 1) {
  const key = `${isDark()} ${strengthOfColour}`;
  if (!tables.has(key)) {
    tables.set(key, Uint32Array.from({ length: 256 }, (_, v) => {
      const [r, g, b] = diverging(((v - 127.5) / 127.5) * strengthOfColour);
      return 0xff000000 | (b << 16) | (g << 8) | r;
    }));
  }
  return tables.get(key);
}

/* All fields below each other in one canvas, from which the thumbnails are copied. */
export function atlas(canvas, fields) {
  const [count, rows, columns] = fields.shape;
  Object.assign(canvas, { width: columns, height: count * rows });
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, count * rows);
  const pixels = new Uint32Array(image.data.buffer);
  const table = pixelsOf(CALM);
  for (let i = 0; i < pixels.length; i += 1) pixels[i] = table[fields.data[i]];
  context.putImageData(image, 0, 0);
}

export function drawNeurons(context, layout, { decoded, sheet, colours, active, view }) {
  let unit = 0;
  layout.columns.forEach(({ x, ys, size, count }, column) => {
    for (let i = 0; i < count; i += 1) {
      const [left, top] = [x - size / 2, ys[i] - size / 2];
      const bias = column > 0 ? decoded?.biases[column - 1]?.data[i] : undefined;
      const place = { left, top, size, round: column > 0 && !decoded?.fields };
      shape(context, place);
      context.fillStyle = colours.surface;
      context.fill();
      context.save();
      context.clip();
      if (column === 0 && view) inputField(context, place, i);
      else if (column > 0 && decoded?.fields) {
        const [, rows, columns] = decoded.fields.shape;
        context.imageSmoothingEnabled = true;
        context.drawImage(sheet, 0, unit * rows, columns, rows, left, top, size, size);
      } else if (Number.isFinite(bias)) {
        context.fillStyle = rgb(diverging(Math.sign(bias) * strength(bias * 2)));
        context.fill();
      }
      context.restore();
      const lit = active && active.column === column && active.unit === i && active.source === undefined;
      shape(context, place);
      context.strokeStyle = lit ? colours.accent : colours.muted;
      context.lineWidth = lit ? 2.5 : 1;
      context.globalAlpha = lit ? 1 : 0.75;
      context.stroke();
      context.globalAlpha = 1;
      if (column > 0 && decoded?.fields && size >= 22) biasDot(context, place, bias, colours);
      if (column > 0) unit += 1;
    }
    if (ys.length > count) dots(context, x, ys[count], colours);
  });
}

function shape(context, { left, top, size, round }) {
  context.beginPath();
  context.roundRect(left, top, size, size, round ? size / 2 : Math.min(6, size / 4));
}

/* An input is a coordinate itself: it grows to the right, or upwards. */
function inputField(context, { left, top, size }, axis) {
  const fill = axis === 0 ? context.createLinearGradient(left, 0, left + size, 0)
    : context.createLinearGradient(0, top + size, 0, top);
  for (let i = 0; i <= 8; i += 1) fill.addColorStop(i / 8, rgb(diverging(i / 4 - 1)));
  context.fillStyle = fill;
  context.fillRect(left, top, size, size);
}

/* The bias as a dot in the corner: its colour is its sign, its size its size. */
function biasDot(context, { left, top, size }, bias, colours) {
  if (!Number.isFinite(bias)) return;
  context.beginPath();
  context.arc(left + 5, top + size - 5, 1.5 + 3.5 * strength(bias), 0, 2 * Math.PI);
  context.fillStyle = bias < 0 ? colours.negative : colours.positive;
  context.strokeStyle = colours.surface;
  context.lineWidth = 1.5;
  context.stroke();
  context.fill();
}

function dots(context, x, y, colours) {
  context.fillStyle = colours.muted;
  for (const shift of [-5, 0, 5]) {
    context.beginPath();
    context.arc(x, y + shift, 1.6, 0, 2 * Math.PI);
    context.fill();
  }
}
