/* The large plane: what the network, or the neuron being pointed at, says at every place of it. */

import { keyed, language, node, number, percent } from "./common.js";
import { classColours, sample, stamper } from "./marks.js";
import { pixelsOf, sharp } from "./network_wires.js";
import { niceAxis } from "./scales.js";

const AXIS = { left: 32, bottom: 24 }; // room for numbers beside the plane
const SOFT = { output: 0.62, unit: 0.75 }; // the points stay readable on these colours

export function fieldView(view) {
  const title = node("h4", { class: "title" });
  const under = node("canvas", { class: "output", "aria-hidden": "true" });
  const over = node("canvas", { class: "points", "aria-hidden": "true" });
  const plane = node("div", { class: "plane", role: "img" }, under, over);
  const scale = node("div", { class: "scale" });
  const legend = node("div", { class: "legend", role: "group" });
  const element = node("div", { class: "field" }, title, plane, scale, legend);
  const state = { hidden: new Set(), drawn: "", points: null, at: null };
  const pixels = node("canvas");
  plane.addEventListener("pointermove", (event) => look(event));
  plane.addEventListener("pointerdown", (event) => look(event));
  plane.addEventListener("pointerleave", () => look(null));

  function look(event) {
    const box = plane.getBoundingClientRect();
    state.at = event && [(event.clientX - box.left - AXIS.left) / state.side,
      (event.clientY - box.top) / state.side];
    if (event && (state.at[0] < 0 || state.at[0] > 1 || state.at[1] > 1)) state.at = null;
    tell();
  }

  /* What is under the pointer, in numbers. */
  function tell() {
    const { at, shown } = state;
    if (!at || !state.view) {
      view.tip.hide("field");
      return;
    }
    const [x0, x1, y0, y1] = state.view;
    const place = { x: number(x0 + at[0] * (x1 - x0), 2), y: number(y1 - at[1] * (y1 - y0), 2) };
    const here = shown && valueAt(shown, at);
    const text = here === null || here === undefined ? view.say("place", place)
      : view.say(shown.kind === "unit" ? "place_unit" : "place_output", {
        ...place, value: shown.kind === "unit" ? number(here, 2) : percent(here.share, 0), class: here.name });
    const box = plane.getBoundingClientRect();
    view.tip.show("field", text, [box.left + AXIS.left + at[0] * state.side, box.top + at[1] * state.side]);
  }

  function valueAt({ kind, field, classes }, [u, v]) {
    const [rows, columns] = field.shape.slice(-2);
    const cell = Math.min(rows - 1, Math.floor(v * rows)) * columns + Math.min(columns - 1, Math.floor(u * columns));
    if (kind === "unit") return (field.data[cell] - 128) / 127;
    if (field.shape.length === 2) return { share: field.data[cell] / 255, name: classes[1] };
    const shares = classes.map((_, c) => field.data[c * rows * columns + cell] / 255);
    const best = shares.indexOf(Math.max(...shares));
    return { share: shares[best], name: classes[best] };
  }

  function draw({ value, layout, decoded, colours, active, top }) {
    element.hidden = !layout.square;
    if (!layout.square) return;
    state.side = layout.square;
    state.view = value.view;
    const outer = { width: layout.square + AXIS.left, height: layout.square + AXIS.bottom };
    element.style.width = `${outer.width}px`;
    element.style.marginTop = layout.wide ? `${top}px` : "";
    Object.assign(plane.style, { width: `${outer.width}px`, height: `${outer.height}px` });
    state.shown = shownOf(value, decoded, active, view);
    title.textContent = state.shown?.name ?? view.say("output_field");
    plane.setAttribute("aria-label", `${title.textContent}. ${view.say("plane")}`);
    paintField(state.shown, colours);
    drawPoints(value, layout, colours, outer);
    drawScale(value, colours);
    drawLegend(value, colours);
    tell();
  }

  function paintField(shown, colours) {
    under.hidden = !shown;
    Object.assign(under.style, { left: `${AXIS.left}px`, width: `${state.side}px`, height: `${state.side}px` });
    if (!shown) return;
    const { field } = shown;
    const [rows, columns] = field.shape.slice(-2);
    Object.assign(pixels, { width: columns, height: rows });
    const context = pixels.getContext("2d");
    const image = context.createImageData(columns, rows);
    const target = new Uint32Array(image.data.buffer);
    if (field.shape.length === 2) {
      const table = pixelsOf(SOFT[shown.kind]);
      for (let i = 0; i < target.length; i += 1) target[i] = table[field.data[i]];
    } else paintClasses(target, field, classColours(colours, field.shape[0]), colours.surface);
    context.putImageData(image, 0, 0);
    const scale = window.devicePixelRatio || 1;
    const size = Math.round(state.side * scale);
    if (under.width !== size) Object.assign(under, { width: size, height: size });
    const large = under.getContext("2d");
    large.imageSmoothingEnabled = true;
    large.imageSmoothingQuality = "high";
    large.drawImage(pixels, 0, 0, size, size);
  }

  /* Points change once a data set, so they lie on a canvas of their own. */
  function drawPoints(value, layout, colours, outer) {
    const key = [outer.width, colours.surface, [...state.hidden], value.outputs.length, String(value.view)].join();
    if (state.points === value.points && state.drawn === key) return;
    Object.assign(state, { points: value.points, drawn: key });
    const context = sharp(over, outer.width, outer.height);
    axes(context, value, layout.square, colours);
    if (!value.points || !value.view) return;
    const { x, labels, held } = view.decodePoints(value.points);
    const [x0, x1, y0, y1] = value.view;
    const kinds = classColours(colours, value.outputs.length);
    const radius = Math.max(2.4, Math.min(4.6, layout.square / 90, 90 / Math.sqrt(labels.length)));
    const stamp = stamper({ kinds, radius, surface: colours.surface });
    context.save();
    context.beginPath();
    context.rect(AXIS.left, 0, layout.square, layout.square);
    context.clip();
    for (let i = 0; i < labels.length; i += 1) {
      if (state.hidden.has(held[i] ? "held" : "train")) continue;
      const left = AXIS.left + ((x[2 * i] - x0) / (x1 - x0)) * layout.square;
      const high = ((y1 - x[2 * i + 1]) / (y1 - y0)) * layout.square;
      stamp(context, left, high, labels[i], Boolean(held[i]));
    }
    context.restore();
  }

  function axes(context, value, side, colours) {
    context.strokeStyle = colours.grid;
    context.lineWidth = 1;
    context.strokeRect(AXIS.left + 0.5, 0.5, side - 1, side - 1);
    if (!value.view) return;
    context.fillStyle = colours.muted;
    context.font = "11px sans-serif";
    const [x0, x1, y0, y1] = value.view;
    const inside = (lo, hi) => niceAxis(lo, hi, 4).ticks.filter((t) => t >= lo && t <= hi);
    context.textAlign = "center";
    for (const t of inside(x0, x1)) context.fillText(number(t), AXIS.left + ((t - x0) / (x1 - x0)) * side, side + 14);
    context.textAlign = "right";
    for (const t of inside(y0, y1)) {
      const y = ((y1 - t) / (y1 - y0)) * side;
      if (y > 8) context.fillText(number(t), AXIS.left - 5, Math.min(side - 2, y + 4));
    }
    context.fillStyle = colours.ink;
    context.textAlign = "right";
    context.fillText(value.inputs[0] ?? "", AXIS.left + side, side + 23);
    const name = value.inputs[1] ?? "";
    const long = name.length > 3; // such a name has room in the plane only
    context.textAlign = long ? "left" : "right";
    Object.assign(context, { strokeStyle: colours.surface, lineWidth: 3, lineJoin: "round" });
    if (long) context.strokeText(name, AXIS.left + 6, 14);
    context.fillText(name, long ? AXIS.left + 6 : AXIS.left - 5, long ? 14 : 9);
  }

  /* What the colours mean: from one class to the other, or each class by its mark. */
  function drawScale(value, colours) {
    const unit = state.shown?.kind === "unit";
    const many = !unit && value.outputs.length > 2;
    const names = unit ? [view.say("low"), view.say("high")] : value.outputs;
    const key = [unit, names, colours.surface, language()].join();
    if (scale.dataset.key === key) return;
    scale.dataset.key = key;
    scale.style.marginLeft = `${AXIS.left}px`;
    scale.classList.toggle("many", many);
    const kinds = classColours(colours, names.length);
    const parts = names.map((name, label) => node("span", {}, unit ? null : marked(label, kinds[label], colours), name));
    scale.replaceChildren(...(many ? parts : [parts[0] ?? "", node("i"), parts[1] ?? ""]));
  }

  function drawLegend(value, colours) {
    const kinds = classColours(colours, value.outputs.length);
    const { held } = value.points ? view.decodePoints(value.points) : { held: [] };
    const out = held.reduce((sum, h) => sum + h, 0);
    const counts = { train: held.length - out, held: out };
    const items = value.points ? ["train", "held"].filter((name) => counts[name]) : [];
    legend.style.marginLeft = `${AXIS.left}px`;
    legend.setAttribute("aria-label", view.say("points"));
    keyed(legend, items, (name) => name, (name) => node("button", { type: "button", onclick: () => {
      state.hidden.has(name) ? state.hidden.delete(name) : state.hidden.add(name);
      view.redraw();
    } }), (button, name) => {
      const hollow = name === "held";
      const style = `${kinds} ${colours.surface}`;
      if (button.dataset.style !== style) {
        button.replaceChildren(...[0, 1].map((label) => marked(label, kinds[label], colours, hollow)), node("span"));
        button.dataset.style = style;
      }
      button.lastChild.textContent = view.say(name, { count: number(counts[name]) });
      button.setAttribute("aria-pressed", String(!state.hidden.has(name)));
    });
  }

  return { element, draw };
}

function marked(label, colour, { surface }, hollow = false) {
  const canvas = node("canvas", { "aria-hidden": "true" });
  sample(canvas, { label, radius: 4.2, colour, surface, hollow });
  return canvas;
}

/* The field to show: of the neuron being looked at, else of the whole network. */
function shownOf(value, decoded, active, view) {
  if (!decoded) return null;
  const last = decoded.sizes.length - 1;
  if (active && active.column > 0 && (active.column < last || decoded.sizes[last] > 1) && decoded.fields) {
    const index = decoded.sizes.slice(1, active.column).reduce((a, b) => a + b, 0) + active.unit;
    const [, rows, columns] = decoded.fields.shape;
    const data = decoded.fields.data.subarray(index * rows * columns, (index + 1) * rows * columns);
    return { kind: "unit", field: { shape: [rows, columns], data }, name: view.nameOf(active.column, active.unit) };
  }
  if (decoded.output) return { kind: "output", field: decoded.output, classes: value.outputs };
  return null;
}

function paintClasses(target, { shape: [classes, rows, columns], data }, kinds, surface) {
  const paper = channels(surface);
  const inks = kinds.map(channels);
  for (let i = 0; i < rows * columns; i += 1) {
    let best = 0;
    for (let c = 1; c < classes; c += 1) {
      if (data[c * rows * columns + i] > data[best * rows * columns + i]) best = c;
    }
    const sure = Math.max(0, (data[best * rows * columns + i] / 255 - 1 / classes) / (1 - 1 / classes)) * 0.6;
    const [r, g, b] = paper.map((p, k) => Math.round(p + (inks[best][k] - p) * sure));
    target[i] = 0xff000000 | (b << 16) | (g << 8) | r;
  }
}

const channels = (hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
