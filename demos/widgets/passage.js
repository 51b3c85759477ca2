/* What a model writes while it learns. See passage.py. */

import { canvasOf, frameOf, node, number, start, words } from "./common.js";

export function mount(host) {
  const say = words(host.props);
  const when = node("div", { class: "when" });
  const text = node("div", { class: "text", dir: "auto" });
  const sums = node("ol", { class: "sums" });
  const order = node("div", { class: "when" });
  const hint = node("div", { class: "hint" });
  canvasOf(host).append(when, text, order, sums, hint);

  start(host, () => {
    const frame = frameOf(host.props) ?? host.props.value ?? {};
    const rows = frame.sums ?? [];
    const empty = !frame.text && !rows.length;
    hint.textContent = empty ? say(host.props.empty ?? "empty") : "";
    when.textContent = !empty && frame.step ? say("when", { step: number(frame.step) }) : "";
    text.textContent = frame.text ?? "";
    text.hidden = !frame.text;
    sums.hidden = !rows.length;
    order.hidden = !rows.length;
    order.textContent = rows.length ? say(frame.reverse ? "lowest_first" : "highest_first", example(rows[0], frame)) : "";
    sums.replaceChildren(...rows.map((row) => sum(row, frame, say)));
  });
}

/* A sum, its answer in the order in which the digits were written, and whether it is right. */
function sum([question, answer, right], { reverse }, say) {
  const correct = answer === right;
  const wanted = reverse ? `${right} = ${numberOf(right, true)}` : right;
  const verdict = correct ? say("right") : say("wrong", { right: wanted });
  const means = reverse ? `= ${numberOf(answer, true) ?? say("no_number")} · ` : "";
  return node("li", { class: correct ? "right" : "wrong" },
    node("span", {}, question), node("b", {}, answer),
    node("i", {}, `${means}${correct ? "✓" : "✗"} ${verdict}`));
}

/* The number that three digits mean; null for what is none. */
function numberOf(answer, reverse) {
  if (!/^\d+$/.test(answer)) return null;
  return Number(reverse ? [...answer].reverse().join("") : answer);
}

const example = ([, , right], { reverse }) => ({ written: right, number: numberOf(right, reverse) });
