/* Two rankings side by side. See rankings.py. */

import { canvasOf, keyed, node, number, percent, start, svg, words } from "./common.js";

const LINE = 24; // CSS pixels
const WIDTH = 120;

export function mount(host) {
  const say = words(host.props);
  const view = { host, say };
  view.sum = node("p", { class: "sum", role: "status" });
  view.left = node("ol", {});
  view.right = node("ol", {});
  view.wires = svg("svg", { width: WIDTH, "aria-hidden": "true" });
  view.titles = [node("b"), node("b")];
  view.body = node("div", {}, view.sum, node("div", { class: "scroll" }, node("div", { class: "columns" },
    node("div", { class: "left" }, view.titles[0], view.left), view.wires, node("div", { class: "right" }, view.titles[1], view.right))));
  view.hint = node("div", { class: "hint" });
  canvasOf(host).append(view.body, view.hint);
  start(host, () => render(view));
}

function render(view) {
  const { host, say, body, hint, sum, titles } = view;
  const value = host.props.value;
  const items = value?.items ?? [];
  body.hidden = !value?.items;
  if (!value) hint.textContent = say(host.props.empty ?? "empty");
  else hint.textContent = value.items ? "" : say("measuring", value);
  if (!value?.items) return;
  sum.textContent = value.correlation === null ? say("nothing") : say("correlation", { r: number(value.correlation, 2).replace("-", "−"), count: items.length });
  const order = (side) => items.map((_, i) => i).sort((a, b) => items[a][`${side}_rank`] - items[b][`${side}_rank`]);
  const orders = { left: order("left"), right: order("right") };
  titles[0].textContent = say("left");
  titles[1].textContent = say("right");
  for (const side of ["left", "right"]) {
    keyed(view[side], orders[side], (_, place) => place, () => {
      const item = node("li", { tabindex: "0" }, node("span", { class: "text" }), node("span", { class: "value" }));
      const light = (on) => () => lightUp(view, on ? item.dataset.of : null);
      for (const event of ["pointerenter", "focus"]) item.addEventListener(event, light(true));
      for (const event of ["pointerleave", "blur"]) item.addEventListener(event, light(false));
      return item;
    }, (item, i) => {
      item.dataset.of = i;
      item.firstChild.textContent = items[i].text.replace(/\n/g, "⏎").trim() || "␣";
      item.lastChild.textContent = side === "left" ? percent(items[i].left, 1) : number(items[i].right);
    });
  }
  view.wires.setAttribute("height", Math.max(1, items.length * LINE));
  view.wires.replaceChildren(...items.map((_, i) => svg("line", {
    x1: 0, x2: WIDTH, "data-of": i,
    y1: (orders.left.indexOf(i) + 0.5) * LINE, y2: (orders.right.indexOf(i) + 0.5) * LINE,
  })));
}

function lightUp({ body }, of) {
  for (const part of body.querySelectorAll("[data-of]")) part.classList.toggle("on", part.dataset.of === of);
}
