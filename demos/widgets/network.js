/* A network as a diagram, with the plane it decides about. What is drawn is described in
   network.py. Wires and neurons are painted on one canvas; over it lie buttons, one a neuron. */

import { canvasOf, colours, frameOf, keyed, language, node, number, position, start, unpack, words }
  from "./common.js";
import { editor } from "./network_editor.js";
import { fieldView } from "./network_field.js";
import { layoutOf } from "./network_layout.js";
import { shapeButtons } from "./network_shape.js";
import { atlas, drawLit, drawNeurons, drawPlain, drawWires, sharp, wireAt } from "./network_wires.js";

export function mount(host) {
  const root = canvasOf(host);
  const canvas = node("canvas", { class: "wires", "aria-hidden": "true" });
  const buttons = node("div", { class: "neurons", role: "group", onkeydown: (event) => move(view, event) });
  const names = node("div", { class: "names", "aria-hidden": "true" });
  const tipBox = node("div", { class: "tip", hidden: true });
  const diagram = node("div", { class: "diagram" }, canvas, names, buttons);
  const scroller = node("div", { class: "scroller" }, diagram);
  const legend = node("p", { class: "wires-legend" });
  const view = {
    host, root, canvas, buttons, names, diagram, scroller, legend,
    say: words(host.props), hover: null, focus: null, chosen: { column: 1, unit: 0 },
    decoded: null, base: node("canvas"), stale: true, // all wires, drawn once a moment
    sheet: node("canvas"), sheetOf: null, built: "", newest: true, waiting: false,
  };
  view.tip = tipOf(tipBox, root);
  view.columnName = (column) => columnName(view, column);
  view.nameOf = (column, unit, short) => nameOf(view, column, unit, short);
  view.decodePoints = decoder(({ x, labels, held }) =>
    ({ x: unpack(x).data, labels: unpack(labels).data, held: unpack(held).data }));
  view.decodeFrame = decoder(decodeFrame);
  view.shape = shapeButtons(view);
  view.field = fieldView(view);
  view.editor = editor(view);
  names.before(view.shape.element); // above the canvas, and before the neurons for the tab key
  root.append(node("div", { class: "stage" }, scroller, view.field.element), legend, view.editor.element, tipBox);
  listen(view);
  view.redraw = start(host, () => render(view));
}

/* What was unpacked stays with what it was unpacked from. */
function decoder(read) {
  const known = new WeakMap();
  return (source) => {
    if (!known.has(source)) known.set(source, read(source));
    return known.get(source);
  };
}

function decodeFrame(frame) {
  const weights = frame.weights.map(unpack);
  return {
    weights, biases: frame.biases.map(unpack),
    fields: frame.fields && unpack(frame.fields), output: frame.output && unpack(frame.output),
    sizes: [weights[0].shape[1], ...weights.map((weight) => weight.shape[0])],
  };
}

function render(view) {
  const { host, shape } = view;
  const value = host.props.value;
  view.root.classList.toggle("void", !value);
  if (!value) return;
  shape.receive(value);
  const hidden = shape.now();
  const frame = frameOf(host.props);
  const decoded = frame && view.decodeFrame(frame);
  const ends = [value.inputs.length, decoded?.sizes.at(-1) ?? (value.outputs.length > 2 ? value.outputs.length : 1)];
  const sizes = [ends[0], ...hidden, ends[1]];
  const fits = decoded && String(decoded.sizes) === String(sizes);
  view.decoded = fits ? decoded : null;
  view.value = value;
  view.newest = position(host.props.group) === null;
  view.sizes = sizes;
  view.layout = layoutOf({
    width: view.root.clientWidth, sizes, more: value.more, plane: Boolean(value.view),
    editable: value.editable, names: value.inputs, classes: value.outputs,
  });
  view.palette = colours(view.root);
  view.stale = true;
  build(view);
  draw(view);
  if (view.hover || view.focus) tell(view); // its numbers are new too
}

/* Elements change only with the shape, the width and the language; the canvas at every frame. */
function build(view) {
  const { layout, value, sizes, buttons, diagram } = view;
  const built = JSON.stringify([layout.width, layout.wide, sizes, value.inputs, value.more, value.outputs,
    value.editable, language(), Boolean(value.view)]);
  if (view.built === built) return;
  view.built = built;
  Object.assign(view, { hover: null, focus: null });
  view.root.classList.toggle("wide", layout.wide);
  diagram.style.width = `${layout.full}px`;
  diagram.style.height = `${layout.height}px`;
  view.scroller.style.maxWidth = `${layout.wide ? layout.room : layout.width}px`;
  view.shape.draw(layout, value.editable);
  buttons.setAttribute("aria-label", view.say("network"));
  const all = layout.columns.flatMap(({ x, ys, size, count }, column) =>
    Array.from({ length: count }, (_, unit) => ({ column, unit, x, y: ys[unit], size })));
  const { chosen } = view;
  if (chosen.column >= sizes.length || chosen.unit >= sizes[chosen.column]) view.chosen = { column: 0, unit: 0 };
  keyed(buttons, all, ({ column, unit }) => `${column} ${unit}`, (item) => neuron(view, item),
    (button, { column, unit, x, y, size }) => {
      button.style.cssText = `left:${x - size / 2}px;top:${y - size / 2}px;width:${size}px;height:${size}px`;
      button.setAttribute("aria-label", view.nameOf(column, unit));
    });
  label(view);
  view.legend.replaceChildren(node("i", { class: "negative" }), view.say("negative"),
    node("i", { class: "positive" }), view.say("positive"), node("span", {}, view.say(value.editable ? "hint" : "hint_still")));
  tabStops(view);
}

/* Names beside the inputs, and beside the outputs when there are several or no plane follows. */
function label(view) {
  const { layout, value, names } = view;
  const side = (column, texts, right) => texts.map((text, i) => {
    const { x, ys, size } = layout.columns[column];
    const edge = right ? `left:${x + size / 2 + 6}px` : `right:${layout.full - x + size / 2 + 6}px`;
    const wide = right ? layout.full - x - size / 2 - 8 : x - size / 2 - 8;
    return node("span", { style: `${edge};top:${ys[i]}px;max-width:${wide}px`, title: text }, text);
  });
  const texts = value.more ? [...value.inputs, `+${number(value.more)}`] : value.inputs;
  const last = layout.columns.length - 1;
  const single = layout.columns[last].count === 1;
  const outputs = single ? (value.view ? [] : [value.outputs[1] ?? ""]) : value.outputs;
  names.replaceChildren(...side(0, texts, false), ...side(last, outputs, true));
}

function neuron(view, { column, unit }) {
  const at = { column, unit };
  const press = node("button", { type: "button", "data-at": `${column} ${unit}`,
    onpointerenter: () => look(view, at), onpointerleave: () => look(view, null),
    onfocus: (event) => {
      view.chosen = at;
      tabStops(view);
      view.focus = event.target.matches(":focus-visible") ? at : null;
      tell(view);
      draw(view);
    },
    onblur: () => {
      view.focus = null;
      view.tip.hide("net");
      draw(view);
    },
    onclick: (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      if (column > 0) view.editor.open(at, [box.right, box.top], event.pointerType);
    } });
  return press;
}

/* One stop of the tab key for all neurons; from there the arrows go on. */
function tabStops({ buttons, chosen }) {
  for (const button of buttons.children) {
    button.tabIndex = button.dataset.at === `${chosen.column} ${chosen.unit}` ? 0 : -1;
  }
}

function move(view, event) {
  const { column, unit } = view.chosen;
  const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key] ?? [0, 0];
  if (!dx && !dy) return;
  event.preventDefault();
  const to = Math.max(0, Math.min(view.sizes.length - 1, column + dx));
  const share = view.sizes[column] > 1 ? unit / (view.sizes[column] - 1) : 0.5;
  const next = dx ? Math.round(share * (view.sizes[to] - 1)) : unit + dy;
  const row = Math.max(0, Math.min(view.sizes[to] - 1, next));
  view.buttons.querySelector(`[data-at="${to} ${row}"]`)?.focus();
}

/* ---- the canvas ---- */

function draw(view) {
  const { layout, decoded, palette, canvas, value, sheet } = view;
  if (!layout) return;
  view.editor.draw(); // first: it closes when what it shows is gone
  const target = view.editor.target();
  const active = view.hover ?? view.focus ?? target;
  const context = sharp(canvas, layout.full, layout.height);
  if (view.stale) {
    const all = sharp(view.base, layout.full, layout.height);
    if (decoded) drawWires(all, layout, decoded.weights, palette);
    else drawPlain(all, layout, palette);
    view.stale = false;
  }
  context.globalAlpha = decoded && active ? 0.22 : 1;
  context.drawImage(view.base, 0, 0, layout.full, layout.height);
  context.globalAlpha = 1;
  if (decoded && active) drawLit(context, layout, decoded.weights, palette, active);
  if (layout.wide) link(context, view);
  const theme = palette.surface;
  if (decoded?.fields && (view.sheetOf !== decoded.fields || view.sheetTheme !== theme)) {
    atlas(sheet, decoded.fields);
    Object.assign(view, { sheetOf: decoded.fields, sheetTheme: theme });
  }
  drawNeurons(context, layout, { decoded, sheet, colours: palette, active, view: value.view });
  view.field.draw({ value, layout, decoded, colours: palette, active, top: layout.head - 26 });
}

/* From the output neuron to the plane, which is what it says. */
function link(context, { layout, palette }) {
  const { x, ys, size, count } = layout.columns.at(-1);
  if (count !== 1) return;
  context.strokeStyle = palette.muted;
  context.lineWidth = 1.5;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(x + size / 2, ys[0]);
  context.lineTo(layout.full, ys[0]);
  context.stroke();
  context.setLineDash([]);
}

/* ---- pointing ---- */

function listen(view) {
  const { canvas, root } = view;
  root.addEventListener("keydown", (event) => event.key === "Escape" && view.editor.target() && view.editor.close(true));
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const reach = event.pointerType === "touch" ? 14 : 6;
    return view.decoded && wireAt(view.layout, view.decoded.weights,
      event.clientX - box.left, event.clientY - box.top, reach);
  };
  canvas.addEventListener("pointermove", (event) => {
    view.pointer = [event.clientX, event.clientY];
    look(view, event.pointerType === "touch" ? null : at(event));
  });
  canvas.addEventListener("pointerleave", () => look(view, null));
  canvas.addEventListener("click", (event) => {
    const wire = at(event);
    if (wire) view.editor.open(wire, [event.clientX, event.clientY], event.pointerType);
    else if (view.editor.target()) view.editor.close(false);
  });
}

/* The pointer moves more often than the screen is drawn. */
function look(view, what) {
  const same = JSON.stringify(what) === JSON.stringify(view.hover);
  view.hover = what;
  view.canvas.style.cursor = what?.source !== undefined ? "pointer" : "";
  tell(view);
  if (same || view.waiting) return;
  view.waiting = true;
  requestAnimationFrame(() => {
    view.waiting = false;
    draw(view);
  });
}

function tell(view) {
  const { hover, decoded, say, tip } = view;
  const what = hover ?? view.focus;
  if (!what || (what.source !== undefined && !decoded)) {
    tip.hide("net");
    return;
  }
  const box = view.canvas.getBoundingClientRect();
  const { x, ys, size } = view.layout.columns[what.column];
  if (what.source !== undefined) {
    const weight = decoded.weights[what.column - 1];
    const value = weight.data[what.unit * weight.shape[1] + what.source];
    const names = { from: view.nameOf(what.column - 1, what.source), to: view.nameOf(what.column, what.unit) };
    tip.show("net", `${say("weight", names)}: ${number(value, 3)}`, view.pointer);
    return;
  }
  const bias = what.column > 0 ? decoded?.biases[what.column - 1].data[what.unit] : undefined;
  const name = view.nameOf(what.column, what.unit);
  const text = bias === undefined ? name : `${name} · ${say("bias_is", { value: number(bias, 3) })}`;
  tip.show("net", text, [box.left + x, box.top + ys[what.unit] - size / 2], true);
}

function tipOf(box, root) {
  let owner = "";
  return {
    show(who, text, [left, top], above = false) {
      owner = who;
      const frame = root.getBoundingClientRect();
      box.textContent = text;
      box.hidden = false;
      const x = left - frame.left;
      const room = frame.width - box.offsetWidth;
      const beside = x + 14 > room ? x - box.offsetWidth - 14 : x + 14;
      box.style.left = `${Math.max(0, Math.min(room, above ? x - box.offsetWidth / 2 : beside))}px`;
      box.style.top = `${Math.max(0, top - frame.top - box.offsetHeight - 8)}px`;
    },
    hide(who) {
      if (who === owner) box.hidden = true;
    },
  };
}

/* ---- names ---- */

function columnName({ say, sizes }, column) {
  if (column === 0) return say("inputs");
  return column === sizes.length - 1 ? say("output") : say("layer", { n: column });
}

function nameOf({ say, sizes, value }, column, unit, short = false) {
  if (column === 0) return value.inputs[unit] ?? "";
  if (column === sizes.length - 1) {
    return sizes.at(-1) === 1 ? say("output") : say("output_of", { class: value.outputs[unit] ?? unit });
  }
  return say(short ? "neuron_short" : "neuron", { layer: column, n: unit + 1 });
}
