/* Horizontal bars, one row a label and one bar a series: the probabilities of ten digits. */

import { canvasOf, frameOf, keyed, node, number, percent, start, words } from "./common.js";

/* One decimal, so that numbers line up; near certainty and near nothing need more words. */
function share(v) {
  if (v > 0 && v < 0.0005) return `<${percent(0.001, 1, 1)}`;
  return v > 0.9985 && v < 1 ? percent(Math.min(v, 0.9999), 2, 2) : percent(v, 1, 1);
}

export function mount(host) {
  const say = words(host.props);
  const root = canvasOf(host);
  const legend = node("div", { class: "legend" });
  const rows = node("div", { class: "rows", role: "list" });
  const hint = node("div", { class: "hint" });
  root.append(legend, rows, hint);

  start(host, () => {
    const value = { ...(host.props.value || {}), ...(frameOf(host.props) ?? {}) };
    const labels = value.labels ?? host.props.labels ?? [];
    const series = value.series ?? [];
    const counts = value.unit === "count";
    const values = series.flatMap((one) => one.values);
    const full = value.max ?? (counts ? Math.max(1, ...values) : 1);
    const write = (v) => (counts || value.unit === "number" ? number(v) : share(v));
    const named = series.length > 1;
    legend.hidden = !named;
    keyed(legend, named ? series : [], (_, index) => index,
      () => node("span", { class: "key" }, node("i"), node("span")),
      (item, one, index) => {
        item.style.setProperty("--colour", `var(--dl-series-${index + 1})`);
        item.lastChild.textContent = say(one.name);
      });
    const winners = series.map((one) => one.values.indexOf(Math.max(...one.values)));
    keyed(rows, labels, (label, index) => `${index}`, () => node(
      "div", { class: "row", role: "listitem" }, node("span", { class: "label" }),
      node("div", { class: "tracks" }), node("div", { class: "values" }),
    ), (row, label, index) => {
      const [name, tracks, numbers] = row.children;
      name.textContent = value.plain ? label : String(label).split(" · ").map((part) => say(part)).join(" · ");
      name.title = name.textContent;
      row.classList.toggle("best", winners.includes(index));
      keyed(tracks, series.length ? series : [{ name: "", values: [] }], (_, i) => i,
        () => node("div", { class: "track" }, node("i")),
        (track, one, i) => {
          const share = Math.max(0, Math.min(1, (one.values[index] ?? 0) / full));
          track.style.setProperty("--colour", `var(--dl-series-${i + 1})`);
          track.firstChild.style.transform = `scaleX(${share})`;
          track.classList.toggle("best", winners[i] === index);
        });
      keyed(numbers, series, (_, i) => i, () => node("span"), (item, one, i) => {
        item.textContent = one.values[index] === undefined ? "" : write(one.values[index]);
        item.classList.toggle("best", winners[i] === index);
      });
    });
    const empty = host.props.empty ?? "empty";
    hint.textContent = series.length ? "" : say(empty);
  });
}
