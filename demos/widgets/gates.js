/* Gates and states over the words, all with the same columns; a cell shows its own arithmetic.
   The numbers are the network's; nothing but the written-out products is put together here. */

import {
  canvasOf, diverging, keyed, node, number, rgb, sequential, start, unpack, words,
} from "./common.js";

const FONT = 12;
const COLUMN = { least: 11, most: 84 }; // CSS pixels a word
const TALL = 150; // about what one part takes
const TWO = 820; // from this width on, gates and states stand side by side

export function mount(host) {
  const say = words(host.props);
  const view = { host, say, t: null, row: 0, parts: [] };
  view.note = node("p", { class: "note" });
  view.walker = node("button", { type: "button", class: "walker", onkeydown: (event) => walk(view, event) });
  view.columns = node("div", { class: "columns" });
  view.read = node("div", { class: "read", role: "status" });
  view.hint = node("div", { class: "hint" });
  view.body = node("div", { class: "body" }, view.note, view.walker, view.columns, view.read);
  canvasOf(host).append(view.body, view.hint);
  start(host, () => render(view));
}

function render(view) {
  const { host, say, body, hint, note, walker, columns } = view;
  const value = host.props.value;
  const empty = !value?.layers?.length;
  body.hidden = empty;
  hint.textContent = empty ? say(value?.note ?? host.props.empty ?? "empty") : "";
  if (empty) return;
  view.value = value;
  view.layers = Object.fromEntries(value.layers.map((layer) => [layer.name, unpack(layer.values).data]));
  view.count = value.words.length;
  view.height = value.units.length;
  note.textContent = value.note ? say(value.note) : "";
  note.hidden = !value.note;
  walker.textContent = say("walk");
  const wide = host.element.clientWidth >= TWO;
  const sides = wide ? [true, false].map((gate) => value.layers.filter((layer) => layer.gate === gate)) : [value.layers];
  const shown = sides.filter((side) => side.length);
  columns.style.setProperty("--columns", shown.length);
  view.parts = [];
  keyed(columns, shown, (side) => side.map((layer) => layer.name).join(), () => node("div", { class: "column" }),
    (column, side) => drawSide(view, column, side, (host.element.clientWidth - (shown.length - 1) * 28) / shown.length));
  if (view.t === null || view.t >= view.count || view.texts !== value.words.join(" ")) {
    view.texts = value.words.join(" ");
    view.t = view.count - 1; // the last word decides the answer
    view.row = strongest(view);
  }
  view.row = Math.min(view.row, view.height - 1);
  point(view);
}

/* The row whose unit moves the answer most after the last word. */
function strongest({ value, layers, count, height }) {
  const hidden = layers.hidden;
  if (!hidden || !value.weights) return 0;
  const pull = Array.from({ length: height }, (_, r) => Math.abs(hidden[r * count + count - 1] * value.weights[r]));
  return pull.indexOf(Math.max(...pull));
}

/* ---- drawing ---- */

function drawSide(view, column, side, room) {
  const { count, value, host } = view;
  const wide = Math.max(COLUMN.least, Math.min(COLUMN.most, (room - 2) / count));
  const style = getComputedStyle(host.element);
  if (!column.dl) {
    column.dl = { head: node("canvas", { "aria-hidden": "true" }), list: node("div") };
    column.append(node("div", { class: "scroll" }, column.dl.head, column.dl.list));
  }
  drawWords(column.dl.head, value.words, wide, style);
  keyed(column.dl.list, side, (layer) => layer.name, () => makePart(view), (part, layer) => {
    drawPart(view, part, layer, wide, style);
    view.parts.push(part);
  });
}

function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return context;
}

function drawWords(canvas, texts, wide, style) {
  const context = canvas.getContext("2d");
  const font = `${FONT}px ${style.fontFamily}`;
  context.font = font;
  const longest = Math.max(...texts.map((text) => context.measureText(text).width));
  const upright = longest > wide - 3;
  const height = upright ? Math.min(84, Math.ceil(longest)) + 8 : FONT + 8;
  const drawn = sized(canvas, wide * texts.length, height);
  drawn.font = font;
  drawn.fillStyle = style.getPropertyValue("--dl-ink").trim() || "#222";
  drawn.textBaseline = "middle";
  texts.forEach((text, i) => {
    drawn.save();
    drawn.translate((i + 0.5) * wide, height - (upright ? 4 : 9));
    if (upright) drawn.rotate(-Math.PI / 2);
    drawn.textAlign = upright ? "left" : "center";
    drawn.fillText(short(drawn, text, upright ? 84 : wide), 0, 0);
    drawn.restore();
  });
}

function short(context, text, room) {
  const letters = [...text];
  while (letters.length > 1 && context.measureText(letters.join("")).width > room) letters.splice(-2, 2, "…");
  return letters.join("");
}

function makePart(view) {
  const canvas = node("canvas", { role: "img" });
  const band = node("i", { class: "band" });
  const cell = node("i", { class: "cell" });
  const title = node("div", { class: "title" }, node("b"), node("span"));
  const stage = node("div", { class: "stage" }, canvas, band, cell);
  const part = node("div", { class: "part" }, title, stage);
  part.dl = { canvas, band, cell, title, stage };
  const look = (event) => {
    const box = canvas.getBoundingClientRect();
    const t = Math.floor(((event.clientX - box.left) / box.width) * view.count);
    const row = Math.floor(((event.clientY - box.top) / box.height) * view.height);
    if (t < 0 || row < 0 || t >= view.count || row >= view.height) return;
    [view.t, view.row] = [t, row];
    point(view);
  };
  stage.addEventListener("pointermove", look);
  stage.addEventListener("pointerdown", look);
  return part;
}

function drawPart(view, part, layer, wide, style) {
  const { count, height, layers, say } = view;
  const { canvas, title } = part.dl;
  const data = layers[layer.name];
  const tall = Math.max(2, Math.min(9, Math.round(TALL / height)));
  const limit = Math.max(layer.name === "cell" ? 0.1 : 1, ...[...data].map(Math.abs).filter(Number.isFinite));
  const context = sized(canvas, wide * count, tall * height);
  const gap = wide >= 14 ? 1 : 0;
  for (let row = 0; row < height; row += 1) {
    for (let t = 0; t < count; t += 1) {
      const v = data[row * count + t];
      context.fillStyle = Number.isFinite(v) ? rgb(layer.gate ? sequential(v) : diverging(v / limit)) : style.color;
      context.fillRect(t * wide, row * tall, wide - gap, tall - (tall > 3 ? 0.5 : 0));
    }
  }
  Object.assign(part.dl, { wide, tall });
  title.firstChild.textContent = say(`names.${layer.name}`);
  title.lastChild.textContent = Number.isFinite(layer.fixed) ? say("fixed", { value: number(layer.fixed) })
    : layer.gate ? `0 … 1` : `−${number(limit, 2)} … ${number(limit, 2)}`;
  title.classList.toggle("fixed", Number.isFinite(layer.fixed));
  canvas.setAttribute("aria-label", say("map", { name: say(`names.${layer.name}`), units: height, words: count }));
}

/* ---- reading a cell ---- */

function walk(view, event) {
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!by) return;
  event.preventDefault();
  view.t = Math.min(view.count - 1, Math.max(0, view.t + by[0]));
  view.row = Math.min(view.height - 1, Math.max(0, view.row + by[1]));
  point(view);
}

function point(view) {
  const { parts, t, row, value, layers, count, read, say } = view;
  for (const { dl: { band, cell, wide, tall } } of parts) {
    Object.assign(band.style, { left: `${t * wide}px`, width: `${wide}px` });
    Object.assign(cell.style, { left: `${t * wide}px`, top: `${row * tall}px`, width: `${wide}px`, height: `${tall}px` });
  }
  const at = (name, when = t) => (when < 0 ? 0 : layers[name]?.[row * count + when]);
  const unit = value.units[row];
  const title = node("div", { class: "where" }, say("where", { unit, n: t + 1 }), " ", node("bdi", {}, `“${value.words[t]}”`));
  read.replaceChildren(title, ...(EQUATIONS[value.kind] ?? (() => []))(at, t, say));
  const weight = value.weights?.[row];
  if (weight !== undefined && at("hidden") !== undefined) {
    read.append(node("div", { class: "line" }, say("weight", { weight: number(weight).replace("-", "−"), pull: say(weight < 0 ? "against" : "for") })));
  }
}

const value = (v, name, say) => node("span", { class: "value", title: say(`names.${name}`) }, v < 0 ? `(${number(v)})`.replace("-", "−") : number(v));

/* What a line comes to, without the brackets that a factor below zero needs. */
const total = (v, name, say) => node("b", { title: say(`names.${name}`) }, number(v).replace("-", "−"));

function line(result, say, ...parts) {
  return node("div", { class: "line" }, node("b", {}, say(`short.${result}`)), " = ", parts);
}

const EQUATIONS = {
  lstm: (at, t, say) => {
    const v = (name, when) => value(at(name, when), name, say);
    return [
      line("cell", say, say("short.forget"), " × ", say("short.old_cell"), " + ", say("short.input"), " × ", say("short.candidate")),
      node("div", { class: "line numbers" }, v("forget"), " × ", v("cell", t - 1), " + ", v("input"), " × ", v("candidate"), " = ", total(at("cell"), "cell", say)),
      line("hidden", say, say("short.output"), " × tanh(", say("short.cell"), ")"),
      node("div", { class: "line numbers" }, v("output"), " × tanh ", v("cell"), " = ", total(at("hidden"), "hidden", say)),
    ];
  },
  gru: (at, t, say) => {
    const v = (name, when) => value(at(name, when), name, say);
    return [
      line("hidden", say, say("short.update"), " × ", say("short.old_hidden"), " + (1 − ", say("short.update"), ") × ", say("short.candidate")),
      node("div", { class: "line numbers" }, v("update"), " × ", v("hidden", t - 1), " + (1 − ", v("update"), ") × ", v("candidate"), " = ", total(at("hidden"), "hidden", say)),
    ];
  },
  rnn: (at, t, say) => [
    line("hidden", say, "tanh(", say("short.sum"), ")"),
    node("div", { class: "line numbers" }, total(at("hidden"), "hidden", say)),
  ],
};
