/* Points on the plane: place, move, relabel, delete, undo; by mouse, finger and keys. */

import { keyed, node, number, svg } from "./common.js";

const MOST = 100;
const REACH = 2;
const MOVED_PX = 4; // less is a click
const KEY_STEP = 0.1;
const round = (v) => Math.max(-REACH, Math.min(REACH, Math.round(v * 100) / 100));

export function pointsEditor(view) {
  const { host, say, layers, picture, tools } = view;
  let points = []; // [x, y, label, id]; the id keeps an element, and its focus, through an edit
  let nextId = 0;
  let past = [];
  let chosen = null; // id
  let hovered = null; // id
  let held = null;
  let label = 1; // of the next point

  const button = (name, act) => node("button", { type: "button", class: name, onclick: act });
  const kinds = [1, 0].map((kind) => button("kind", () => {
    label = kind;
    view.redraw();
  }));
  const actions = {
    add: button("add", addSomewhere),
    relabel: button("relabel", () => relabel(chosen)),
    remove: button("remove", () => remove(chosen)),
    undo: button("undo", undo),
  };
  tools.append(node("span", { class: "kinds", role: "group" }, kinds), ...Object.values(actions));

  const rows = () => points.map(([x, y, kind]) => [x, y, kind]);
  const find = (id) => points.find((point) => point[3] === id);

  function changed(before) {
    past = [...past.slice(-49), before];
    tell();
  }

  function tell() {
    view.questions.ask("points", { points: rows() });
    view.redraw();
  }

  const snapshot = () => points.map((point) => [...point]);

  function undo() {
    if (!past.length) return;
    points = past.pop();
    tell();
  }

  function add(x, y) {
    if (points.length >= MOST) return;
    const before = snapshot();
    points = [...points, [round(x), round(y), label, (nextId += 1)]];
    chosen = nextId;
    changed(before);
  }

  /* For the keyboard: a new point in the middle, chosen, ready to be moved with the arrows. */
  function addSomewhere() {
    const { low, high } = view.geometry;
    let [x, y] = [(low + high) / 2, (low + high) / 2];
    while (points.some((p) => Math.hypot(p[0] - x, p[1] - y) < 0.1)) x += 0.15;
    add(x, y);
    requestAnimationFrame(() => requestAnimationFrame(() => elementOf(chosen)?.focus()));
  }

  const elementOf = (id) => layers.points.dlKept?.get(id);

  function relabel(id) {
    const point = find(id);
    if (!point) return;
    const before = snapshot();
    point[2] = 1 - point[2];
    changed(before);
  }

  function remove(id) {
    if (!find(id) || points.length === 1) return;
    const before = snapshot();
    points = points.filter((point) => point[3] !== id);
    chosen = null;
    changed(before);
  }

  function nudge(id, dx, dy) {
    const before = snapshot();
    const point = find(id);
    [point[0], point[1]] = [round(point[0] + dx), round(point[1] + dy)];
    changed(before);
  }

  /* ---- pointer and keys ---- */

  const editable = () => Boolean(host.props.value?.editable);

  function at(event) {
    const box = picture.getBoundingClientRect();
    return view.geometry.place(event.clientX - box.left, event.clientY - box.top);
  }

  picture.addEventListener("click", (event) => {
    const g = view.geometry;
    if (!editable() || event.target.closest(".points, .handles")) return;
    const [x, y] = at(event);
    if (x >= g.low && x <= g.high && y >= g.low && y <= g.high) add(x, y);
  });

  function make([, , , id]) {
    const element = svg("g", { class: "point", tabindex: 0, role: "button" },
      svg("circle", { class: "halo", r: 19 }), svg("path", { class: "mark" }),
      svg("text", { "text-anchor": "middle", dy: 4.5 }));
    element.addEventListener("pointerdown", (event) => {
      if (!editable() || event.button !== 0) return;
      event.preventDefault();
      element.focus();
      element.setPointerCapture(event.pointerId);
      chosen = id;
      held = { id, before: snapshot(), x: event.clientX, y: event.clientY, moved: false };
      view.redraw();
    });
    element.addEventListener("pointermove", (event) => {
      if (held?.id !== id) return;
      held.moved ||= Math.hypot(event.clientX - held.x, event.clientY - held.y) > MOVED_PX;
      if (!held.moved) return;
      const [x, y] = at(event);
      [find(id)[0], find(id)[1]] = [round(x), round(y)];
      view.redraw();
    });
    const release = () => {
      if (held?.id === id && held.moved) changed(held.before);
      held = null;
    };
    element.addEventListener("pointerup", release);
    element.addEventListener("pointercancel", release);
    element.addEventListener("dblclick", () => editable() && relabel(id));
    element.addEventListener("pointerenter", () => look(id));
    element.addEventListener("pointerleave", () => look(null));
    element.addEventListener("focus", () => {
      chosen = id;
      look(id);
    });
    element.addEventListener("blur", () => look(null));
    element.addEventListener("keydown", (event) => key(event, id));
    return element;
  }

  function look(id) {
    hovered = id;
    view.redraw();
  }

  function key(event, id) {
    if (!editable()) return;
    const size = event.shiftKey ? KEY_STEP / 10 : KEY_STEP;
    const act = {
      ArrowLeft: () => nudge(id, -size, 0), ArrowRight: () => nudge(id, size, 0),
      ArrowUp: () => nudge(id, 0, size), ArrowDown: () => nudge(id, 0, -size),
      Enter: () => relabel(id), " ": () => relabel(id),
      Delete: () => remove(id), Backspace: () => remove(id),
      z: () => (event.ctrlKey || event.metaKey) && undo(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /* ---- drawing ---- */

  function place(element, point, index, value, frame) {
    const g = view.geometry;
    const [x, y, kind, id] = point;
    const output = index < value.points.length ? frame.outputs[index] : undefined;
    const wrong = output !== undefined && (output > 0.5) !== (kind === 1);
    element.setAttribute("transform", `translate(${g.x(x)} ${g.y(y)})`);
    element.setAttribute("class", ["point", kind ? "one" : "zero", wrong && "wrong",
      id === chosen && "chosen", index === frame.sample && "sample"].filter(Boolean).join(" "));
    element.setAttribute("aria-label", describe(point, output));
    const [, mark, text] = element.children;
    mark.setAttribute("d", kind ? "M-11 0A11 11 0 1 1 11 0A11 11 0 1 1 -11 0Z" : "M-10 -10H10V10H-10Z");
    text.textContent = kind;
  }

  function describe([x, y, kind], output) {
    const spot = { x: number(x, 2), y: number(y, 2), label: kind };
    return output === undefined ? say("point", spot) : say("answer", { ...spot, output: number(output, 3) });
  }

  /* New points from Python. */
  function receive(value) {
    const told = JSON.stringify(value.points);
    if (told === JSON.stringify(rows()) || held) return;
    const known = new Map(points.map((point) => [JSON.stringify(point.slice(0, 3)), point[3]]));
    points = value.points.map((row) => [...row, known.get(JSON.stringify(row)) ?? (nextId += 1)]);
    if (!find(chosen)) chosen = null;
    past = [];
    view.redraw();
  }

  return {
    receive,
    draw(value, frame) {
      keyed(layers.points, points, (point) => point[3], make,
        (element, point, index) => place(element, point, index, value, frame));
      kinds.forEach((element, i) => {
        const kind = 1 - i;
        element.textContent = say(kind ? "one" : "zero");
        element.dataset.kind = kind;
        element.setAttribute("aria-pressed", String(label === kind));
      });
      for (const [name, element] of Object.entries(actions)) element.textContent = say(name);
      for (const name of ["relabel", "remove"]) actions[name].disabled = !find(chosen);
      actions.undo.disabled = !past.length;
      tools.setAttribute("aria-label", say("tools"));
    },
    described(frame) {
      const index = points.findIndex((point) => point[3] === hovered);
      return index < 0 ? "" : describe(points[index], frame.outputs[index]);
    },
  };
}
