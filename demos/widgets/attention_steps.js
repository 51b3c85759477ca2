/* One head of attention, matrix by matrix. A click or the arrow keys choose a cell, whose sources
   light up; the server says what it is made of. Numbers of queries and keys are dragged up and
   down; cells of the mask are clicked. See attention_steps.py. */

import { canvasOf, colours, keyed, node, number, start, unpack, walk, words } from "./common.js";
import { cellAt, draw, layOut, sized } from "./matrix.js";
import { takeaway } from "./takeaway.js";

const STEPS = {
  inputs: ["embeddings", "positions", "inputs"],
  project: ["inputs", "queries", "keys", "values"],
  scores: ["queries", "keys", "scores"],
  scale: ["scores", "scaled"],
  mask: ["scaled", "mask"],
  softmax: ["scaled", "mask", "weights"],
  output: ["weights", "values", "output"],
};
const ORDER = ["embeddings", "positions", "inputs", "queries", "keys", "values", "scores", "scaled", "mask", "weights", "output"];
const SQUARE = new Set(["scores", "scaled", "mask", "weights"]);
const DRAGGED = { queries: "query", keys: "key" };
const CELL = { least: 6, most: 30, narrow: 30, tall: 24 }; // CSS pixels
const ONE = 24; // CSS pixels that a number is dragged for 1

/* What a cell is made of: which rows, columns or cells of other matrices. */
const SOURCES = {
  inputs: (r, c) => [["embeddings", r, c], ["positions", r, c]],
  queries: (r) => [["inputs", r, null]],
  keys: (r) => [["inputs", r, null]],
  values: (r) => [["inputs", r, null]],
  scores: (r, c) => [["queries", r, null], ["keys", c, null]],
  scaled: (r, c) => [["scores", r, c]],
  weights: (r) => [["scaled", r, null], ["mask", r, null]],
  output: (r, c) => [["weights", r, null], ["values", null, c]],
};

export function mount(host) {
  const say = words(host.props);
  const view = { host, say, step: "all", at: { matrix: "scores", row: 0, column: 0 }, cards: new Map(), asked: "" };
  view.steps = node("div", { class: "steps", role: "group" });
  view.told = node("p", { class: "told" });
  view.cardsBox = node("div", { class: "cards" });
  view.slider = node("input", { type: "range", min: -5, max: 5, step: 0.05, oninput: () => slide(view, Number(view.slider.value)) });
  view.reset = node("button", { type: "button", class: "reset", onclick: () => send(view, {}) });
  view.drag = node("label", { class: "drag" }, node("span"), view.slider, node("output"));
  view.facts = node("p", { class: "facts", role: "status" });
  view.take = takeaway(host, say, () => tableOf(view, view.at.matrix));
  view.tools = node("div", { class: "tools" }, view.drag, view.reset, view.take);
  view.hint = node("div", { class: "hint" });
  view.body = node("div", {}, view.steps, view.told, view.cardsBox, view.tools, view.facts);
  canvasOf(host).append(view.body, view.hint);
  start(host, () => render(view));
}

function render(view) {
  const { host, say, body, hint } = view;
  const value = host.props.value;
  const empty = !value?.tokens?.length;
  body.hidden = empty;
  hint.textContent = empty ? say(host.props.empty ?? "empty") : "";
  if (empty) return;
  if (view.value !== value) {
    view.value = value;
    view.data = Object.fromEntries(Object.entries(value.matrices).map(([name, packed]) => [name, unpack(packed)]));
    view.data.mask = unpack(value.mask);
    view.edits = structuredClone(value.edits);
    view.custom = value.custom;
  }
  keep(view);
  drawSteps(view);
  const shown = ORDER.filter((name) => view.step === "all" || STEPS[view.step].includes(name))
    .filter((name) => value.positions || (name !== "positions" && name !== "embeddings"));
  keyed(view.cardsBox, shown, (name) => name, (name) => makeCard(view, name), (card, name) => drawCard(view, card, name));
  drawFacts(view);
  point(view);
  ask(view);
}

/* The chosen cell, moved to where there is one. */
function keep(view) {
  const { matrix, row, column } = view.at;
  const [rows, columns] = view.data[matrix].shape;
  view.at = { matrix, row: Math.min(row, rows - 1), column: Math.min(column, columns - 1) };
}

function drawSteps(view) {
  const { steps, say, told } = view;
  const names = ["all", ...Object.keys(STEPS)];
  steps.setAttribute("aria-label", say("steps"));
  keyed(steps, names, (name) => name, (name) => node("button", { type: "button", onclick: () => {
    view.step = name;
    if (name !== "all") view.at = { ...view.at, matrix: STEPS[name].at(-1) };
    render(view);
  } }), (button, name, n) => {
    button.textContent = name === "all" ? say("all") : `${n}. ${say(`step.${name}`)}`;
    button.setAttribute("aria-pressed", String(view.step === name));
  });
  told.textContent = say(`told.${view.step}`);
}

/* ---- matrices ---- */

function tableOf(view, name) {
  if (!view.data) return null;
  const { data, shape: [, columns] } = view.data[name];
  const { tokens } = view.value;
  const mask = view.data.mask.data;
  const signed = name !== "weights" && name !== "mask";
  return {
    name: `attention-${name}`,
    rows: tokens,
    columns: SQUARE.has(name) ? tokens : Array.from({ length: columns }, (_, i) => String(i + 1)),
    data,
    signed,
    limit: signed ? Math.max(1e-6, ...Array.from(data, Math.abs)) : 1,
    hidden: name === "weights" ? (i) => !mask[i] : name === "mask" ? (i) => !data[i] : undefined,
  };
}

function makeCard(view, name) {
  const canvas = node("canvas", { "aria-hidden": "true" });
  const stage = node("button", { type: "button", class: "stage" }, canvas, node("div", { class: "marks" }));
  const title = node("div", { class: "title" }, node("b"), node("span"));
  const card = node("div", { class: `card ${name}` }, title, node("div", { class: "scroll" }, stage));
  card.dl = { canvas, stage, marks: stage.lastChild, title };
  view.cards.set(name, card);
  listen(view, card, name);
  return card;
}

function drawCard(view, card, name) {
  const { say, host } = view;
  const table = tableOf(view, name);
  const { canvas, title, stage } = card.dl;
  const family = getComputedStyle(host.element).fontFamily;
  const room = Math.min(520, host.element.clientWidth - 30) - 86;
  const count = table.columns.length;
  const cell = Math.max(CELL.least, Math.min(CELL.most, room / count));
  const plan = layOut(canvas.getContext("2d"), table, { cell, height: CELL.tall, family });
  card.dl.plan = plan;
  const context = sized(canvas, plan.width, plan.height);
  const write = name === "mask" ? () => "" : (v) => number(Math.round(v * 100) / 100 || 0, 2).replace("-", "−");
  draw(context, plan, colours(host.element), write);
  title.firstChild.textContent = say(`names.${name}`);
  title.lastChild.textContent = `${table.rows.length} × ${count}`;
  stage.setAttribute("aria-label", label(view, name));
}

function label(view, name) {
  const { at, say, data, value } = view;
  const { row, column } = name === at.matrix ? at : { row: 0, column: 0 };
  const columns = data[name].shape[1];
  return say("cell", {
    name: say(`names.${name}`), row: value.tokens[row],
    column: SQUARE.has(name) ? value.tokens[column] : column + 1,
    value: number(data[name].data[row * columns + column]),
  });
}

/* ---- choosing and changing ---- */

function listen(view, card, name) {
  const { canvas, stage } = card.dl;
  const columnsOf = () => view.data[name].shape[1];
  const choose = (index) => {
    view.at = { matrix: name, row: Math.floor(index / columnsOf()), column: index % columnsOf() };
    point(view);
    ask(view);
  };
  let held = null;
  stage.addEventListener("pointerdown", (event) => {
    const index = cellAt(event, canvas, card.dl.plan);
    if (index === null) return;
    choose(index);
    if (!DRAGGED[name]) return;
    held = { y: event.clientY, from: view.data[name].data[index], moved: false };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!held) return;
    const by = (held.y - event.clientY) / ONE;
    held.moved ||= Math.abs(by) > 0.12;
    if (held.moved) slide(view, held.from + by);
  });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { held = null; });
  stage.addEventListener("click", (event) => {
    // Enter and space click, too: then where the marked cell is
    const index = event.detail ? cellAt(event, canvas, card.dl.plan) : view.at.row * columnsOf() + view.at.column;
    if (index !== null && name === "mask") toggle(view, index);
  });
  stage.addEventListener("focus", () => {
    if (view.at.matrix !== name && stage.matches(":focus-visible")) choose(0);
  });
  stage.addEventListener("keydown", (event) => {
    const columns = columnsOf();
    const to = walk(event.key, view.at.row * columns + view.at.column, view.data[name].data.length, columns);
    if (to === null || view.at.matrix !== name) return;
    event.preventDefault();
    choose(to);
  });
}

const clean = (x, most) => Math.round(Math.min(most, Math.max(-most, x)) * 100) / 100;

/* Another number in the place of the chosen one; the picture follows at once, the rest as soon as
   the server has computed it. */
function slide(view, to) {
  const { at: { matrix, row, column }, value } = view;
  if (!DRAGGED[matrix] || !Number.isFinite(to)) return;
  const { data, shape: [, columns] } = view.data[matrix];
  data[row * columns + column] = clean(to, value.most);
  const vector = Array.from(data.slice(row * columns, (row + 1) * columns), (x) => clean(x, value.most));
  view.edits[`${DRAGGED[matrix]}:${row}`] = vector;
  const card = view.cards.get(matrix);
  if (card) drawCard(view, card, matrix);
  point(view);
  send(view, view.edits);
}

function toggle(view, index) {
  view.data.mask.data[index] = 1 - view.data.mask.data[index];
  view.custom = true;
  for (const name of ["mask", "weights"]) {
    if (view.cards.get(name)?.isConnected) drawCard(view, view.cards.get(name), name);
  }
  send(view, view.edits);
}

function maskOf({ data: { mask: { data, shape: [count] } } }) {
  return Array.from({ length: count }, (_, r) => Array.from(data.slice(r * count, (r + 1) * count), String).join(""));
}

const send = (view, edits) => view.host.trigger("edit", { mask: view.custom ? maskOf(view) : null, edits });

/* Ask the server what the chosen cell is made of; again when its numbers are new. */
function ask(view) {
  const asked = JSON.stringify(view.at);
  if (view.askedOf === view.value && view.asked === asked) return;
  [view.asked, view.askedOf] = [asked, view.value];
  view.host.trigger("cell", { ...view.at });
}

/* ---- marks and words ---- */

function point(view) {
  const { at, cards, data, say, drag, slider, reset, tools } = view;
  const marks = [[at.matrix, at.row, at.column, "chosen"], ...(SOURCES[at.matrix]?.(at.row, at.column) ?? []).map((m) => [...m, "source"])];
  for (const [name, card] of cards) {
    if (!card.isConnected) continue;
    const { plan } = card.dl;
    card.dl.marks.replaceChildren(...marks.filter(([of]) => of === name).map(([, row, column, kind]) => {
      const mark = node("i", { class: kind });
      const [r, c] = [row ?? 0, column ?? 0];
      Object.assign(mark.style, {
        left: `${plan.left + c * plan.cell}px`, top: `${plan.top + r * plan.tall}px`,
        width: `${plan.cell * (column === null ? plan.columns.length : 1)}px`,
        height: `${plan.tall * (row === null ? plan.rows.length : 1)}px`,
      });
      return mark;
    }));
    card.classList.toggle("active", name === at.matrix);
    card.dl.stage.setAttribute("aria-label", label(view, name));
  }
  const kind = DRAGGED[at.matrix];
  drag.hidden = !kind;
  reset.textContent = say("reset");
  reset.hidden = !Object.keys(view.edits).length;
  tools.hidden = false;
  view.take.dlSay();
  if (!kind) return;
  const now = data[at.matrix].data[at.row * data[at.matrix].shape[1] + at.column];
  drag.firstChild.textContent = say(`drag.${kind}`, { token: view.value.tokens[at.row], n: at.column + 1 });
  if (document.activeElement !== slider || Math.abs(Number(slider.value) - now) > 0.06) slider.value = now;
  drag.lastChild.textContent = number(now, 2).replace("-", "−");
}

function drawFacts({ facts, say, value }) {
  const { entropy, difference } = value;
  facts.replaceChildren(
    node("span", {}, say("entropy", { scaled: number(entropy.scaled), unscaled: number(entropy.unscaled), most: number(entropy.most), d_k: value.d_k })),
    " ", node("span", { class: "equal" }, say("difference", { difference: number(difference) })),
  );
}
