/* Columns of pictures, one a moment. The pictures are grey; CSS turns them to the theme's paper. */

import { canvasOf, keyed, node, number, position, scrub, start, words } from "./common.js";

const WIDTH = 26; // CSS pixels of a column
const MOST = 480; // moments that are kept

export function mount(host) {
  const say = words(host.props);
  const strip = node("div", { class: "strip", role: "img", onclick: (event) => {
    const column = event.target.closest("[data-step]");
    if (column) go(Number(column.dataset.step));
  } });
  const hint = node("div", { class: "hint" });
  canvasOf(host).append(strip, hint);
  let kept = { run: undefined, frames: [] };

  start(host, render, () => {
    const { run, frames } = host.props.value || {};
    kept = { run, frames: joined(run === kept.run ? kept.frames : [], frames ?? []) };
  });

  function go(step) {
    scrub(host.props.group, step === kept.frames.at(-1)?.step ? null : step);
  }

  function render() {
    const { frames } = kept;
    const at = moment(frames, position(host.props.group));
    const shown = spread(frames, Math.max(2, Math.floor(host.element.clientWidth / WIDTH)), at);
    hint.textContent = frames.length > 1 ? "" : say(host.props.empty ?? "empty");
    strip.hidden = frames.length < 2;
    strip.setAttribute("aria-label", say("label", { count: frames.length }));
    keyed(strip, shown, (frame) => frame.step, column, (element, frame, index) => {
      element.classList.toggle("at", frame === at);
      element.lastChild.textContent = index % 4 === 0 ? number(frame.step) : "";
    });
  }
}

function column(frame) {
  return node("div", { class: "column", "data-step": frame.step, title: number(frame.step) },
    node("img", { src: frame.column, alt: "", draggable: "false" }), node("span", {}));
}

/* What is known and what came, by step; too many are thinned, the newest stay. */
function joined(known, sent) {
  const news = sent.toSorted((a, b) => a.step - b.step);
  const first = news[0]?.step ?? Infinity;
  const all = [...known.filter((frame) => frame.step < first), ...news];
  return all.length > MOST ? all.filter((_, i) => i % 2 === 0 || i > MOST - 32) : all;
}

function moment(frames, step) {
  if (step === null) return frames.at(-1);
  return frames.findLast((frame) => frame.step <= step) ?? frames[0];
}

/* `count` of the frames, evenly; the one that is looked at takes its neighbour's place. */
function spread(frames, count, at) {
  if (frames.length <= count) return frames;
  const chosen = new Set();
  const place = frames.indexOf(at);
  const pace = (frames.length - 1) / (count - 1);
  for (let i = 0; i < count; i += 1) {
    const near = Math.round(i * pace);
    chosen.add(Math.abs(near - place) <= pace / 2 ? place : near);
  }
  return frames.filter((_, i) => chosen.has(i));
}
