/* One map under the magnifying glass: point at a pixel and see the numbers that made it. */

import { canvasOf, node, number, start, unpack, words } from "./common.js";
import { dense, flatten, softmax } from "./inspector_dense.js";
import { fixed, largest, numbers, picture, sumLine } from "./pixels.js";

const KINDS = { conv, relu: beforeAfter, pool: beforeAfter, flatten, dense, softmax };

export function mount(host) {
  const view = { of: "", point: null, slice: null };
  start(host, () => render(host, view));
}

function render(host, view) {
  const root = canvasOf(host);
  const say = words(host.props);
  const value = host.props.value;
  if (!value?.kind) {
    root.replaceChildren(node("p", { class: "dl-inspector-empty" }, say("empty")));
    return;
  }
  const of = `${value.stage} ${value.unit}`;
  if (view.of !== of) Object.assign(view, { of, point: null, slice: null });
  const arrays = Object.fromEntries(Object.entries(value).map(([name, v]) =>
    [name, v?.data ? unpack(v) : v]));
  const focused = root.querySelector(".is-live:focus") !== null;
  const title = node("h4", {}, say(`title.${value.stage}`, { unit: value.unit }), " ",
    node("small", {}, say(`model.${value.model}`)));
  root.replaceChildren(title, ...KINDS[value.kind]({ value: arrays, view, say }));
  if (focused) root.querySelector(".is-live")?.focus();
}

/* Where to look first: the pixel that answers most strongly. */
function strongest(data, width) {
  let best = 0;
  data.forEach((v, i) => { if (Math.abs(v) > Math.abs(data[best])) best = i; });
  return [best % width, Math.floor(best / width)];
}

const patchOf = (data, width, x, y, size) => Float32Array.from({ length: size * size }, (_, i) =>
  data[(y + Math.floor(i / size)) * width + x + (i % size)]);

function conv({ value, view, say }) {
  const [count, high, wide] = value.inputs.shape;
  const size = value.kernel.shape[2];
  const [h, w] = value.output.shape;
  const first = count === 1;
  const slice = (array, c, area) => array.data.subarray(c * area, (c + 1) * area);
  const state = { c: Math.min(view.slice ?? 0, count - 1) };
  const detail = node("div", { class: "dl-inspector-detail", "aria-live": "polite" });
  const slices = node("div", { class: "dl-inspector-slices" });
  const source = node("div", { class: "dl-inspector-source" });
  const kernelScale = largest(value.kernel.data);
  let input;

  const showSource = () => {
    input = picture({ values: slice(value.inputs, state.c, high * wide), width: wide, height: high,
      cell: first ? 8 : 14, signed: false, scale: largest(value.inputs.data),
      label: say("input_map", { unit: state.c }) });
    source.replaceChildren(node("span", {}, first ? say("input") : say("input_map", { unit: state.c })),
      input.element);
  };
  const show = (x, y) => {
    view.point = [x, y];
    output.mark(x, y);
    input.mark(x, y, size, size);
    const i = y * w + x;
    const patch = patchOf(slice(value.inputs, state.c, high * wide), wide, x, y, size);
    const kernel = slice(value.kernel, state.c, size * size);
    const products = patch.map((v, j) => v * kernel[j]);
    const partials = Array.from({ length: count }, (_, c) => value.partials.data[c * h * w + i]);
    if (!first) slices.replaceChildren(...sliceButtons(partials));
    detail.replaceChildren(
      node("div", { class: "dl-inspector-equation" },
        numbers({ values: patch, width: size, signed: false, label: say("patch"),
          scale: largest(value.inputs.data) }), sign("×"),
        numbers({ values: kernel, width: size, scale: kernelScale, label: say("kernel") }), sign("="),
        numbers({ values: products, width: size, label: say("products") })),
      sumLine({ say, place: say("place", { row: y, column: x }),
        sum: first ? products.reduce((a, b) => a + b, 0) : partials.reduce((a, b) => a + b, 0),
        sumName: say(first ? "sum_products" : "sum_partials", { count }),
        bias: value.bias, total: value.output.data[i],
        aside: first ? null : say("this_partial", { unit: state.c, amount: number(partials[state.c], 4) }) }));
  };
  const sliceButtons = (partials) => {
    const most = largest(partials);
    return partials.map((amount, c) => {
      const kernel = picture({ values: slice(value.kernel, c, size * size), width: size,
        height: size, cell: 10, signed: true, scale: kernelScale, label: say("kernel") });
      kernel.element.setAttribute("aria-hidden", "true");
      const bar = node("i", { class: amount < 0 ? "is-negative" : "", style:
        `width:${(100 * Math.abs(amount)) / most}%` });
      return node("button", { type: "button", "aria-pressed": String(c === state.c),
        "aria-label": say("slice_label", { unit: c, amount: number(amount, 3) }),
        onclick: () => choose(c) }, node("span", {}, String(c)), kernel.element,
      node("b", {}, fixed(amount, 2)), bar);
    });
  };
  const choose = (c) => {
    Object.assign(state, { c });
    view.slice = c;
    showSource();
    show(...view.point);
    slices.children[c]?.focus();
  };
  const output = picture({ values: value.output.data, width: w, height: h, cell: first ? 8 : 18,
    signed: true, label: say("map_live"), onPoint: show });
  if (!first && view.slice === null) {
    const at = view.point ?? strongest(value.output.data, w);
    const here = Array.from({ length: count }, (_, c) =>
      Math.abs(value.partials.data[c * h * w + at[1] * w + at[0]]));
    state.c = here.indexOf(Math.max(...here));
  }
  showSource();
  show(...(view.point ?? strongest(value.output.data, w)));
  return [
    node("p", { class: "dl-inspector-hint" }, say(first ? "hint_conv1" : "hint_conv2")),
    node("div", { class: "dl-inspector-row" }, source, detail,
      node("div", {}, node("span", {}, say("map")), output.element)),
    first ? null : node("div", {}, node("p", { class: "dl-inspector-hint" }, say("slices", { count })),
      slices),
  ].filter(Boolean);
}

const sign = (text) => node("span", { class: "dl-inspector-sign", "aria-hidden": "true" }, text);

/* ReLU and pooling: the map before, the map after, and the number under the pointer in both. */
function beforeAfter({ value, view, say }) {
  const pool = value.kind === "pool";
  const [h, w] = value.after.shape;
  const wide = value.before.shape[1];
  const scale = largest(value.before.data);
  const cell = w > 15 ? 8 : w > 8 ? (pool ? 16 : 18) : 36;
  const detail = node("div", { class: "dl-inspector-detail", "aria-live": "polite" });
  const before = picture({ values: value.before.data, width: wide, height: value.before.shape[0],
    cell: wide > 15 ? 8 : 18, signed: !pool, scale, label: say("before") });
  const show = (x, y) => {
    view.point = [x, y];
    const size = pool ? 2 : 1;
    const window_ = patchOf(value.before.data, wide, x * size, y * size, size);
    const total = value.after.data[y * w + x];
    const winner = window_.indexOf(Math.max(...window_));
    after.mark(x, y);
    before.mark(x * size, y * size, size, size);
    const text = say(value.muted ? "relu_muted" : pool ? "pool_text" : "relu_text",
      { before: number(window_[0], 4), after: number(total, 4), total: number(total, 4) });
    detail.replaceChildren(
      node("div", { class: "dl-inspector-equation" },
        numbers({ values: window_, width: size, signed: !pool, scale, digits: 3,
          label: say(pool ? "window" : "before"), strong: pool ? (i) => i === winner : null }),
        sign("→"),
        numbers({ values: [total], width: 1, signed: false, scale, digits: 3, label: say("after") })),
      node("p", { class: "dl-inspector-sum" }, `${say("place", { row: y, column: x })}: `,
        node("strong", { "data-total": total }, text)));
  };
  const after = picture({ values: value.after.data, width: w, height: h, cell, signed: false, scale,
    label: say("map_live"), onPoint: show });
  show(...(view.point ?? strongest(value.after.data, w)));
  const column = (name, element) => node("div", {}, node("span", {}, name), element);
  return [node("p", { class: "dl-inspector-hint" }, say(pool ? "hint_pool" : "hint_relu")),
    node("div", { class: "dl-inspector-row" }, column(say("before"), before.element), detail,
      column(say("after"), after.element))];
}
