/* More and fewer units, more and fewer layers: small buttons above the columns. */

import { keyed, node } from "./common.js";

const MOST_LAYERS = 6;
const MOST_UNITS = 64;
const PATIENCE_MS = 2500; // what was asked for is shown so long before the answer must have come

export function shapeButtons(view) {
  const element = node("div", { class: "heads" });
  let pending = null; // layers asked for and not yet answered
  let timer = 0;

  function ask(hidden) {
    pending = hidden;
    clearTimeout(timer);
    timer = setTimeout(() => {
      pending = null;
      view.redraw();
    }, PATIENCE_MS);
    view.host.trigger("shape", { hidden });
    view.redraw();
  }

  const now = () => pending ?? view.host.props.value.layers;
  const resize = (layer, by) => ask(now().map((units, i) =>
    (i === layer ? Math.max(1, Math.min(MOST_UNITS, units + by)) : units)));
  const remove = (layer) => ask(now().filter((_, i) => i !== layer));
  const insert = (at) => {
    const hidden = now();
    const units = hidden[at - 1] ?? hidden[at] ?? 4; // as many as the layer before has
    ask([...hidden.slice(0, at), Math.min(units, MOST_UNITS), ...hidden.slice(at)]);
  };

  const press = (name, sign, act) => node("button", { type: "button", class: name, onclick: act }, sign);

  function column(item) {
    const layer = item.column - 1;
    if (item.kind === "insert") return press("insert", "+", () => insert(item.column));
    const name = node("span", { class: "name" });
    if (item.kind !== "hidden") return node("div", { class: "head" }, name);
    return node("div", { class: "head", role: "group" },
      node("div", { class: "top" }, name, press("remove", "×", () => remove(layer))),
      node("div", { class: "units" }, press("less", "−", (event) => resize(layer, event.shiftKey ? -4 : -1)),
        node("output"), press("more", "+", (event) => resize(layer, event.shiftKey ? 4 : 1))));
  }

  function place(head, item, layout, hidden, editable) {
    const { say } = view;
    const { columns, full } = layout;
    const at = item.kind === "insert"
      ? (columns[item.column].x + columns[item.column + 1].x) / 2 : columns[item.column].x;
    head.style.left = `${Math.max(0, Math.min(full, at))}px`;
    const name = view.columnName(item.column);
    if (item.kind === "insert") {
      label(head, say("insert", { n: item.column + 1 }));
      head.hidden = hidden.length >= MOST_LAYERS;
      return;
    }
    const pitch = columns.length > 1 ? columns[1].x - columns[0].x : full;
    head.classList.toggle("narrow", pitch < 112);
    const low = pitch < 80 && item.kind !== "hidden"; // below the round buttons
    head.classList.toggle("low", low);
    head.classList.toggle("end", low && item.kind === "outputs");
    if (low && item.kind === "outputs") head.style.left = `${full}px`;
    head.querySelector(".name").textContent = name;
    if (item.kind !== "hidden") return;
    const units = hidden[item.column - 1];
    head.setAttribute("aria-label", name);
    for (const button of head.querySelectorAll("button")) button.hidden = !editable;
    label(head.querySelector(".remove"), say("remove", { layer: name }));
    label(head.querySelector(".less"), say("less", { layer: name }));
    label(head.querySelector(".more"), say("more", { layer: name }));
    head.querySelector(".less").disabled = units <= 1;
    head.querySelector(".more").disabled = units >= MOST_UNITS;
    head.querySelector("output").textContent = units;
  }

  return {
    element,
    now,
    receive(value) {
      if (JSON.stringify(pending) === JSON.stringify(value?.layers)) pending = null;
    },
    draw(layout, editable) {
      const hidden = now();
      const last = layout.columns.length - 1;
      const items = layout.columns.flatMap((_, i) => [
        { kind: i === 0 ? "inputs" : i === last ? "outputs" : "hidden", column: i },
        ...(editable && i < last ? [{ kind: "insert", column: i }] : []),
      ]);
      const key = (item) => (item.kind === "outputs" ? "outputs" : `${item.kind}${item.column}`);
      keyed(element, items, key, column, (head, item) => place(head, item, layout, hidden, editable));
      element.style.width = `${layout.full}px`;
      element.style.height = `${layout.head}px`;
    },
  };
}

function label(button, text) {
  button.setAttribute("aria-label", text);
  button.title = text;
}
