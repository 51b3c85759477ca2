/* Short remarks, one a line: words from the locale with the numbers of this run or table. */

import { canvasOf, frameOf, language, node, number, percent, start, words } from "./common.js";
import { phrase } from "./doubt.js";

const MARKS = { info: "i", good: "✓", warning: "!" };

export function mount(host) {
  const say = words(host.props);
  const root = canvasOf(host);
  const list = node("ul", { "aria-live": "polite" });
  root.append(list);

  start(host, () => {
    const items = (frameOf(host.props) ?? host.props.value)?.items ?? [];
    const lines = items.map(({ key, kind, values }) => node(
      "li", { "data-kind": kind, "data-key": key },
      node("i", { "aria-hidden": true }, MARKS[kind] ?? "i"),
      node("span", {}, phrase(say, key, values, written)),
    ));
    if (!lines.length && host.props.empty) {
      lines.push(node("li", { class: "empty" }, say(host.props.empty)));
    }
    list.replaceChildren(...lines);
    list.hidden = !lines.length;
  });
}

function written(values = {}) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, write(value)]));
}

function write(value) {
  if (typeof value === "number") return number(value);
  if (value !== null && typeof value === "object" && "percent" in value) return percent(value.percent);
  if (value !== null && typeof value === "object" && "count" in value) return value.count.toLocaleString(language());
  return String(value ?? "–");
}
