/* Photographs in a row that wraps, each with words under it; to look at, or to choose from. */

import {
  canvasOf, frameOf, keyed, language, node, number, percent, start, walk, words,
} from "./common.js";

export function mount(host) {
  const say = words(host.props);
  const pick = Boolean(host.props.pick);
  const row = node("div", { class: "row", role: pick ? "group" : "list" });
  const hint = node("div", { class: "hint" });
  canvasOf(host).append(row, hint);
  const state = { focus: 0, ids: [] };
  if (pick) listen(host, row, state);

  start(host, () => {
    const { pictures = [], picked } = { ...(host.props.value || {}), ...(frameOf(host.props) ?? {}) };
    state.ids = pictures.map((picture) => picture.id ?? null);
    state.focus = Math.min(state.focus, Math.max(0, pictures.length - 1));
    hint.textContent = pictures.length ? "" : say(host.props.empty ?? "empty");
    row.hidden = !pictures.length;
    row.style.setProperty("--side", `${host.props.side ?? 160}px`);
    row.classList.toggle("crisp", Boolean(host.props.crisp));
    row.setAttribute("aria-label", say("pictures", { count: pictures.length }));
    keyed(row, pictures, (_, i) => i, () => make(pick), (cell, picture, i) => {
      const [image, caption] = cell.children;
      const text = say(picture.key ?? "", spoken(picture.values));
      if (image.getAttribute("src") !== picture.src) image.src = picture.src;
      image.alt = text;
      caption.textContent = text;
      caption.hidden = !text;
      cell.className = `cell ${picture.mark ?? ""}`;
      if (!pick) return;
      cell.tabIndex = i === state.focus ? 0 : -1;
      cell.setAttribute("aria-pressed", String(picked !== undefined && picture.id === picked));
    });
  });
}

function make(pick) {
  const parts = [node("img", { alt: "", draggable: "false" }), node("span", { "aria-hidden": "true" })];
  return pick ? node("button", { type: "button" }, parts) : node("div", { role: "listitem" }, parts);
}

/* Values as the reader writes them. */
export function spoken(values = {}) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, written(value)]));
}

function written(value) {
  if (typeof value === "number") return number(value);
  if (value !== null && typeof value === "object") {
    if ("percent" in value) return percent(value.percent);
    return value[language()] ?? "";
  }
  return String(value ?? "–");
}

function listen(host, row, state) {
  const move = (index) => {
    [...row.children].forEach((cell, i) => { cell.tabIndex = i === index ? 0 : -1; });
    state.focus = index;
  };
  row.addEventListener("click", (event) => {
    const index = [...row.children].indexOf(event.target.closest(".cell"));
    if (index < 0) return;
    move(index);
    host.trigger("pick", { id: state.ids[index] });
  });
  row.addEventListener("keydown", (event) => {
    const tops = [...row.children].map((cell) => cell.offsetTop);
    const columns = tops.findIndex((top) => top > tops[0]);
    const to = walk(event.key, state.focus, tops.length, columns < 0 ? tops.length : columns);
    if (to === null) return;
    event.preventDefault();
    move(to);
    row.children[to].focus();
  });
}
