/* The same rows in several planes, one a layer: see scatter.py. Pointing at a row in one plane
   shows it in all of them, so that a class can be watched as the layers pull it from the others. */

import { canvasOf, colours, frameOf, keyed, node, number, start, unpack, words } from "./common.js";
import { classColours, sample, stamper } from "./marks.js";
import { sharp } from "./network_wires.js";

const EDGE = 10; // pixels around the cloud
const LEAST = 150; // a plane's width
const MOST = 260;
const REACH = 16; // so near a row must be to be pointed at

export function mount(host) {
  const root = canvasOf(host);
  const planes = node("div", { class: "planes" });
  const legend = node("div", { class: "legend", role: "group" });
  const told = node("output", { class: "told" });
  const empty = node("p", { class: "empty" });
  root.append(empty, planes, node("div", { class: "foot" }, legend, told));
  const view = {
    host, root, planes, legend, told, empty, say: words(host.props), row: null, out: new Set(), known: new WeakMap(),
  };
  view.redraw = start(host, () => render(view));
}

function render(view) {
  const { host, planes, say, empty, root } = view;
  const value = host.props.value;
  const frame = frameOf(host.props);
  empty.textContent = say("empty");
  empty.hidden = Boolean(frame);
  planes.hidden = !frame;
  view.legend.parentElement.hidden = !frame;
  if (!frame) return;
  view.read = (packed) => {
    if (!view.known.has(packed)) view.known.set(packed, unpack(packed).data);
    return view.known.get(packed);
  };
  Object.assign(view, {
    value, labels: view.read(value.labels), held: value.held && view.read(value.held),
    rows: value.rows && view.read(value.rows), palette: colours(root),
  });
  if (view.row !== null && view.row >= view.labels.length) view.row = null;
  const count = frame.planes.length;
  const width = root.clientWidth;
  const across = Math.max(1, Math.min(count, Math.floor((width + 12) / (LEAST + 12))));
  const side = Math.floor(Math.min(MOST, (width - 12 * (across - 1)) / across));
  view.side = side;
  planes.style.gridTemplateColumns = `repeat(${across}, ${side}px)`;
  keyed(planes, frame.planes, (_, i) => String(i), (_, i) => plane(view, i), (figure, packed, i) => {
    figure.dl.places = view.read(packed);
    const title = titleOf(view, i);
    figure.firstChild.textContent = title;
    figure.dl.canvas.setAttribute("aria-label", say("plane", { title, count: number(view.labels.length) }));
    figure.dl.canvas.tabIndex = 0;
  });
  drawLegend(view);
  drawAll(view);
}

function titleOf({ value, say }, i) {
  if (value.titles?.[i] !== undefined) return say(value.titles[i]);
  return i === 0 ? say("inputs") : say("layer", { n: i });
}

function plane(view) {
  const canvas = node("canvas", { role: "img", onpointermove: point, onpointerdown: point,
    onpointerleave: () => show(view, null), onblur: () => show(view, null), onkeydown: key });
  const figure = node("figure", {}, node("figcaption"), canvas);
  figure.dl = { canvas, places: null };

  function point(event) {
    const box = canvas.getBoundingClientRect();
    show(view, nearest(view, figure.dl.places, event.clientX - box.left, event.clientY - box.top));
  }

  function key(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") show(view, null);
    if (!by) return;
    event.preventDefault();
    const seen = [...view.labels.keys()].filter((row) => !view.out.has(view.labels[row]));
    const at = seen.indexOf(view.row);
    show(view, seen[(at + by + seen.length) % seen.length] ?? null);
  }
  return figure;
}

const placeOf = (places, row, side) => {
  const half = side / 2 - EDGE;
  return [side / 2 + (places[2 * row] / 127) * half, side / 2 - (places[2 * row + 1] / 127) * half];
};

function nearest({ labels, out, side }, places, x, y) {
  let best = null;
  let least = REACH ** 2;
  for (let row = 0; row < labels.length; row += 1) {
    if (out.has(labels[row])) continue;
    const [px, py] = placeOf(places, row, side);
    const away = (px - x) ** 2 + (py - y) ** 2;
    if (away < least) [least, best] = [away, row];
  }
  return best;
}

function show(view, row) {
  if (row === view.row) return;
  view.row = row;
  drawAll(view);
}

function drawAll(view) {
  const { planes, told, say, row, value, labels, held, rows } = view;
  for (const figure of planes.children) drawPlane(view, figure.dl);
  if (row === null) {
    told.textContent = "";
    return;
  }
  const name = nameOf(view, value.classes[labels[row]] ?? labels[row]);
  const text = rows ? say("row", { n: number(rows[row]), class: name }) : say("point", { class: name });
  told.textContent = held?.[row] ? `${text} (${say("held")})` : text;
}

function drawPlane(view, { canvas, places }) {
  const { side, labels, held, palette, out, row, value } = view;
  const context = sharp(canvas, side, side);
  context.strokeStyle = palette.grid;
  context.strokeRect(0.5, 0.5, side - 1, side - 1);
  const kinds = classColours(palette, value.classes.length);
  const radius = Math.max(2, Math.min(4, 52 / Math.sqrt(labels.length)));
  const stamps = (size) => stamper({ kinds, radius: size, surface: palette.surface });
  const one = (at, stamp) => {
    const [x, y] = placeOf(places, at, side);
    stamp(context, x, y, labels[at], Boolean(held?.[at]));
    return [x, y];
  };
  const small = stamps(radius);
  context.globalAlpha = row === null ? 0.85 : 0.4;
  for (let at = 0; at < labels.length; at += 1) if (!out.has(labels[at])) one(at, small);
  context.globalAlpha = 1;
  if (row === null) return;
  const [x, y] = one(row, stamps(radius * 1.8));
  context.beginPath();
  context.arc(x, y, radius * 1.8 + 4, 0, 2 * Math.PI);
  context.strokeStyle = palette.ink;
  context.lineWidth = 1.5;
  context.stroke();
}

const nameOf = ({ host, say }, name) => (host.props.named ? say(String(name)) : name);

function drawLegend(view) {
  const { legend, value, palette, out, say } = view;
  const kinds = classColours(palette, value.classes.length);
  legend.setAttribute("aria-label", say("classes"));
  keyed(legend, value.classes, (name, i) => `${i} ${name}`, (name, i) => node("button", { type: "button", onclick: () => {
    out.has(i) ? out.delete(i) : out.add(i);
    view.redraw();
  } }, node("canvas"), node("span")), (button, name, i) => {
    button.lastChild.textContent = nameOf(view, name);
    sample(button.firstChild, { label: i, radius: 4.4, colour: kinds[i], surface: palette.surface });
    button.setAttribute("aria-pressed", String(!out.has(i)));
  });
}
