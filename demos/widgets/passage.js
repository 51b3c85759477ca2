/* What a model writes while it learns. See passage.py. */

import { canvasOf, frameOf, node, number, start, words } from "./common.js";

export function mount(host) {
  const say = words(host.props);
  const when = node("div", { class: "when" });
  const text = node("div", { class: "text", dir: "auto" });
  const sums = node("ol", { class: "sums" });
  const hint = node("div", { class: "hint" });
  canvasOf(host).append(when, text, sums, hint);

  start(host, () => {
    const frame = frameOf(host.props) ?? host.props.value ?? {};
    const rows = frame.sums ?? [];
    const empty = !frame.text && !rows.length;
    hint.textContent = empty ? say(host.props.empty ?? "empty") : "";
    when.textContent = !empty && frame.step ? say("when", { step: number(frame.step) }) : "";
    text.textContent = frame.text ?? "";
    text.hidden = !frame.text;
    sums.hidden = !rows.length;
    sums.replaceChildren(...rows.map(([question, answer, right]) => {
      const correct = answer === right;
      return node("li", { class: correct ? "right" : "wrong" },
        node("span", {}, question), node("b", {}, answer),
        node("i", {}, correct ? say("right") : say("wrong", { right })));
    }));
  });
}
