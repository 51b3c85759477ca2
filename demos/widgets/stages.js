/* A network's stages as a strip, and the strongest maps of the open one. See stages.py. */

import {
  canvasOf, diverging, keyed, node, number, paint, percent, start, unpack, walk, words,
} from "./common.js";
import { holder, paintOver } from "./overlay.js";

const SIDE = 336;

export function mount(host) {
  const say = words(host.props);
  const strip = node("div", { class: "strip", role: "tablist" });
  const note = node("p", { class: "note" });
  const large = node("canvas", { width: SIDE, height: SIDE, role: "img" });
  const grid = node("div", { class: "maps", role: "group" });
  const body = node("div", { class: "body" }, node("div", { class: "large" }, large), grid);
  const hint = node("div", { class: "hint" });
  canvasOf(host).append(strip, note, body, hint);
  const photograph = holder();
  const state = { open: 0, chosen: 0, stages: [], packed: null };

  strip.addEventListener("click", (event) => {
    const at = [...strip.children].indexOf(event.target.closest("button"));
    if (at >= 0) open(at);
  });
  strip.addEventListener("keydown", (event) => {
    const to = walk(event.key, state.open, state.stages.length, state.stages.length);
    if (to === null) return;
    event.preventDefault();
    open(to);
    strip.children[to].focus();
  });
  grid.addEventListener("click", (event) => {
    const at = [...grid.children].indexOf(event.target.closest("button"));
    if (at >= 0) choose(at);
  });
  grid.addEventListener("keydown", (event) => {
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const to = walk(event.key, state.chosen, grid.children.length, columns);
    if (to === null) return;
    event.preventDefault();
    choose(to);
    grid.children[to].focus();
  });

  function open(at) {
    Object.assign(state, { open: at, chosen: 0 });
    redraw();
  }

  function choose(at) {
    state.chosen = at;
    redraw();
  }

  const redraw = start(host, () => {
    const value = host.props.value || {};
    const empty = !value.stages?.length;
    for (const part of [strip, note, body]) part.hidden = empty;
    hint.textContent = empty ? say(host.props.empty ?? "empty") : "";
    if (empty) return;
    if (value.stages !== state.packed) {
      state.packed = value.stages;
      state.stages = value.stages.map((stage) => ({ ...stage, maps: unpack(stage.maps) }));
      state.open = Math.min(state.open, state.stages.length - 1);
    }
    const photo = photograph(value.src, redraw);
    strip.setAttribute("aria-label", say("stages"));
    keyed(strip, state.stages, (_, i) => i, makeTab, (tab, stage, i) => {
      drawTab(tab, stage, say);
      tab.setAttribute("aria-selected", String(i === state.open));
      tab.tabIndex = i === state.open ? 0 : -1;
    });
    const stage = state.stages[state.open];
    const [count, height, width] = stage.shape;
    state.chosen = Math.min(state.chosen, stage.units.length - 1);
    note.textContent = say("note", { count, height, width, shown: stage.units.length, silent: percent(stage.silent, 0) });
    keyed(grid, stage.units, (_, i) => i, makeMap, (tile, unit, i) => {
      const map = mapOf(stage, i);
      paint(tile.firstChild, map.data, map.shape[1], map.shape[0], (v) => diverging(v / 127));
      const text = say("map", { unit, strength: number(stage.strengths[i], 3) });
      tile.lastChild.textContent = unit;
      tile.setAttribute("aria-label", text);
      tile.setAttribute("aria-pressed", String(i === state.chosen));
      tile.tabIndex = i === state.chosen ? 0 : -1;
    });
    paintOver(large, photo, mapOf(stage, state.chosen), 0.75);
    large.setAttribute("aria-label", say("map", {
      unit: stage.units[state.chosen], strength: number(stage.strengths[state.chosen], 3),
    }));
  });
}

function mapOf({ maps: { shape: [, height, width], data } }, i) {
  return { shape: [height, width], data: data.subarray(i * height * width, (i + 1) * height * width) };
}

const makeTab = () => node("button", { type: "button", role: "tab" }, node("canvas", { "aria-hidden": "true" }), node("b"), node("span"));
const makeMap = () => node("button", { type: "button" }, node("canvas", { "aria-hidden": "true" }), node("span"));

/* A stage's strongest maps, added up, as its picture in the strip. */
function drawTab(tab, stage, say) {
  const { shape: [count, height, width], data } = stage.maps;
  const sum = new Float32Array(height * width);
  for (let i = 0; i < data.length; i += 1) sum[i % sum.length] += Math.abs(data[i]) / count;
  const most = Math.max(1e-6, ...sum);
  paint(tab.children[0], sum, width, height, (v) => diverging(v / most));
  tab.children[1].textContent = say(stage.name);
  tab.children[2].textContent = stage.shape.join("×");
}
