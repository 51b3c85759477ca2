/* What heads look at: all of them small (model view), one of them large, as a matrix and as lines
   between the tokens (head view). See attention_heads.py. */

import {
  canvasOf, colours, frameOf, keyed, node, percent, start, unpack, walk, words,
} from "./common.js";
import { cellAt, draw, layOut, sized, thumbnail } from "./matrix.js";
import { takeaway } from "./takeaway.js";

const CELL = { least: 4, most: 30 }; // CSS pixels
const LINE = 17; // CSS pixels a token in the view of lines
const FAINT = 0.02; // no line for less

export function mount(host) {
  const say = words(host.props);
  const view = { host, say, chosen: null, at: null };
  view.all = node("div", { class: "all", role: "group" });
  view.canvas = node("canvas", { "aria-hidden": "true" });
  view.marks = node("div", { class: "marks" });
  view.stage = node("button", { type: "button", class: "stage" }, view.canvas, view.marks);
  view.wires = node("canvas", { "aria-hidden": "true" });
  view.left = node("ol", { class: "left" });
  view.right = node("ol", { class: "right" });
  view.lines = node("div", { class: "lines" }, view.left, view.wires, view.right);
  view.title = node("b");
  view.mute = node("button", { type: "button", class: "mute", onclick: () => mute(view) });
  view.free = node("button", { type: "button", class: "free", onclick: () => tellMuted(view, []) });
  view.take = takeaway(host, say, () => tableOf(view));
  view.read = node("output", { class: "read", "aria-live": "polite" });
  view.large = node("div", { class: "large" },
    node("div", { class: "head" }, view.title, view.mute, view.free, view.take),
    node("div", { class: "both" }, node("div", { class: "scroll" }, view.stage), node("div", { class: "scroll tall", tabindex: "-1" }, view.lines)), view.read);
  view.hint = node("div", { class: "hint" });
  view.body = node("div", { class: "body" }, view.all, view.large);
  canvasOf(host).append(view.body, view.hint);
  listen(view);
  start(host, () => render(view));
}

function render(view) {
  const { host, say, body, hint } = view;
  const value = { ...(host.props.value || {}), ...(frameOf(host.props) ?? {}) };
  const empty = !value.tokens?.length || !value.weights;
  body.hidden = empty;
  hint.textContent = empty ? say(host.props.empty ?? "empty") : "";
  if (empty) return;
  const { shape: [layers, heads], data } = unpack(value.weights);
  const count = value.tokens.length;
  const size = count * count;
  const part = data.length / (layers * heads);
  const maps = (value.extra ?? []).map(({ name, weights }) => ({ key: name, name, data: shares(unpack(weights).data, value, count) }));
  for (let i = 0; i < layers * heads; i += 1) {
    const [layer, head] = [Math.floor(i / heads), i % heads];
    maps.push({ key: `${layer}.${head}`, layer, head, data: shares(data.subarray(i * part, (i + 1) * part), value, count) });
  }
  Object.assign(view, { value, maps, count, layers, heads });
  view.muted = new Set((value.muted ?? []).map(([layer, head]) => `${layer}.${head}`));
  if (!maps.some((map) => map.key === view.chosen)) view.chosen = maps[0].key;
  if (view.at !== null && view.at >= size) view.at = null;
  if (Math.max(view.focus?.row ?? 0, view.focus?.column ?? 0) >= count) view.focus = null; // a shorter text
  drawAll(view);
  enlarge(view, view.chosen);
}

/* What was packed, all of a matrix or its lower triangle -> all of it, as shares of 1. */
function shares(packed, { top, causal }, count) {
  const data = new Float32Array(count * count);
  let from = 0;
  for (let r = 0; r < count; r += 1) {
    const width = causal ? r + 1 : count;
    for (let c = 0; c < width; c += 1, from += 1) data[r * count + c] = packed[from] / top;
  }
  return data;
}

function limitOf(value, data) {
  if (value.limit) return value.limit;
  let most = 1e-6;
  for (let i = 0; i < data.length; i += 1) if (data[i] > most) most = data[i];
  return most;
}

function nameOf({ say }, map) {
  return map.name ? say(`views.${map.name}`) : say("one", { layer: map.layer + 1, head: map.head + 1 });
}

/* ---- all heads, small ---- */

function drawAll(view) {
  const { all, maps, value, say, heads, count, muted, layers } = view;
  all.hidden = maps.length < 2;
  all.setAttribute("aria-label", say("all", { layers, heads }));
  const single = layers === 1 && heads > 4; // one row of many heads may wrap
  all.style.setProperty("--heads", single ? "auto-fill" : heads);
  all.classList.toggle("single", single);
  all.classList.toggle("many", !single && maps.length > 40);
  all.style.setProperty("--side", heads > 9 ? "46px" : "62px"); // of so many; the large one fits beside
  keyed(all, maps, (map) => map.key, (map) => {
    const button = node("button", { type: "button", onclick: () => choose(view, map.key) },
      node("canvas", { "aria-hidden": "true" }), node("span", { class: "name" }), " ", node("span", { class: "scores" }));
    return button;
  }, (button, map) => {
    thumbnail(button.firstChild, map.data, count, limitOf(value, map.data));
    button.firstChild.style.imageRendering = count > 60 ? "auto" : ""; // crisp, unless cells would be left out
    button.children[1].textContent = map.name ? say(`views.${map.name}`) : say("short", { layer: map.layer + 1, head: map.head + 1 });
    const scores = map.name ? [] : Object.entries(value.scores ?? {});
    button.lastChild.textContent = scores.map(([name, table]) => `${say(`scores.${name}`)} ${percent(table[map.layer]?.[map.head], 0)}`).join(" · ");
    button.classList.toggle("muted", muted.has(map.key));
    button.style.gridColumn = map.head === 0 && !single ? "1" : "";
    if (map.name && all.classList.contains("many")) button.style.gridColumn = "span 2"; // room for words
    button.setAttribute("aria-pressed", String(map.key === view.chosen));
    // What is seen comes first, as it stands there: who speaks to the page says what is seen.
    button.setAttribute("aria-label", [button.textContent.trim(), map.name ? "" : nameOf(view, map), muted.has(map.key) ? say("muted") : ""].filter(Boolean).join(", "));
  });
}

function choose(view, key) {
  enlarge(view, key);
  const { name = "", layer = 0, head = 0 } = view.map;
  view.host.trigger("choose", { name, layer, head });
}

/* ---- one, large ---- */

function enlarge(view, key) {
  view.chosen = key;
  view.map = view.maps.find((map) => map.key === key);
  for (const [name, button] of view.all.dlKept) button.setAttribute("aria-pressed", String(name === key));
  drawLarge(view);
  point(view);
}

function tableOf({ value, map, host }) {
  if (!map) return null;
  const name = map.name ?? `layer-${map.layer + 1}-head-${map.head + 1}`;
  const tokens = value.tokens.map(visible);
  return { name: `${host.props.elem_id ?? "attention"}-${name}`, rows: tokens, columns: tokens, data: map.data, signed: false, limit: limitOf(value, map.data) };
}

/* White space is a token like any other: as something that can be seen. */
const visible = (text) => text.replace(/\n/g, "⏎").replace(/\t/g, "⇥").replace(/^ +$/, (s) => "␣".repeat(s.length)) || "·";

function drawLarge(view) {
  const { host, say, map, canvas, stage, title, count } = view;
  title.textContent = nameOf(view, map);
  const wide = view.large.clientWidth;
  const room = (wide > 700 ? wide - 330 : wide) - 110; // beside the lines, if they fit there
  const cell = Math.max(CELL.least, Math.min(CELL.most, room / count));
  const theme = colours(host.element);
  view.plan = layOut(canvas.getContext("2d"), tableOf(view), { cell, family: getComputedStyle(host.element).fontFamily });
  draw(sized(canvas, view.plan.width, view.plan.height), view.plan, theme, (w) => (w >= 0.005 ? percent(w, 0) : ""));
  stage.setAttribute("aria-label", say("matrix", { count }));
  drawTokens(view);
  drawButtons(view);
  view.take.dlSay();
  view.theme = theme;
}

function drawButtons({ host, say, map, mute, free, muted }) {
  mute.hidden = !host.props.mute || Boolean(map.name);
  mute.textContent = say(muted.has(map.key) ? "unmute" : "mute");
  mute.setAttribute("aria-pressed", String(muted.has(map.key)));
  free.hidden = !host.props.mute || !muted.size;
  free.textContent = say("free");
}

function drawTokens(view) {
  const { value, left, right } = view;
  for (const [list, side] of [[left, "row"], [right, "column"]]) {
    keyed(list, value.tokens, (_, i) => i, (_, i) => {
      const item = node("li", {});
      item.addEventListener("pointerenter", () => look(view, { [side]: i }));
      item.addEventListener("pointerdown", () => look(view, { [side]: i }));
      return item;
    }, (item, text) => { item.textContent = visible(text); });
  }
  left.parentElement.style.setProperty("--line", `${LINE}px`);
}

function drawLines(view) {
  const { wires, map, count, theme, focus, value } = view;
  const [width, height] = [150, count * LINE];
  const context = sized(wires, width, height);
  const limit = limitOf(value, map.data);
  context.strokeStyle = theme.accent;
  context.lineWidth = 1.6;
  for (let r = 0; r < count; r += 1) {
    for (let c = 0; c < count; c += 1) {
      const w = map.data[r * count + c];
      if (w < FAINT || (focus?.row ?? r) !== r || (focus?.column ?? c) !== c) continue;
      context.globalAlpha = Math.min(1, w / limit) * (focus ? 1 : 0.75);
      context.beginPath();
      context.moveTo(0, (r + 0.5) * LINE);
      context.bezierCurveTo(width / 2, (r + 0.5) * LINE, width / 2, (c + 0.5) * LINE, width, (c + 0.5) * LINE);
      context.stroke();
    }
  }
}

/* ---- reading ---- */

/* focus: { row, column }, one of them or both: the token that looks, the one that is looked at. */
function look(view, focus) {
  view.focus = focus;
  view.at = focus?.row !== undefined && focus?.column !== undefined ? focus.row * view.count + focus.column : view.at;
  point(view);
}

/* Of many tokens not all lines fit: those of the cell that is read do. */
function reveal({ lines, focus }) {
  const box = lines.parentElement;
  if (focus) box.scrollTop = ((focus.row + focus.column + 1) / 2) * LINE - box.clientHeight / 2;
}

function listen(view) {
  const { stage, canvas, lines } = view;
  const hover = (event) => {
    const at = cellAt(event, canvas, view.plan);
    look(view, at === null ? null : { row: Math.floor(at / view.count), column: at % view.count });
    reveal(view);
  };
  stage.addEventListener("pointermove", hover);
  stage.addEventListener("pointerdown", hover);
  for (const part of [stage, lines]) {
    part.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && look(view, null));
  }
  stage.addEventListener("blur", () => look(view, null));
  stage.addEventListener("keydown", (event) => {
    if (event.key === "Escape") look(view, null);
    const to = walk(event.key, view.at ?? 0, view.count ** 2, view.count);
    if (to === null) return;
    event.preventDefault();
    look(view, { row: Math.floor(to / view.count), column: to % view.count });
    reveal(view);
  });
}

function point(view) {
  const { focus, plan, marks, value, map, count, read, left, right } = view;
  if (!plan) return;
  const { row, column } = focus ?? {};
  const band = (kind, x, y, width, height) => {
    const mark = node("i", { class: kind });
    Object.assign(mark.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
    return mark;
  };
  const { left: x, top: y, cell } = plan;
  marks.replaceChildren(
    ...(row === undefined ? [] : [band("band", x, y + row * cell, cell * count, cell)]),
    ...(column === undefined ? [] : [band("band", x + column * cell, y, cell, cell * count)]),
    ...(row === undefined || column === undefined ? [] : [band("chosen", x + column * cell, y + row * cell, cell, cell)]),
  );
  const limit = limitOf(value, map.data);
  for (let i = 0; i < count; i += 1) {
    const tint = (item, w, chosen) => {
      item.classList.toggle("chosen", chosen);
      item.style.setProperty("--share", String(Math.round(Math.min(1, w / limit) * 55)));
    };
    tint(left.children[i], column === undefined || row !== undefined ? 0 : map.data[i * count + column], i === row);
    tint(right.children[i], row === undefined ? 0 : map.data[row * count + i], i === column);
  }
  read.textContent = sentence(view, row, column);
  drawLines(view);
}

function sentence({ value, map, count, say }, row, column) {
  const name = (i) => visible(value.tokens[i]);
  if (row !== undefined && column !== undefined) {
    return say("pair", { row: name(row), column: name(column), share: percent(map.data[row * count + column], 1) });
  }
  const most = (weight) => {
    const order = Array.from({ length: count }, (_, i) => i).sort((a, b) => weight(b) - weight(a));
    return order.slice(0, 3).filter((i) => weight(i) > 0.005).map((i) => `${name(i)} ${percent(weight(i), 0)}`).join(", ");
  };
  if (row !== undefined) return say("looks", { row: name(row), most: most((i) => map.data[row * count + i]) });
  if (column !== undefined) return say("seen", { column: name(column), most: most((i) => map.data[i * count + column]) });
  return say("point");
}

/* ---- muting ---- */

function mute(view) {
  const { key } = view.map;
  const kept = new Set(view.muted);
  if (!kept.delete(key)) kept.add(key);
  tellMuted(view, [...kept]);
}

function tellMuted(view, keys) {
  view.muted = new Set(keys);
  drawAll(view);
  drawButtons(view);
  view.host.trigger("mute", { muted: keys.map((key) => key.split(".").map(Number)) });
}
