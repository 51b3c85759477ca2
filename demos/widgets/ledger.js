/* Every update a row. Only the rows in sight exist: a run may have thousands. See ledger.py. */

import { canvasOf, node, number, position, scrub, start, words } from "./common.js";

const ROW_PX = 30;
const SPARE = 8; // rows kept ready above and below what is seen
const NAMES = {
  neuron: ["update", "point", "label", "output", "error", "dw1", "dw2", "db", "w1", "w2", "b", "right", "loss"],
  network: ["update", "point", "label", "output", "error", "moved", "right", "loss"],
};
const SAMPLES = { "-1": "together", "-2": "start", "-3": "hand" };

export function mount(host) {
  const say = words(host.props);
  const head = node("tr");
  const body = node("tbody");
  const table = node("table", {}, node("thead", {}, head), body);
  const scroller = node("div", { class: "scroller", tabindex: 0, role: "region", onkeydown: keys }, table);
  canvasOf(host).append(scroller);
  let shownStep = null; // the step the table was last scrolled to
  const redraw = start(host, render);
  scroller.addEventListener("scroll", redraw, { passive: true });

  const rows = () => host.props.value?.rows ?? [];

  function current() {
    const step = position(host.props.group);
    if (step === null) return rows().length - 1;
    return Math.max(0, rows().findLastIndex((row) => row[0] <= step));
  }

  function go(at) {
    const last = rows().length - 1;
    const to = Math.max(0, Math.min(last, at));
    scrub(host.props.group, to === last ? null : rows()[to][0]);
  }

  function keys(event) {
    const page = Math.floor(scroller.clientHeight / ROW_PX) - 1;
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
    const by = moves[event.key];
    if (by === undefined) return;
    event.preventDefault();
    go(current() + by);
  }

  function render() {
    const value = host.props.value;
    if (!value) return;
    const at = current();
    const names = NAMES[value.kind];
    head.replaceChildren(...names.map((name) => node("th", { scope: "col", title: say(`${name}_hint`) }, say(name))));
    fill(value, at, names);
    const key = `${value.run} ${rows()[at]?.[0]}`;
    if (key === shownStep) return;
    shownStep = key;
    if (follow(at)) fill(value, at, names);
  }

  function fill(value, at, names) {
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW_PX) - SPARE);
    const last = Math.min(rows().length, first + Math.ceil(scroller.clientHeight / ROW_PX) + 2 * SPARE);
    const gap = (count) => (count > 0 ? [node("tr", { class: "gap", "aria-hidden": "true" },
      node("td", { colspan: names.length, style: `height:${count * ROW_PX}px` }))] : []);
    const shown = rows().slice(first, last).map((row, i) => draw(row, first + i === at, value));
    body.replaceChildren(...gap(first), ...shown, ...gap(rows().length - last));
    table.setAttribute("aria-rowcount", rows().length + 1);
    scroller.setAttribute("aria-label", say("ledger"));
  }

  /* Keep the current row in sight, without taking the page along. */
  function follow(at) {
    const top = at * ROW_PX;
    const room = scroller.clientHeight - 2 * ROW_PX; // less the head, which covers the top row
    const before = scroller.scrollTop;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top > scroller.scrollTop + room) scroller.scrollTop = top - room;
    return scroller.scrollTop !== before;
  }

  function draw(row, isCurrent, value) {
    const [step, sample, , error] = row;
    const inCircle = value.circle && step > value.circle[0] && step <= value.circle[1];
    const classes = [isCurrent && "current", inCircle && "circle", sample < -1 && "quiet",
      error !== null && Math.abs(error) > 1e-9 && "changed"].filter(Boolean).join(" ");
    return node("tr", {
      class: classes, "aria-current": isCurrent ? "step" : null, "data-step": step,
      onclick: () => scrub(host.props.group, step === rows().at(-1)[0] ? null : step),
    }, cells(row, value).map((text) => node("td", {}, text)));
  }

  function cells([step, sample, output, error, changes, weights, right, loss], value) {
    const point = value.points[sample];
    const where = point && sample >= 0
      ? `(${number(point[0], 2)}; ${number(point[1], 2)})` : say(SAMPLES[sample] ?? "point");
    return [
      number(step, 0), where, point && sample >= 0 ? String(point[2]) : "",
      output === null ? "" : number(output), error === null ? "" : signed(error),
      ...changes.map((v) => (sample === -2 ? "" : signed(v))), ...weights.map((v) => minus(number(v))),
      `${number(right, 0)}/${number(value.points.length, 0)}`, number(loss),
    ];
  }
}

const minus = (text) => text.replace(/^-/, "−");
const signed = (value) => (value > 0 ? `+${number(value)}` : minus(number(value)));
