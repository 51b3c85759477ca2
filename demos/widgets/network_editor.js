/* A weight or a neuron's bias and incoming weights, as numbers that can be changed. */

import { keyed, language, node, number } from "./common.js";

const LIMIT = 100;
const STEP = 0.1;
const PATIENCE_MS = 5000;

export function editor(view) {
  const title = node("h4");
  const shut = node("button", { type: "button", class: "shut", onclick: () => close(true) }, "×");
  const rows = node("div", { class: "rows" });
  const note = node("p", { class: "hint" });
  const element = node("div", { class: "editor", role: "dialog", tabindex: -1, hidden: true },
    node("div", { class: "bar" }, title, shut), rows, note);
  let target = null; // { column, unit, source? }: a wire, or a neuron with all that comes into it
  let back = null; // what had the focus before
  document.addEventListener("pointerdown", (event) => {
    if (target && !element.contains(event.target) && !view.root.contains(event.target)) close(false);
  });

  function open(what, [left, top], pointer) {
    if (!view.decoded) return;
    target = what;
    back = element.contains(document.activeElement) ? back : document.activeElement;
    element.hidden = false;
    delete rows.dlKept;
    rows.replaceChildren();
    draw();
    const box = view.root.getBoundingClientRect();
    const [width, height] = [element.offsetWidth, element.offsetHeight];
    element.style.left = `${Math.max(0, Math.min(box.width - width, left - box.left + 14))}px`;
    element.style.top = `${Math.max(0, Math.min(Math.max(box.height - height, 0), top - box.top - 24))}px`;
    const input = element.querySelector("input");
    (pointer === "touch" ? element : input).focus({ preventScroll: true }); // a finger wants no keyboard yet
    if (pointer !== "touch") input.select();
    view.redraw();
  }

  function close(restore) {
    target = null;
    element.hidden = true;
    if (restore && back?.isConnected) back.focus({ preventScroll: true });
    view.redraw();
  }

  const current = ({ column, unit, source }) => {
    const { weights, biases } = view.decoded;
    const weight = weights[column - 1];
    return source === null ? biases[column - 1].data[unit] : weight.data[unit * weight.shape[1] + source];
  };

  function send(item, value) {
    if (!Number.isFinite(value) || Math.abs(value) > LIMIT) return false;
    const rounded = Math.round(value * 1e6) / 1e6;
    view.host.trigger("edit", { layer: item.column - 1, unit: item.unit, source: item.source, value: rounded });
    return true;
  }

  /* One number: its name, − and +, and a field that takes 0,5 as well as 0.5. */
  function make(item) {
    const input = node("input", { type: "text", inputmode: "decimal", autocomplete: "off" });
    const now = () => item.dirty ?? current(item); // dirty: sent, and not yet answered
    const set = (value) => {
      const fine = send(item, value);
      if (!fine) return false;
      item.dirty = value;
      clearTimeout(item.timer);
      item.timer = setTimeout(() => { // no answer: what the network has is what counts
        delete item.dirty;
        view.redraw();
      }, PATIENCE_MS);
      return true;
    };
    const change = (to) => set(to(now())) && (input.value = written(now()));
    const button = (name, sign, to) => node("button", { type: "button", class: name, onclick: () => change(to) }, sign);
    const apply = () => {
      if (input.value === written(now())) return; // Enter came before
      input.setAttribute("aria-invalid", String(!set(read(input.value))));
    };
    input.addEventListener("keydown", (event) => {
      const by = { ArrowUp: STEP, ArrowDown: -STEP }[event.key];
      if (event.key === "Enter") apply();
      if (by === undefined) return;
      event.preventDefault();
      change((value) => value + by);
    });
    input.addEventListener("change", apply);
    input.addEventListener("input", () => input.removeAttribute("aria-invalid"));
    const row = node("div", { class: "row" }, node("i"), node("label", {}, node("span", { class: "what" }), input),
      button("less", "−", (v) => v - STEP), button("more", "+", (v) => v + STEP), button("none", "0", () => 0));
    Object.assign(row, { dl: { item, input } });
    return row;
  }

  function draw() {
    if (!target) return;
    const { decoded, say } = view;
    const { column, unit, source } = target;
    const weight = decoded?.weights[column - 1];
    if (!weight || unit >= weight.shape[0] || (source ?? 0) >= weight.shape[1]) {
      close(false);
      return;
    }
    const single = source !== undefined;
    const items = single ? [{ column, unit, source }]
      : [null, ...Array.from({ length: weight.shape[1] }, (_, i) => i)].map((s) => ({ column, unit, source: s }));
    title.textContent = single ? say("weight", { from: view.nameOf(column - 1, source), to: view.nameOf(column, unit) })
      : view.nameOf(column, unit);
    element.setAttribute("aria-label", title.textContent);
    shut.setAttribute("aria-label", say("close"));
    const locked = !view.host.props.value.editable || !view.newest;
    note.textContent = locked ? say(view.newest ? "locked" : "past") : say("hint_edit");
    keyed(rows, items, (item) => `${item.column} ${item.unit} ${item.source}`, make, (row, item) => {
      const { input } = row.dl;
      const value = current(item);
      const kept = row.dl.item;
      if (kept.dirty !== undefined && Math.abs(kept.dirty - value) < 1e-4) delete kept.dirty;
      if (document.activeElement !== input && kept.dirty === undefined) input.value = written(value);
      if (input.value === "") input.value = written(value);
      row.firstChild.className = value < 0 ? "negative" : "positive";
      row.querySelector(".what").textContent = item.source === null ? say("bias")
        : single ? say("weight_short") : view.nameOf(column - 1, item.source, true);
      for (const control of row.querySelectorAll("input, button")) control.disabled = locked;
      row.querySelector(".less").setAttribute("aria-label", say("lower"));
      row.querySelector(".more").setAttribute("aria-label", say("higher"));
      row.querySelector(".none").setAttribute("aria-label", say("zero"));
    });
  }

  return { element, open, close, draw, target: () => target };
}

const read = (text) => (text.trim() === "" ? NaN : Number(text.trim().replace(",", ".").replace("−", "-")));

function written(value) {
  if (!Number.isFinite(value)) return number(value);
  const text = String(Number(value.toFixed(4)));
  return language() === "vi" ? text.replace(".", ",") : text;
}
