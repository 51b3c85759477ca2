/* The arithmetic of one cell of attention, term by term. See arithmetic.py. */

import { canvasOf, node, number, start, words } from "./common.js";

const write = (v, digits = 3) => number(v, digits).replace("-", "−");
const factor = (v) => (v < 0 ? `(${write(v)})` : write(v));

export function mount(host) {
  const say = words(host.props);
  const title = node("div", { class: "where" });
  const rule = node("div", { class: "rule" });
  const line = node("div", { class: "line" });
  const hint = node("div", { class: "hint" });
  const body = node("div", { class: "body", role: "status" }, title, rule, line);
  canvasOf(host).append(body, hint);

  start(host, () => {
    const value = host.props.value;
    body.hidden = !value?.kind;
    hint.textContent = value?.kind ? "" : say("empty");
    if (!value?.kind) return;
    title.replaceChildren(
      node("b", {}, say(`names.${value.matrix}`)), " ", node("bdi", {}, value.row), " · ", node("bdi", {}, value.column),
      " = ", node("b", { class: "value" }, write(value.value, 4)),
    );
    rule.textContent = say(`rule.${value.kind === "sum" ? value.matrix : value.kind}`);
    line.replaceChildren(...(LINES[value.kind]?.(value) ?? []));
  });
}

const term = (name, ...parts) => node("span", { class: "term", title: name }, ...parts);
const joined = (parts, by) => parts.flatMap((part, i) => (i ? [by, part] : [part]));

const LINES = {
  sum: ({ matrix, terms, value }) => [
    ...joined(terms.map((t) => (matrix === "inputs" ? term(t.name, factor(t.left)) : term(t.name, factor(t.left), " × ", factor(t.right)))), " + "),
    " = ", node("b", {}, write(value, 4)),
  ],
  divide: ({ terms: [t], value }) => [term(t.name, write(t.left)), " ÷ ", write(t.right), " = ", node("b", {}, write(value, 4))],
  softmax: ({ terms, place, value }) => {
    const e = (t) => node("span", { class: "term", title: t.name }, "e", node("sup", {}, write(t.left - t.right, 2)));
    const sum = terms.reduce((total, t) => total + t.product, 0);
    return [
      e(terms[place]), " ÷ (", ...joined(terms.map(e), " + "), ") = ", write(terms[place].product), " ÷ ", write(sum),
      " = ", node("b", {}, write(value, 4)),
    ];
  },
};
