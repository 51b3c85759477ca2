/* One picture under several explanations, side by side. See reasons.py. */

import { canvasOf, keyed, node, number, percent, start, svg, unpack, words } from "./common.js";
import { phrase } from "./doubt.js";
import { holder, paintOver } from "./overlay.js";
import { spoken } from "./photos.js";

const SIDE = 224; // pixels of the canvas, as many as the network gets
const PLOT = { width: 224, height: 116, left: 34, right: 8, top: 8, bottom: 24 };
const LINES = ["insertion", "deletion"]; // in the order of the series' colours

export function mount(host) {
  const say = words(host.props);
  const strength = node("input", { type: "range", min: 0, max: 100, value: 70, oninput: () => redraw() });
  const named = node("span");
  const legend = node("span", { class: "scale" }, node("i", { class: "for" }), node("span"), node("i", { class: "against" }), node("span"));
  const tools = node("div", { class: "tools" }, node("label", {}, named, strength), legend);
  const cards = node("div", { class: "cards" });
  const remark = node("p", { class: "remark" });
  const hint = node("div", { class: "hint" });
  canvasOf(host).append(tools, cards, remark, hint);
  const view = { host, say, photo: null, src: "", layer: null, strength };
  const photograph = holder();

  const redraw = start(host, () => {
    const value = host.props.value || {};
    const shown = value.cards ?? [];
    tools.hidden = cards.hidden = !shown.length;
    hint.textContent = shown.length ? "" : say(value.hint ?? host.props.empty ?? "empty");
    remark.replaceChildren(...(value.remark ? phrase(say, value.remark, value.values) : []));
    if (!shown.length) return;
    named.textContent = say("strength");
    legend.children[1].textContent = say("for");
    legend.children[3].textContent = say("against");
    view.photo = photograph(value.src, redraw);
    if (value.src !== view.src) Object.assign(view, { src: value.src, layer: null });
    cards.style.setProperty("--cards", shown.length);
    keyed(cards, shown, (card, i) => `${i}.${card.name}`, () => makeCard(view, redraw), (element, card) => draw(view, element, card));
  });
}

function makeCard(view, redraw) {
  const canvas = node("canvas", { width: SIDE, height: SIDE, role: "img" });
  const wait = node("span", { class: "wait" });
  const range = node("input", { type: "range", min: 0, step: 1 });
  const place = node("output");
  const scrubber = node("div", { class: "scrubber", hidden: true }, range, place);
  const plot = svg("svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, role: "img" });
  const areas = node("p", { class: "areas" });
  const title = node("b");
  const told = node("span");
  const measure = node("button", { type: "button" });
  const note = node("div", { class: "note" }, told, measure);
  const parts = { canvas, wait, range, place, scrubber, plot, areas, title, note, told, measure };
  range.addEventListener("input", () => {
    view.layer = parts.card.layers[Number(range.value)].name;
    redraw();
  });
  range.addEventListener("change", () => view.host.trigger("layer", { name: view.layer }));
  measure.addEventListener("click", () => {
    measure.disabled = true; // until the answer begins to come
    view.host.trigger("measure", { name: view.layer });
  });
  const element = node("article", {}, title, node("div", { class: "picture" }, canvas, wait), scrubber, note, plot, areas);
  return Object.assign(element, { dl: parts });
}

function draw(view, element, card) {
  const { say } = view;
  const { canvas, wait, title, note, told, measure } = element.dl;
  if (element.dl.card !== card) measure.disabled = false;
  element.dl.card = card;
  title.textContent = say(card.name, spoken(card.values));
  const layer = scrubbed(view, element.dl, card);
  const heat = layer ? layer.heat : card.heat;
  // Curves are of the layer that was asked; those of another one are not known.
  const elsewhere = Boolean(card.curves && layer && layer.name !== card.layer);
  wait.textContent = heat ? "" : say("waiting");
  paintOver(canvas, view.photo, heat && unpack(heat), Number(view.strength.value) / 100);
  canvas.setAttribute("aria-label", say("picture", { name: title.textContent }));
  note.hidden = !card.note && !elsewhere;
  measure.hidden = !elsewhere;
  if (elsewhere) {
    const places = { asked: say(card.layer), here: say(layer.name) };
    told.textContent = say("elsewhere", places);
    measure.textContent = say("measure", places);
  } else told.textContent = card.note ? say(card.note, spoken(card.values)) : "";
  drawPlot(view, element.dl, card, elsewhere ? null : card.curves);
}

/* The layer to show; null for a card that has none. */
function scrubbed(view, { range, place, scrubber }, card) {
  const layers = card.layers ?? [];
  scrubber.hidden = !layers.length;
  if (!layers.length) return null;
  const wanted = layers.findIndex((layer) => layer.name === (view.layer ?? card.layer));
  const at = wanted < 0 ? layers.length - 1 : wanted;
  range.max = layers.length - 1;
  range.value = at;
  const { name, size } = layers[at];
  place.textContent = view.say("layer", { name: view.say(name), size, n: at + 1, count: layers.length });
  range.setAttribute("aria-label", view.say("layers"));
  range.setAttribute("aria-valuetext", place.textContent);
  return layers[at];
}

/* Probability over the share of the picture that was put in (or taken away), strongest first. */
function drawPlot(view, { plot, areas }, card, curves) {
  const { say } = view;
  plot.toggleAttribute("hidden", !curves);
  areas.hidden = !curves;
  if (!curves) return;
  const { width, height, left, right, top, bottom } = PLOT;
  const most = Math.max(1e-6, ...LINES.flatMap((name) => (curves[name] ?? []).map(([, p]) => p)));
  const roof = most > 0.5 ? 1 : most * 1.1;
  const x = (share) => left + share * (width - left - right);
  const y = (p) => top + (1 - p / roof) * (height - top - bottom);
  const grid = [0, roof].flatMap((p) => [
    svg("line", { x1: left, x2: width - right, y1: y(p), y2: y(p), class: "grid" }),
    svg("text", { x: left - 4, y: y(p) + 4, "text-anchor": "end" }, percent(p, roof < 0.1 ? 1 : 0)),
  ]);
  const lines = LINES.filter((name) => curves[name]).map((name) => svg("path", {
    class: name, d: curves[name].map(([a, b], i) => `${i ? "L" : "M"}${x(a)} ${y(b)}`).join(""),
  }));
  const axis = svg("text", { x: width - right, y: height - 6, "text-anchor": "end" }, say("share"));
  plot.replaceChildren(...grid, axis, ...lines);
  const told = LINES.filter((name) => name in (card.areas ?? {})).map((name) => node("span", { class: name },
    node("i"), `${say(name)} `, node("output", {}, number(card.areas[name], 2))));
  areas.replaceChildren(...told);
  plot.setAttribute("aria-label", say("curves", Object.fromEntries(LINES.map((name) => [name, number(card.areas?.[name], 2)]))));
}
