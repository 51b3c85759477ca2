/* A list of sentences, each a button. See sentences.py. */

import { canvasOf, frameOf, keyed, node, percent, start, words } from "./common.js";

export function mount(host) {
  const say = words(host.props);
  const list = node("ol", {});
  const hint = node("div", { class: "hint" });
  canvasOf(host).append(list, hint);

  start(host, () => {
    const value = { ...(host.props.value || {}), ...(frameOf(host.props) ?? {}) };
    const items = value.items ?? [];
    hint.textContent = items.length ? "" : say(value.frames?.length || value.step ? "none" : host.props.empty ?? "empty");
    keyed(list, items, (_, i) => i, () => {
      const button = node("button", { type: "button", onclick: () => host.trigger("pick", { text: button.dlText }) },
        node("bdi", {}), node("span", { class: "label" }), node("span", { class: "p" }));
      return node("li", {}, button);
    }, (row, item) => {
      const button = row.firstChild;
      const [text, label, p] = button.children;
      button.dlText = item.text;
      text.textContent = item.text;
      label.textContent = item.label ? say(item.label) : "";
      label.className = `label ${item.label}`;
      p.textContent = Number.isFinite(item.p) ? say("said", { p: percent(item.p, 0) }) : "";
    });
  });
}
