/* Time travel for a group of widgets: a slider over the recorded steps, play, and back to now. */

import { canvasOf, node, number, position, scrub, start, svg, words } from "./common.js";

const FILM_S = 6; // a whole run plays in about this long

export function mount(host) {
  const say = words(host.props);
  const group = host.props.group;
  let playing = null;
  let known = null; // the run whose steps these are; a new one is looked at from its newest step

  const play = node("button", { type: "button", class: "play", onclick: () => (playing ? stop() : run()) },
    icon());
  const range = node("input", { type: "range", min: 0, step: 1, oninput: () => {
    stop();
    go(Number(range.value));
  }, onkeydown: keys });
  const label = node("output", { class: "label" });
  const live = node("button", { type: "button", class: "now", onclick: () => {
    stop();
    scrub(group, null);
  } }, node("i"), node("span"));
  canvasOf(host).append(play, range, label, live);
  const redraw = start(host, render);

  function steps() {
    return host.props.value?.steps ?? [];
  }

  function index() {
    const step = position(group);
    if (step === null) return steps().length - 1;
    return Math.max(0, steps().findLastIndex((s) => s <= step));
  }

  function go(i) {
    const last = steps().length - 1;
    const to = Math.max(0, Math.min(last, i));
    scrub(group, to === last ? null : steps()[to]);
  }

  function run() {
    const all = steps();
    if (all.length < 2) return;
    let at = index() >= all.length - 1 ? 0 : index();
    go(at);
    const pause = host.props.pause ?? Math.min(400, Math.max(40, (FILM_S * 1000) / all.length));
    const skip = Math.max(1, Math.round((40 * all.length) / (FILM_S * 1000)));
    playing = setInterval(() => {
      at += skip;
      if (!host.element.isConnected || at >= steps().length - 1) stop();
      go(at);
    }, pause);
    redraw();
  }

  function stop() {
    if (!playing) return;
    clearInterval(playing);
    playing = null;
    redraw();
  }

  /* The browser's own arrows, Home and End move the slider; space plays, as on any film. */
  function keys(event) {
    if (event.key !== " ") return;
    event.preventDefault();
    play.click();
  }

  function render() {
    const all = steps();
    const run = host.props.value?.run ?? all[0];
    if (run !== known) {
      stop();
      if (position(group) !== null) scrub(group, null);
    }
    known = run;
    const empty = all.length < 2;
    const at = index();
    for (const control of [play, range]) control.disabled = empty;
    range.max = Math.max(1, all.length - 1);
    range.value = empty ? 0 : at;
    const share = empty ? 0 : at / (all.length - 1);
    range.style.setProperty("--share", `${share * 100}%`);
    const step = empty ? "" : say("step", { step: number(all[at], 4), last: number(all.at(-1), 4) });
    label.textContent = empty ? say("empty") : step;
    range.setAttribute("aria-label", say("slider"));
    range.setAttribute("aria-valuetext", label.textContent);
    play.setAttribute("aria-label", say(playing ? "pause" : "play"));
    play.title = say(playing ? "pause" : "play");
    play.classList.toggle("playing", playing !== null);
    live.hidden = empty;
    live.lastChild.textContent = say("now");
    live.setAttribute("aria-pressed", String(position(group) === null));
  }
}

function icon() {
  return svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { class: "to-play", d: "M4 2.5v11l9-5.5z" }),
    svg("path", { class: "to-pause", d: "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z" }));
}
