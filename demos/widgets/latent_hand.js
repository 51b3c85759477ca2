/* A hand on the latent plane: pointing by hover, drag, finger and keys; drawing a path. */

const PATIENCE_MS = 1500; // a question that was not answered by then is forgotten
const GRIP = 16; // so near the end of a path it can be taken
const STILL_PX = 4; // a press that moved less is a click
const STEPS = { coarse: 25, fine: 125 }; // key presses from the middle to the edge

export function handOf(view) {
  const { host, stage } = view;
  let held = null; // { kind: "point" | "path", end, x, y, moved } while a pointer is down
  let asked = null; // the last place that Python was asked about
  let drawn = null; // a path that Python has not been told of
  let waiting = null; // timer, while an answer is on its way
  let seen = ""; // what Python last laid on the plane

  /* ---- questions: one at a time, of places the newest ---- */

  const same = (a, b) => a?.x === b?.x && a?.y === b?.y;

  function ask() {
    if (waiting !== null || (!drawn && (!view.pointer || same(view.pointer, asked)))) return;
    waiting = setTimeout(answered, PATIENCE_MS);
    if (drawn) {
      const [from, to] = drawn;
      drawn = null;
      host.trigger("path", { from, to });
    } else {
      asked = view.pointer;
      host.trigger("point", { ...asked });
    }
  }

  function answered() {
    clearTimeout(waiting);
    waiting = null;
    ask();
  }

  function receive(value) {
    const news = JSON.stringify([value.pointer, value.path, value.picture?.data]);
    if (news === seen) return;
    seen = news;
    if (value.path !== undefined && !drawn && held?.kind !== "path") view.path = value.path;
    const mine = waiting !== null || held?.kind === "point";
    if (value.pointer !== undefined && !mine) view.pointer = asked = value.pointer;
    if (waiting !== null) answered();
  }

  /* ---- places ---- */

  const round = (v) => {
    const { span } = view.geometry;
    return Math.round(Math.max(-span, Math.min(span, v)) * 1000) / 1000;
  };

  function at(event) {
    const box = stage.getBoundingClientRect();
    const [x, y] = view.geometry.place(event.clientX - box.left, event.clientY - box.top);
    return { x: round(x), y: round(y) };
  }

  function point(place) {
    view.pointer = place;
    view.overlay.draw();
    if (view.asks) ask();
  }

  function drag(end, place) {
    view.path = view.path.map((old, i) => (i === end ? [place.x, place.y] : old));
    view.overlay.draw();
  }

  function sendPath() {
    const [from, to] = view.path;
    const far = Math.hypot(to[0] - from[0], to[1] - from[1]) > 0.02 * view.geometry.span;
    if (far) drawn = view.path;
    else view.path = view.value.path ?? null;
    ask();
    view.redraw();
  }

  const endNear = (event) => {
    const box = stage.getBoundingClientRect();
    const g = view.geometry;
    return (view.path ?? []).findLastIndex(([x, y]) =>
      Math.hypot(g.x(x) - event.clientX + box.left, g.y(y) - event.clientY + box.top) < GRIP);
  };

  /* ---- pointer ---- */

  const follow = (event) => {
    view.touched = event.pointerType === "touch";
    if (!view.pinned) point(at(event));
  };

  if (view.compact) {
    stage.addEventListener("pointermove", follow);
    stage.addEventListener("pointerdown", follow);
    stage.addEventListener("pointerleave", () => point(null));
    return { receive };
  }

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    view.touched = event.pointerType === "touch";
    stage.setPointerCapture(event.pointerId);
    const place = at(event);
    const end = endNear(event);
    held = { kind: "point", x: event.clientX, y: event.clientY, moved: false };
    if (view.drafting || (view.asks && event.shiftKey)) {
      Object.assign(held, { kind: "path", end: 1 });
      view.path = [[place.x, place.y], [place.x, place.y]];
      view.overlay.draw();
    } else if (end >= 0) Object.assign(held, { kind: "path", end });
    else if (!view.pinned) point(place);
  });

  stage.addEventListener("pointermove", (event) => {
    if (!held) {
      if (event.pointerType !== "touch" && !view.drafting) follow(event);
      stage.classList.toggle("grip", endNear(event) >= 0);
      return;
    }
    held.moved ||= Math.hypot(event.clientX - held.x, event.clientY - held.y) > STILL_PX;
    if (!held.moved) return;
    if (held.kind === "path") drag(held.end, at(event));
    else point(at(event));
  });

  const release = (event) => {
    if (!held) return;
    const { kind, moved } = held;
    held = null;
    if (kind === "path") {
      view.drafting = false;
      sendPath();
    } else if (!moved && event.pointerType !== "touch" && event.type === "pointerup") {
      view.pinned = !view.pinned;
      if (!view.pinned) point(at(event));
      view.overlay.draw();
    }
  };
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);

  /* ---- keys ---- */

  let from = null; // where a path drawn with keys begins

  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = view.geometry.span / STEPS[event.shiftKey ? "fine" : "coarse"];
    const [dx, dy] = {
      ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step],
    }[event.key] ?? [0, 0];
    const { x, y } = view.pointer ?? { x: 0, y: 0 };
    if (dx || dy) walk({ x: round(x + dx), y: round(y + dy) });
    else if (event.key === "Home") walk({ x: 0, y: 0 });
    else if (event.key === "Enter" && view.drafting) mark({ x, y });
    else if (event.key === "p" && view.asks) draft();
    else if (event.key === "Escape" && (view.drafting || view.pinned)) rest();
    else return;
    event.preventDefault();
  });

  function walk(place) {
    view.touched = false;
    if (from) view.path = [from, [place.x, place.y]];
    point(place);
  }

  function mark({ x, y }) {
    if (!from) {
      from = [x, y];
      view.path = [from, from];
      view.overlay.draw();
      return;
    }
    view.drafting = false;
    from = null;
    sendPath();
  }

  function draft() {
    if (view.drafting) return rest();
    view.drafting = true;
    view.redraw();
  }

  function rest() {
    Object.assign(view, { drafting: false, pinned: false });
    if (from) view.path = view.value.path ?? null;
    from = null;
    view.redraw();
  }

  return { receive, draft };
}
