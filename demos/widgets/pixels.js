/* Two ways to show a small array: as a picture whose pixels can be pointed at, and as numbers. */

import { diverging, language, node, number, paint, rgb, sequential } from "./common.js";

export const largest = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-9);

/* Always as many decimals, so that columns of numbers line up and small ones stay short. */
export function fixed(value, digits) {
  const rounded = Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value; // no "-0.00"
  return new Intl.NumberFormat(language(), {
    minimumFractionDigits: digits, maximumFractionDigits: digits,
  }).format(rounded);
}

/* A picture of values (row by row), each pixel `cell` CSS pixels wide. With `onPoint(x, y)` it can
   be pointed at by mouse, touch and arrow keys. Returns { element, mark(x, y, w, h) }. */
export function picture({ values, width, height, cell, signed, scale, label, onPoint, className }) {
  const canvas = node("canvas", { "aria-hidden": "true" });
  const most = scale ?? largest(values);
  paint(canvas, values, width, height, (v) => (signed ? diverging : sequential)(v / most));
  const frame = node("div", { class: "dl-pixels-mark", hidden: true });
  const role = onPoint ? { role: "application", tabindex: "0" } : { role: "img" };
  const element = node("div", { class: `dl-pixels ${onPoint ? "is-live" : ""} ${className ?? ""}`,
    "aria-label": label, style: `width:${width * cell}px;aspect-ratio:${width}/${height}`, ...role },
  canvas, frame);
  const place = { x: 0, y: 0 };
  const mark = (x, y, w = 1, h = 1) => {
    Object.assign(place, { x, y });
    frame.hidden = false;
    const share = (part, whole) => `${(100 * part) / whole}%`;
    Object.assign(frame.style, { left: share(x, width), top: share(y, height),
      width: share(w, width), height: share(h, height) });
  };
  if (onPoint) listen(element, place, width, height, onPoint);
  return { element, mark };
}

function listen(element, place, width, height, onPoint) {
  const clamp = (v, size) => Math.max(0, Math.min(size - 1, Math.floor(v)));
  const go = (x, y) => onPoint(clamp(x, width), clamp(y, height));
  const at = (event) => {
    const box = element.getBoundingClientRect();
    go((event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.height * height);
  };
  element.addEventListener("pointermove", at);
  element.addEventListener("pointerdown", at);
  element.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = move[event.key];
    if (!step) return;
    event.preventDefault();
    go(place.x + step[0], place.y + step[1]);
  });
}

/* Values as numbers in coloured cells. `strong(i)` marks a cell, e.g. the winner of a pool. */
export function numbers({ values, width, scale, signed = true, digits = 2, label, strong, caption }) {
  const most = scale ?? largest(values);
  const cells = Array.from(values, (value, i) => {
    const colour = (signed ? diverging : sequential)(value / most);
    return node("span", { class: strong?.(i) ? "is-strong" : null,
      style: `background:${rgb(colour)};color:${inkOn(colour)}` }, fixed(value, digits));
  });
  return node("figure", { class: "dl-pixels-numbers" },
    node("figcaption", {}, caption ?? label),
    node("div", { role: "img", "aria-label": `${label}: ${Array.from(values, (v) => fixed(v, digits)).join("; ")}`,
      style: `grid-template-columns:repeat(${width},minmax(0,1fr))` }, cells));
}

/* Black or white, whichever can be read on this colour. */
function inkOn([r, g, b]) {
  const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const light = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  return light > 0.179 ? "#10131c" : "#ffffff";
}

/* sum + bias = total, where total is the network's own number and the rest is shown beside it. */
export function sumLine({ say, place, sum, sumName, bias, total, aside }) {
  const agrees = Math.abs(sum + bias - total) <= 1e-4 * Math.max(1, Math.abs(sum), Math.abs(bias));
  return node("p", { class: "dl-inspector-sum" }, place ? `${place}: ` : "",
    `${sumName} ${number(sum, 4)} + ${say("bias")} ${number(bias, 4)} = `,
    node("strong", { "data-total": total }, number(total, 4)),
    node("span", { class: agrees ? "is-right" : "is-wrong" },
      agrees ? ` ✓ ${say("agrees")}` : ` ≠ ${say("differs")}`),
    aside ? node("small", {}, aside) : null);
}
