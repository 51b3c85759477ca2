/* Small pictures in a grid, one canvas each, scaled up with crisp pixels. */

import { canvasOf, frameOf, keyed, node, start, unpack, walk, words } from "./common.js";
import { draw, palette, tiles } from "./sheets.js";

const GAP = 6;
const SMALLEST = { pick: 44, look: 26 }; // CSS pixels: a finger must be able to hit what it picks

export function mount(host) {
  const say = words(host.props);
  const grid = node("div", { class: "grid" });
  const hint = node("div", { class: "hint" });
  canvasOf(host).append(grid, hint);
  const state = { focus: 0 };
  if (host.props.pick) listen(host, grid, state);

  const redraw = start(host, () => {
    const value = { ...(host.props.value || {}), ...(frameOf(host.props) ?? {}) };
    const packed = picturesOf(value, redraw);
    if (!packed) return; // those that stand there stay until the new ones are decoded
    const [count, height, width, channels = 1] = packed.shape;
    const pick = Boolean(host.props.pick);
    state.ids = value.ids;
    hint.textContent = count ? "" : say(value.empty ?? host.props.empty ?? "empty");
    grid.hidden = count === 0;
    const smallest = host.props.smallest ?? SMALLEST[pick ? "pick" : "look"];
    const most = Math.floor((host.element.clientWidth + GAP) / (smallest + GAP));
    const wanted = value.columns ?? host.props.columns ?? 10;
    grid.style.setProperty("--columns", even(count, Math.max(1, Math.min(wanted, most, count))));
    grid.style.setProperty("--largest", `${host.props.largest ?? 110}px`);
    grid.setAttribute("role", pick ? "group" : "list");
    grid.setAttribute("aria-label", say("pictures", { count }));
    state.focus = Math.min(state.focus, Math.max(0, count - 1));
    const size = height * width * channels;
    const colours = palette(value.palette ?? host.props.palette ?? "ink");
    keyed(grid, Array.from({ length: count }, (_, i) => i), (i) => i, () => makeCell(pick), (cell, i) => {
      const [canvas, caption] = cell.children;
      draw(canvas, packed.data.subarray(i * size, (i + 1) * size), width, height, channels, colours);
      const text = captionOf(say, String(value.captions?.[i] ?? ""));
      caption.textContent = text;
      caption.hidden = !value.captions;
      cell.className = `cell ${value.marks?.[i] ?? ""}`;
      cell.setAttribute("aria-label", say(text ? "captioned" : "picture", { n: i + 1, text }));
      if (!pick) return;
      cell.tabIndex = i === state.focus ? 0 : -1;
      cell.setAttribute("aria-pressed", String(value.picked === i));
    });
  });
}

/* { shape, data } of what is to be shown; null while a sheet is decoded. */
function picturesOf(value, redraw) {
  if (value.images) return unpack(value.images);
  if (!value.sheet) return { shape: [0, 1, 1], data: [] };
  return tiles(value, redraw);
}

/* A caption's words, or those of each part of "cat → dog  93 %". */
const captionOf = (say, text) => text.split(/( → | {2,})/).map((part) => (part.trim() ? say(part) : part)).join("");

/* As many columns as fit, or a few less when the rows then come out full. */
function even(count, most) {
  for (let columns = most; columns >= most * 0.6; columns -= 1) {
    if (count % columns === 0) return columns;
  }
  return most;
}

function makeCell(pick) {
  const canvas = node("canvas", { "aria-hidden": "true" });
  const caption = node("span", { class: "caption", "aria-hidden": "true" });
  if (pick) return node("button", { type: "button" }, canvas, caption);
  return node("div", { role: "listitem" }, canvas, caption);
}

function listen(host, grid, state) {
  const move = (index) => {
    [...grid.children].forEach((cell, i) => { cell.tabIndex = i === index ? 0 : -1; });
    state.focus = index;
  };
  grid.addEventListener("click", (event) => {
    const index = [...grid.children].indexOf(event.target.closest(".cell"));
    if (index < 0) return;
    move(index);
    host.trigger("pick", { index, id: state.ids?.[index] ?? null });
  });
  grid.addEventListener("keydown", (event) => {
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const to = walk(event.key, state.focus, grid.children.length, columns);
    if (to === null) return;
    event.preventDefault();
    move(to);
    grid.children[to].focus();
  });
}
