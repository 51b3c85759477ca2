/* The likeliest names for a picture, in both languages, one row a name. See classes.py. */

import {
  canvasOf, frameOf, keyed, language, node, percent, start, walk, words,
} from "./common.js";
import { named } from "./doubt.js";

/* One decimal, so that numbers line up; near certainty and near nothing need more words. */
function share(p) {
  if (p > 0 && p < 0.0005) return `<${percent(0.001, 1, 1)}`;
  return p > 0.9985 && p < 1 ? percent(Math.min(p, 0.9999), 2, 2) : percent(p, 1, 1);
}

export function mount(host) {
  const say = words(host.props);
  const pick = Boolean(host.props.pick);
  const legend = node("div", { class: "legend" });
  const rows = node("div", { class: "rows", role: pick ? "group" : "list" });
  const hint = node("div", { class: "hint" });
  canvasOf(host).append(legend, rows, hint);
  const state = { focus: 0, ids: [] };
  if (pick) listen(host, rows, state);

  start(host, () => {
    const { items = [], series = [], picked } = { ...(host.props.value || {}), ...(frameOf(host.props) ?? {}) };
    const other = language() === "vi" ? "en" : "vi";
    state.ids = items.map((item) => item.id);
    state.focus = Math.min(state.focus, Math.max(0, items.length - 1));
    hint.textContent = items.length ? say(pick ? "pick" : "") : say(host.props.empty ?? "empty");
    const several = series.length > 1;
    legend.hidden = !several;
    keyed(legend, several ? series : [], (name) => name, () => node("span", { class: "key" }, node("i"), node("span")),
      (key, name, i) => {
        key.style.setProperty("--colour", `var(--dl-series-${i + 1})`);
        key.lastChild.textContent = say(name);
      });
    keyed(rows, items, (item, i) => i, () => make(pick), (row, item, i) => {
      const [names, tracks, numbers] = row.children;
      const [own, foreign] = names.children;
      own.replaceChildren(...named(item, { inside: pick }));
      foreign.replaceChildren(...named(item, { lang: other, inside: pick }));
      foreign.lang = other;
      bars(tracks, numbers, item.values);
      row.classList.toggle("first", i === 0);
      row.dataset.id = item.id;
      if (!pick) return;
      row.tabIndex = i === state.focus ? 0 : -1;
      row.setAttribute("aria-pressed", String(item.id === picked));
    });
  });
}

function make(pick) {
  const parts = [
    node("span", { class: "names" }, node("b"), node("small")),
    node("span", { class: "tracks" }), node("span", { class: "values" }),
  ];
  return pick ? node("button", { type: "button", class: "row" }, parts)
    : node("div", { class: "row", role: "listitem" }, parts);
}

function bars(tracks, numbers, values) {
  keyed(tracks, values, (_, i) => i, () => node("span", { class: "track" }, node("i")), (track, p, i) => {
    track.style.setProperty("--colour", `var(--dl-series-${i + 1})`);
    track.firstChild.style.transform = `scaleX(${Math.max(0, Math.min(1, p))})`;
  });
  keyed(numbers, values, (_, i) => i, () => node("span"), (item, p) => { item.textContent = share(p); });
}

function listen(host, rows, state) {
  rows.addEventListener("click", (event) => {
    const index = [...rows.children].indexOf(event.target.closest(".row"));
    if (index < 0) return;
    state.focus = index;
    host.trigger("pick", { id: state.ids[index] });
  });
  rows.addEventListener("keydown", (event) => {
    const to = walk(event.key, state.focus, rows.children.length, 1);
    if (to === null) return;
    event.preventDefault();
    state.focus = to;
    [...rows.children].forEach((row, i) => { row.tabIndex = i === to ? 0 : -1; });
    rows.children[to].focus();
  });
}
