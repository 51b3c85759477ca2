/* The inspector's views behind the maps: flatten, a dense unit, and the softmax. */

import { node, number } from "./common.js";
import { fixed, picture, sumLine } from "./pixels.js";

const TOP = 8; // contributions listed

export function flatten({ value, view, say }) {
  const [h, w] = value.before.shape;
  const detail = node("p", { class: "dl-inspector-sum", "aria-live": "polite" });
  const line = picture({ values: value.before.data, width: h * w, height: 1, cell: 22,
    signed: false, label: say("vector"), className: "is-line" });
  const show = (x, y) => {
    view.point = [x, y];
    const i = y * w + x;
    map.mark(x, y);
    line.mark(i, 0);
    detail.replaceChildren(`${say("place", { row: y, column: x })}: `,
      node("strong", { "data-total": value.before.data[i] }, number(value.before.data[i], 4)), " ",
      say("flat_text", { position: value.unit * h * w + i, unit: value.unit, size: h * w,
        inside: i }));
  };
  const map = picture({ values: value.before.data, width: w, height: h, cell: 36, signed: false,
    label: say("map_live"), onPoint: show });
  show(...(view.point ?? [0, 0]));
  return [node("p", { class: "dl-inspector-hint" }, say("hint_flatten")),
    node("div", { class: "dl-inspector-row" },
      node("div", {}, node("span", {}, say("map")), map.element),
      node("div", { class: "is-wide" }, node("span", {}, say("vector_part",
        { from: value.unit * h * w, to: value.unit * h * w + h * w - 1 })), line.element, detail))];
}

/* The largest products of a unit, the sum of the rest, the bias and the network's own total. */
function contributions(value, say, nameOf) {
  const products = value.products.data;
  const order = [...products.keys()].sort((a, b) => Math.abs(products[b]) - Math.abs(products[a]));
  const sum = products.reduce((a, b) => a + b, 0);
  const rest = order.slice(TOP).reduce((total, i) => total + products[i], 0);
  const most = Math.abs(products[order[0]]) || 1;
  const row = (name, input, weight, product) => node("tr", {}, node("th", { scope: "row" }, name),
    node("td", {}, input), node("td", {}, weight), node("td", {}, fixed(product, 3)),
    node("td", {}, node("i", { class: product < 0 ? "is-negative" : "",
      style: `width:${Math.min(100, (100 * Math.abs(product)) / most)}%` })));
  const head = ["from", "value", "weight", "product"].map((k) => node("th", { scope: "col" }, say(k)));
  const table = node("table", { class: "dl-inspector-table" },
    node("thead", {}, node("tr", {}, head, node("td", {}))),
    node("tbody", {}, order.slice(0, TOP).map((i) => row(nameOf(i),
      fixed(value.inputs.data[i], 3), fixed(value.weights.data[i], 3), products[i])),
    row(say("rest", { count: products.length - TOP }), "", "", rest)));
  const total = sumLine({ say, place: "", sum, sumName: say("sum_all", { count: products.length }),
    bias: value.bias, total: value.output, aside: null });
  return { table, total };
}

export function dense({ value, say }) {
  const nameOf = (i) => say("from_map", { unit: Math.floor(i / 25), row: Math.floor((i % 25) / 5),
    column: i % 5 });
  const { table, total } = contributions(value, say, nameOf);
  const relu = node("p", { class: "dl-inspector-sum" }, say("relu_text",
    { before: number(value.output, 4), after: number(value.after, 4) }));
  return [node("p", { class: "dl-inspector-hint" }, say("hint_dense")),
    node("div", { class: "dl-inspector-row" },
      node("div", {}, node("span", {}, say("contribution_picture")), blocks(value, say)),
      node("div", { class: "is-wide" }, table, total, relu))];
}

/* The 1,600 products laid out as the 64 maps of 5 x 5 that they came from. */
function blocks(value, say) {
  const products = value.products.data;
  const tiled = new Float32Array(47 * 47); // 8 maps of 5 pixels and 7 gaps
  products.forEach((v, i) => {
    const [map, inside] = [Math.floor(i / 25), i % 25];
    const x = (map % 8) * 6 + (inside % 5);
    const y = Math.floor(map / 8) * 6 + Math.floor(inside / 5);
    tiled[y * 47 + x] = v;
  });
  return picture({ values: tiled, width: 47, height: 47, cell: 6, signed: true,
    label: say("contribution_picture") }).element;
}

export function softmax({ value, say }) {
  const { table, total } = contributions(value, say, (i) => say("from_hidden", { unit: i }));
  const column = (array, write) => Array.from(array.data, (v) => write(v, 4));
  const [logits, exps, shares] = [column(value.logits, fixed), column(value.exps, number),
    column(value.probabilities, number)];
  const rows = logits.map((logit, digit) => node("tr",
    { class: digit === value.unit ? "is-chosen" : null },
    node("th", { scope: "row" }, String(digit)), node("td", {}, logit), node("td", {}, exps[digit]),
    node("td", { "data-total": value.probabilities.data[digit] }, shares[digit])));
  const head = ["digit", "logit", "exp", "probability"].map((k) =>
    node("th", { scope: "col" }, say(k)));
  const sums = node("p", { class: "dl-inspector-sum" }, say("softmax_text", {
    exp: exps[value.unit], total: number(value.total, 4), probability: shares[value.unit] }));
  return [node("p", { class: "dl-inspector-hint" }, say("hint_softmax")),
    node("div", { class: "dl-inspector-row" },
      node("div", { class: "is-wide" }, node("span", {}, say("logit_parts", { unit: value.unit })),
        table, total),
      node("div", { class: "is-wide" }, node("table", { class: "dl-inspector-table" },
        node("thead", {}, node("tr", {}, head)), node("tbody", {}, rows)), sums))];
}

