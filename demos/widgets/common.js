/* What all widgets share: drawing when something changes, words, colours, numbers, packed arrays.

   A widget file exports `mount(host)`, host = { element, props, trigger, watch, server, upload }, and
   calls `start(host, render)`. `render` runs once per animation frame at most: at first, on a new
   value, on a change of language, theme or width, and when the group's timeline is scrubbed.
   `receive`, if given, is called with every new value at once, also with those never drawn. */

import { language, words } from "./words.js";

export { language, words } from "./words.js";

const positions = new Map(); // timeline group -> step being looked at; absent means "the newest"

export function start({ element, props, watch }, render, receive = record) {
  let asked = false;
  const entitle = titleOf(element, props);
  const draw = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      if (!element.isConnected || element.clientWidth === 0) return;
      entitle();
      render();
    });
  };
  watch("value", () => {
    receive(props);
    draw();
  });
  receive(props);
  window.addEventListener("dl-language", draw);
  window.addEventListener("dl-theme", draw);
  window.addEventListener("dl-scrub", (event) => event.detail.group === props.group && draw());
  new ResizeObserver(draw).observe(element); // also fires when a hidden tab is first shown
  draw();
  return draw;
}

/* A widget's `title` is a key of words that stand above it, **parts** of them in bold. */
function titleOf(element, props) {
  if (!props.title) return () => {};
  const title = node("div", { class: "dl-title" });
  element.prepend(title);
  return () => title.replaceChildren(...words(props)(props.title).split("**")
    .map((part, i) => (i % 2 ? node("b", {}, part) : part)));
}

/* The element a widget draws into: made by the Python side's template. */
export const canvasOf = (host) => host.element.querySelector(".dl-widget");

const writers = new Map(); // making an Intl.NumberFormat is slow, using one is not

function writer(options) {
  const key = language() + JSON.stringify(options);
  if (!writers.has(key)) writers.set(key, new Intl.NumberFormat(language(), options));
  return writers.get(key);
}

/* Numbers as the reader writes them: 0,25 in Vietnamese, 0.25 in English. */
export function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)) {
    return value.toExponential(1).replace(".", language() === "vi" ? "," : ".");
  }
  return writer({ maximumFractionDigits: digits }).format(value);
}

/* Time travel: a live widget's value may hold { run, frames: [{ step, … }, …] }. Of one run only the
   newest frames are sent each time (recording.py); they are joined here to those already known. */
const recorded = new WeakMap(); // props -> { run, frames }
const MOST_FRAMES = 480;

export function record(props) {
  const { run, frames } = props.value || {};
  if (!Array.isArray(frames)) {
    recorded.delete(props);
    return;
  }
  const sent = frames.toSorted((a, b) => a.step - b.step);
  const known = recorded.get(props);
  const first = sent[0]?.step ?? Infinity;
  const same = run !== undefined && known?.run === run;
  const before = same ? known.frames.filter((frame) => frame.step < first) : [];
  const all = [...before, ...sent];
  const kept = all.length > MOST_FRAMES ? all.filter((_, i) => i % 2 === 0 || i > MOST_FRAMES - 32) : all;
  recorded.set(props, { run, frames: kept });
}

export function scrub(group, step) {
  if (step === null) positions.delete(group);
  else positions.set(group, step);
  window.dispatchEvent(new CustomEvent("dl-scrub", { detail: { group, step } }));
}

export const position = (group) => positions.get(group) ?? null;

export function frameOf(props) {
  const frames = recorded.get(props)?.frames ?? [];
  const step = position(props.group);
  if (step === null) return frames.at(-1) ?? null;
  return frames.findLast((frame) => frame.step <= step) ?? frames[0] ?? null;
}

const READERS = { u1: Uint8Array, u2: Uint16Array, i1: Int8Array, f4: Float32Array, i4: Int32Array };

/* The inverse of Python's pack(): { shape, data } with a typed array. */
export function unpack(packed) {
  const text = atob(packed.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return { shape: packed.shape, data: new READERS[packed.dtype](bytes.buffer) };
}

/* DOM in one call: node("button", { class: "x", onclick: f }, "text"). Text is never parsed. */
export function node(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/* A setting as it was typed: 0.0005, not 5e-4. */
export const amount = (value) => writer({ maximumSignificantDigits: 6 }).format(value);

/* 0.9871 as 98.71% (98,71% in Vietnamese). */
export function percent(value, digits = 1, least = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const options = { style: "percent", maximumFractionDigits: digits, minimumFractionDigits: least };
  return writer(options).format(value);
}

/* Make the children of `parent` match `items` (each with a key of its own), keeping the elements whose key stays, so that focus,
   hover and transitions survive an update. make(item) -> element; update(element, item, index). */
export function keyed(parent, items, key, make, update) {
  const old = (parent.dlKept ??= new Map());
  const kept = new Map(items.map((item, index) => {
    const id = key(item, index);
    return [id, old.get(id) ?? make(item, index)];
  }));
  for (const [id, element] of old) if (!kept.has(id)) element.remove();
  [...kept.values()].forEach((element, index) => {
    update?.(element, items[index], index);
    // only what is out of place moves: moving an element takes its focus away
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index]);
  });
  parent.dlKept = kept;
}

/* Keys that walk a grid of `count` cells: the new index, or null when the key is not one of them. */
export function walk(key, index, count, columns) {
  const row = Math.floor(index / columns) * columns;
  const target = {
    ArrowRight: index + 1, ArrowLeft: index - 1,
    ArrowDown: index + columns, ArrowUp: index - columns,
    Home: row, End: Math.min(row + columns, count) - 1,
  }[key];
  if (target === undefined) return null;
  return target >= 0 && target < count ? target : index;
}

/* Colours come from theme.css, so that light and dark are decided in one place. */
export function colours(element) {
  const style = getComputedStyle(element);
  const get = (name) => style.getPropertyValue(name).trim();
  return {
    ink: get("--dl-ink"), muted: get("--dl-muted"), grid: get("--dl-grid"),
    surface: get("--dl-surface"), accent: get("--dl-accent"),
    positive: get("--dl-positive"), negative: get("--dl-negative"),
    series: [1, 2, 3, 4, 5, 6].map((i) => get(`--dl-series-${i}`)),
  };
}

export const isDark = () => document.body.classList.contains("dark");

const mix = (a, b, t) => a.map((x, i) => Math.round(x + (b[i] - x) * t));
const PAPER = { light: [247, 247, 250], dark: [28, 30, 40] };
const BLUE = { light: [32, 84, 196], dark: [110, 168, 255] };
const ORANGE = { light: [206, 92, 12], dark: [255, 164, 92] };

/* -1 … 0 … 1 as orange … paper … blue, readable by colour-blind eyes, in either theme. */
export function diverging(value) {
  const theme = isDark() ? "dark" : "light";
  const t = Math.min(1, Math.abs(value) || 0);
  return mix(PAPER[theme], (value < 0 ? ORANGE : BLUE)[theme], t);
}

/* 0 … 1 as paper … blue. */
export const sequential = (value) => diverging(Math.max(0, value));

export const rgb = ([r, g, b]) => `rgb(${r},${g},${b})`;

/* Paint a grid of values, one pixel each, into a canvas; the page scales it with crisp edges. */
export function paint(canvas, values, width, height, colour) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    const [r, g, b] = colour(values[i]);
    image.data.set([r, g, b, 255], i * 4);
  }
  context.putImageData(image, 0, 0);
}
