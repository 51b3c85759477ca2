/* Sixteen small planes: the function, the line that training found, and its verdict. */

import { canvasOf, keyed, node, number, start, svg, walk, words } from "./common.js";
import { drawn } from "./plane_geometry.js";

const CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]];
const SIZE = 64;
const G = {
  low: -0.45, high: 1.45,
  x: (x) => ((x + 0.45) / 1.9) * SIZE,
  y: (y) => ((1.45 - y) / 1.9) * SIZE,
};

export function mount(host) {
  const say = words(host.props);
  const grid = node("div", { class: "grid", role: "group" });
  const why = node("div", { class: "why" });
  const caption = node("p", { class: "caption" });
  canvasOf(host).append(grid, caption, why);
  grid.addEventListener("keydown", (event) => {
    const cards = [...grid.children];
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const to = walk(event.key, cards.indexOf(document.activeElement), cards.length, columns);
    if (to === null) return;
    event.preventDefault();
    cards[to].focus();
  });
  start(host, render);

  function render() {
    const value = host.props.value;
    if (!value) return;
    grid.setAttribute("aria-label", say("map"));
    keyed(grid, value.functions, (f) => f.name, make, (card, f) => fill(card, f, value.selected));
    caption.textContent = captionOf(value.settings, say);
    explain(why, value.functions.find((f) => f.name === value.selected), say);
  }

  function make(f) {
    const picture = svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-hidden": "true" });
    return node("button", { type: "button", class: "card", onclick: () => host.trigger("pick", { function: f.name }) },
      picture, node("b"), node("span", { class: "verdict" }));
  }

  function fill(card, f, selected) {
    const [picture, name, verdict] = card.children;
    picture.replaceChildren(...pictureOf(f));
    name.textContent = f.name;
    verdict.textContent = verdictOf(f, say);
    verdict.dataset.kind = f.verdict;
    card.setAttribute("aria-pressed", String(f.name === selected));
    card.title = `${f.table.join(" ")} — ${verdict.textContent}`;
  }
}

/* With which settings the verdicts were found: they are about these, not about the function alone. */
function captionOf(settings, say) {
  if (!settings) return say("untried");
  const words = { rule: say(`rules.${settings.rule}`), order: say(`orders.${settings.order}`) };
  return say("tried", { ...words, lr: number(settings.lr), epochs: number(settings.epochs, 0), seed: number(settings.seed, 0) });
}

function pictureOf(f) {
  const marks = CORNERS.map(([x, y], i) => (f.table[i]
    ? svg("circle", { class: "one", cx: G.x(x), cy: G.y(y), r: 6 })
    : svg("rect", { class: "zero", x: G.x(x) - 5, y: G.y(y) - 5, width: 10, height: 10 })));
  const path = f.line ? drawn({ w1: f.line[0], w2: f.line[1], b: f.line[2] }, G) : "";
  return [path ? svg("path", { class: f.verdict, d: path }) : null, ...marks].filter(Boolean);
}

function verdictOf(f, say) {
  if (!f.verdict) return f.table.join(" ");
  return say(f.verdict, {
    updates: number(f.updates, 0), changes: number(f.changes, 0),
    right: number(f.right, 0), period: number(f.period, 0),
  });
}

/* The four demands that a truth table makes on w₁, w₂ and b, and, where there is one, their clash. */
function explain(why, f, say) {
  if (!f) {
    why.replaceChildren();
    return;
  }
  const demands = CORNERS.map((corner, i) => node("tr", { class: f.table[i] ? "one" : "zero" },
    node("td", {}, `(${corner.join("; ")}) → ${f.table[i]}`),
    node("td", { class: "maths" }, `${sum([...corner, 1])} ${f.table[i] ? "> 0" : "≤ 0"}`)));
  const clash = f.why
    ? [node("p", {}, say("clash", { sum: sum(f.why) }))]
    : [node("p", {}, say("no_clash"))];
  why.replaceChildren(node("h3", {}, say("demands", { name: f.name })), node("table", {}, node("tbody", {}, demands)), ...clash);
}

const sum = (factors) => ["w₁", "w₂", "b"]
  .map((name, i) => (factors[i] ? `${factors[i] > 1 ? factors[i] : ""}${name}` : ""))
  .filter(Boolean).join(" + ");
