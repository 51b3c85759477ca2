/* The plane of a latent space: points, what is decoded between them, and a hand. See latent_plane.py. */

import { canvasOf, frameOf, keyed, node, number, record, start, svg, unpack, words } from "./common.js";
import { handOf } from "./latent_hand.js";
import { overlayOf } from "./latent_overlay.js";
import { drawPicture } from "./latent_picture.js";
import { niceAxis } from "./scales.js";
import { tiles } from "./sheets.js";

const LARGEST = { full: 620, compact: 380 };
const EDGE = { full: { left: 26, bottom: 20, top: 2, right: 2 }, compact: { left: 1, bottom: 1, top: 1, right: 1 } };
const MODES = ["points", "both", "manifold"];
let serial = 0;

export function mount(host) {
  const compact = Boolean(host.props.compact);
  const id = `dl-latent-${(serial += 1)}`;
  const view = {
    host, compact, asks: !compact && !host.props.group, say: words(host.props), known: new WeakMap(), decoded: null,
    only: null, mode: null, pointer: null, path: null, drafting: false, pinned: false,
  };
  const canvas = node("canvas", { "aria-hidden": "true" });
  const axes = svg("g", { class: "axes" });
  const marks = svg("g", { class: "marks" });
  const picture = svg("svg", { "aria-hidden": "true" }, axes, marks);
  const inset = node("div", { class: "inset", hidden: true, "aria-hidden": "true" }, node("canvas"), node("span"));
  const stage = node("div", compact ? { class: "stage", role: "img" }
    : { class: "stage", role: "application", tabindex: 0, "aria-describedby": `${id}-keys` }, canvas, picture, inset);
  const choose = (change) => () => {
    change();
    view.redraw();
  };
  const modes = MODES.map((name) => node("button", { type: "button", onclick: choose(() => { view.mode = name; }) }));
  const draft = node("button", { type: "button", class: "draft", onclick: choose(() => view.hand.draft()) });
  const tools = node("div", { class: "tools", role: "toolbar" }, node("div", { class: "modes", role: "group" }, modes), draft);
  const legend = node("div", { class: "legend", role: "group" });
  const readout = node("output", { class: "readout" });
  const title = node("p", { class: "title" });
  const empty = node("p", { class: "empty" });
  const keys = node("p", { class: "keys", id: `${id}-keys` });
  Object.assign(view, { canvas, axes, marks, picture, inset, stage, modes, draft, tools, legend, readout, title, empty, keys });
  canvasOf(host).append(...(compact ? [title, empty, stage] : [empty, tools, stage, readout, legend, keys]));
  canvasOf(host).classList.toggle("compact", compact);
  view.overlay = overlayOf(view);
  view.hand = handOf(view);
  view.redraw = start(host, () => render(view), (props) => {
    const news = props.value ?? {};
    if (news.run && !news.labels && view.value?.run && view.value.run !== news.run) return; // a late answer
    record(props);
    merge(view, news);
  });
}

function render(view) {
  const { host, say, compact, empty, value } = view;
  const frame = whole(view, frameOf(host.props));
  empty.textContent = frame ? "" : say(host.props.empty ?? "empty");
  empty.hidden = Boolean(frame);
  for (const part of ["tools", "stage", "legend", "readout"]) view[part].hidden = !frame;
  view.title.textContent = value.title ? say(value.title) : "";
  view.title.hidden = !value.title;
  if (!frame) return;
  view.mode ??= MODES.includes(value.mode) ? value.mode : "both";
  Object.assign(view, { frame, run: value.run, labels: read(view, value.labels), means: read(view, frame.means) });
  view.tiles = frame.manifold && view.decoded;
  layout(view);
  view.hand.receive(value);
  drawPicture(view);
  if (!compact) {
    drawAxes(view);
    drawTools(view);
    drawLegend(view);
  }
  view.stage.setAttribute("aria-label", say("plane", { count: number(view.labels.length) }));
  view.overlay.draw();
}

/* Of one run only what is new needs to be sent: what is missing stays. */
function merge(view, news) {
  view.value = view.value?.run === news.run ? { ...view.value, ...news } : news;
}

/* Packed arrays are read once each, not once a frame. */
function read(view, packed) {
  if (!packed) return [];
  if (!view.known.has(packed)) view.known.set(packed, unpack(packed).data);
  return view.known.get(packed);
}

/* The frame to draw: while its manifold is being decoded, the one before it, if that is of the same
   run. So points and pictures are always of one moment, and a moment is drawn once. */
function whole(view, frame) {
  if (!frame?.manifold) return frame;
  const ready = tiles(frame.manifold, view.redraw);
  if (ready) view.decoded = ready;
  else if (view.frame?.manifold && view.run === view.value.run) return view.frame;
  return frame;
}

/* ---- places: from the plane's units to pixels of the stage and back ---- */

function layout(view) {
  const form = view.compact ? "compact" : "full";
  const edge = EDGE[form];
  const most = Math.min(view.host.props.largest ?? LARGEST[form], view.host.element.clientWidth);
  const side = Math.max(60, most - edge.left - edge.right);
  const { span } = view.frame;
  const scale = side / (2 * span);
  view.geometry = {
    ...edge, side, span, width: side + edge.left + edge.right, height: side + edge.top + edge.bottom,
    x: (x) => edge.left + (x + span) * scale,
    y: (y) => edge.top + (span - y) * scale,
    scale, place: (px, py) => [(px - edge.left) / scale - span, span - (py - edge.top) / scale],
  };
  const { width, height } = view.geometry;
  Object.assign(view.stage.style, { width: `${width}px`, height: `${height}px` });
  view.picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
}

function drawAxes({ axes, geometry: g, value }) {
  const ticks = niceAxis(-g.span, g.span, 6).ticks.filter((tick) => Math.abs(tick) <= g.span);
  const [low, high] = [-g.span, g.span];
  const names = value.axes ?? ["z₁", "z₂"];
  const bottom = g.top + g.side;
  const fits = (tick) => tick < high * 0.9; // the corner belongs to the axis' name
  axes.replaceChildren(
    svg("rect", { x: g.left, y: g.top, width: g.side, height: g.side }),
    ...[["x", "y"], ["y", "x"]].map(([a, b]) => svg("line", {
      [`${a}1`]: g[a](0), [`${a}2`]: g[a](0), [`${b}1`]: g[b](low), [`${b}2`]: g[b](high) })),
    ...ticks.filter(fits).flatMap((tick) => [
      svg("text", { x: g.x(tick), y: bottom + 15, "text-anchor": "middle" }, number(tick)),
      svg("text", { x: g.left - 5, y: g.y(tick) + 4, "text-anchor": "end" }, number(tick)),
    ]),
    svg("text", { class: "name", x: g.left + g.side, y: bottom + 15, "text-anchor": "end" }, names[0]),
    svg("text", { class: "name", x: g.left - 5, y: g.top + 11, "text-anchor": "end" }, names[1]),
  );
}

/* ---- words and buttons ---- */

function drawTools({ say, asks, tools, modes, mode, draft, drafting, frame, keys }) {
  tools.setAttribute("aria-label", say("tools"));
  tools.firstChild.setAttribute("aria-label", say("shown"));
  tools.firstChild.hidden = !frame.manifold;
  modes.forEach((button, i) => {
    button.textContent = say(`modes.${MODES[i]}`);
    button.setAttribute("aria-pressed", String(MODES[i] === mode));
  });
  draft.hidden = !asks;
  draft.textContent = say("path");
  draft.setAttribute("aria-pressed", String(drafting));
  keys.textContent = asks ? `${say("keys")} ${say("path_keys")}` : say("keys");
}

function drawLegend(view) {
  const { legend, say, labels, only } = view;
  legend.setAttribute("aria-label", say("digits"));
  const digits = [...new Set(labels)].sort();
  keyed(legend, digits, (digit) => digit, (digit) => node("button", { type: "button", onclick: () => {
    view.only = view.only === digit ? null : digit;
    view.redraw();
  } }, node("i", { style: `background:var(--digit-${digit})` }), node("span", {}, digit)), (button, digit) => {
    button.setAttribute("aria-pressed", String(only === digit));
    button.setAttribute("aria-label", say("only", { digit }));
    button.classList.toggle("out", only !== null && only !== digit);
  });
}
