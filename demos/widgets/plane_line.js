/* The line of a neuron under a hand: two handles turn it, the line between them moves it. */

import { svg } from "./common.js";
import { ends, spots } from "./plane_geometry.js";

const SEND_EVERY_MS = 120;
const KEY_STEP = 0.05;

export function lineEditor(view) {
  const { host, say, layers, picture } = view;
  let held = null; // { part: "p" | "q" | "both", from } while a pointer drags
  let draft = null; // { p, q }: where the hand put the line; Python has not answered yet
  let place = null; // { p, q } of the line that is shown
  let sentAt = 0;
  let timer = null;

  const grip = svg("path", { class: "grip" });
  const handles = Object.fromEntries(["p", "q"].map((part) => [
    part, svg("circle", { class: "handle", r: 9, tabindex: 0, role: "button" }),
  ]));
  layers.handles.append(grip, handles.p, handles.q);
  for (const [part, element] of [["both", grip], ["p", handles.p], ["q", handles.q]]) {
    element.addEventListener("pointerdown", (event) => grab(event, part, element));
    element.addEventListener("pointermove", drag);
    element.addEventListener("pointerup", release);
    element.addEventListener("pointercancel", release);
    element.addEventListener("keydown", (event) => key(event, part));
  }

  function at(event) {
    const box = picture.getBoundingClientRect();
    return view.geometry.place(event.clientX - box.left, event.clientY - box.top);
  }

  function grab(event, part, element) {
    if (event.button !== 0 || !place) return;
    event.preventDefault();
    event.stopPropagation();
    element.focus?.();
    element.setPointerCapture(event.pointerId);
    held = { part, from: at(event), start: { p: [...place.p], q: [...place.q] } };
  }

  function drag(event) {
    if (!held) return;
    const [x, y] = at(event);
    move(held.part, held.start, x - held.from[0], y - held.from[1]);
  }

  function move(part, start, dx, dy) {
    const shifted = (name) => (part === name || part === "both"
      ? [start[name][0] + dx, start[name][1] + dy] : [...start[name]]);
    const next = { p: shifted("p"), q: shifted("q") };
    if (Math.hypot(next.q[0] - next.p[0], next.q[1] - next.p[1]) < 0.15) return;
    draft = next;
    view.redraw();
    timer ??= setTimeout(send, Math.max(0, sentAt + SEND_EVERY_MS - performance.now()));
  }

  function send() {
    clearTimeout(timer);
    timer = null;
    sentAt = performance.now();
    if (draft) view.questions.ask("line", { p: draft.p, q: draft.q });
  }

  function release() {
    if (!held) return;
    held = null;
    if (draft) send();
  }

  function key(event, part) {
    const size = event.shiftKey ? KEY_STEP * 4 : KEY_STEP;
    const [dx, dy] = { ArrowLeft: [-size, 0], ArrowRight: [size, 0], ArrowUp: [0, size], ArrowDown: [0, -size] }[event.key] ?? [];
    if (dx === undefined || !place) return;
    event.preventDefault();
    move(part, draft ?? place, dx, dy);
  }

  return {
    /* w1, w2, b through the draft's two places, for drawing only: Python computes the weights. */
    draft() {
      if (!draft) return null;
      const [dx, dy] = [draft.q[0] - draft.p[0], draft.q[1] - draft.p[1]];
      return { w1: -dy, w2: dx, b: dy * draft.p[0] - dx * draft.p[1] };
    },
    receive() {
      if (!held && !timer) draft = null;
    },
    draw(value, frame) {
      const g = view.geometry;
      const shown = value.editable && value.ramp?.length && frame.last && frame.lines.length === 1;
      const end = shown ? ends(frame.lines[0], g) : null;
      layers.handles.style.display = end ? "" : "none";
      if (!end) return;
      place = draft ?? spots(end, g);
      for (const part of ["p", "q"]) {
        handles[part].setAttribute("cx", g.x(place[part][0]));
        handles[part].setAttribute("cy", g.y(place[part][1]));
        handles[part].setAttribute("aria-label", say("handle"));
      }
      grip.setAttribute("d", `M${g.x(place.p[0])} ${g.y(place.p[1])}L${g.x(place.q[0])} ${g.y(place.q[1])}`);
    },
  };
}
