/* A square to draw in with mouse, finger, stylus or keys. See drawing_pad.py for what is sent. */

import { canvasOf, colours, node, start, svg, words } from "./common.js";
import { SIZE, encode, history, isPicture, layer, paintAll, paintEnd, paintPoint } from "./ink.js";

const WIDTHS = { thin: 12, medium: 22, thick: 34 }; // of 336; medium is about as MNIST's pens
const NARROWEST = 6;
const WIDEST = 48;
const SEND_EVERY_MS = 125; // eight pictures a second while the pen moves
const KEY_STEP = 8;
const ICONS = {
  undo: "M8 5 3 10l5 5M3 10h9a5 5 0 0 1 0 10h-3",
  redo: "M16 5l5 5-5 5M21 10h-9a5 5 0 0 0 0 10h3",
  clear: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
};

export function mount(host) {
  const say = words(host.props);
  const view = build();
  const ink = layer(document.createElement("canvas"), SIZE, false); // what is read and sent
  const past = history();
  let screen = null; // what is seen: as sharp as the display
  let colour = "";
  let width = WIDTHS.medium;
  let stroke = null; // the stroke under the pen
  let pen = null; // the place of the keyboard's pen, once it is used
  let sent = ""; // the picture that Python knows
  let timer = null;
  let lastSent = 0;

  canvasOf(host).replaceChildren(view.root);

  // --- Drawing ---------------------------------------------------------------------------------

  const layers = () => [[ink, "#fff"], [screen, colour]].filter(([context]) => context);

  function begin(point) {
    stroke = past.add({ kind: "stroke", points: [] });
    extend(point);
  }

  function extend(point) {
    const last = stroke.points.at(-1);
    if (last && Math.hypot(point.x - last.x, point.y - last.y) < 1) return;
    stroke.points.push(point);
    for (const [context, tone] of layers()) {
      paintPoint(context, stroke.points, stroke.points.length - 1, tone);
    }
    changed();
  }

  function finish() {
    if (!stroke) return;
    for (const [context, tone] of layers()) paintEnd(context, stroke.points, tone);
    stroke = null;
    changed({ now: true });
  }

  function repaint() {
    for (const [context, tone] of layers()) paintAll(context, past.done, tone);
  }

  function act(move) {
    finish();
    if (!move()) return;
    repaint();
    changed({ now: true });
  }

  const undo = () => act(past.undo);
  const redo = () => act(past.redo);
  const clear = () => act(() => !past.isEmpty() && past.add({ kind: "clear" }));

  // --- To Python and back ----------------------------------------------------------------------

  function changed({ now = false } = {}) {
    refresh();
    if (now) send();
    else timer ??= setTimeout(send, Math.max(0, lastSent + SEND_EVERY_MS - performance.now()));
  }

  function send() {
    clearTimeout(timer);
    timer = null;
    const pixels = encode(ink);
    if (pixels === sent) return;
    sent = pixels;
    lastSent = performance.now();
    host.props.value = { pixels };
    host.trigger("draw");
  }

  /* Python set a picture, or cleared the pad: draw it, and say so as if the pen had done it. */
  function receive() {
    const pixels = host.props.value?.pixels ?? "";
    if (pixels === sent || (pixels && !isPicture(pixels))) return;
    finish();
    sent = pixels;
    past.add(pixels ? { kind: "picture", pixels } : { kind: "clear" });
    repaint();
    refresh();
    host.trigger("draw");
  }

  // --- Pointer and keys ------------------------------------------------------------------------

  function pointAt(event) {
    const box = view.canvas.getBoundingClientRect();
    // a mouse always reports 0.5; a stylus presses harder or softer
    const press = event.pointerType === "pen" && event.pressure > 0 ? 0.5 + event.pressure : 1;
    return {
      x: ((event.clientX - box.left) / box.width) * SIZE,
      y: ((event.clientY - box.top) / box.height) * SIZE,
      width: width * press,
    };
  }

  let finger = null; // one pointer draws at a time; a resting palm draws nothing
  view.canvas.addEventListener("pointerdown", (event) => {
    if (finger !== null || event.button !== 0) return;
    finger = event.pointerId;
    view.canvas.setPointerCapture(finger);
    hidePen();
    finish();
    begin(pointAt(event));
  });
  view.canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== finger || !stroke) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const part of all.length ? all : [event]) extend(pointAt(part));
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    view.canvas.addEventListener(name, (event) => {
      if (event.pointerId !== finger) return;
      finger = null;
      finish();
    });
  }

  view.root.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) {
      if (key === "y" || event.shiftKey) redo();
      else undo();
    } else if (event.target === view.canvas && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (!penKey(event)) return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  view.canvas.addEventListener("blur", hidePen);

  function penKey({ key, shiftKey }) {
    const step = shiftKey ? KEY_STEP / 4 : KEY_STEP;
    const move = {
      ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
    }[key];
    if (move) movePen(...move);
    else if (key === " ") togglePen();
    else if (key === "Delete" || key === "Backspace") clear();
    else if (key === "[" || key === "]") setWidth(width + (key === "[" ? -2 : 2));
    else if (["1", "2", "3"].includes(key)) setWidth(Object.values(WIDTHS)[key - 1]);
    else return false;
    return true;
  }

  function movePen(dx, dy) {
    pen ??= { x: SIZE / 2, y: SIZE / 2 };
    const within = (value) => Math.min(SIZE, Math.max(0, value));
    pen = { x: within(pen.x + dx), y: within(pen.y + dy) };
    if (stroke) extend({ ...pen, width });
    showPen();
  }

  function togglePen() {
    pen ??= { x: SIZE / 2, y: SIZE / 2 };
    if (stroke) finish();
    else begin({ ...pen, width });
    showPen();
    view.status.textContent = say(stroke ? "pen_down" : "pen_up");
  }

  function showPen() {
    view.pen.hidden = false;
    view.pen.classList.toggle("dl-down", stroke !== null);
    const share = (value) => `${(100 * value) / SIZE}%`;
    Object.assign(view.pen.style, { left: share(pen.x), top: share(pen.y), width: share(width) });
  }

  function hidePen() {
    if (finger === null) finish();
    view.pen.hidden = true;
    pen = null;
  }

  // --- Tools -----------------------------------------------------------------------------------

  function setWidth(value) {
    width = Math.min(WIDEST, Math.max(NARROWEST, value));
    refresh();
    if (!view.pen.hidden) showPen();
  }

  for (const [name, value] of Object.entries(WIDTHS)) {
    view.widths[name].addEventListener("click", () => setWidth(value));
  }
  view.slider.addEventListener("input", () => setWidth(Number(view.slider.value)));
  for (const [name, action] of Object.entries({ undo, redo, clear })) {
    view.tools[name].addEventListener("click", action);
  }

  /* What the tools show: the pen in use, and what there is to undo. */
  function refresh() {
    view.slider.value = width;
    for (const [name, value] of Object.entries(WIDTHS)) {
      view.widths[name].setAttribute("aria-pressed", String(width === value));
    }
    const usable = { undo: past.done.length, redo: past.undone.length, clear: !past.isEmpty() };
    for (const [name, able] of Object.entries(usable)) {
      view.tools[name].setAttribute("aria-disabled", String(!able)); // focus stays where it is
    }
    view.hint.hidden = !past.isEmpty();
  }

  function label() {
    view.hint.textContent = say("hint");
    view.canvas.setAttribute("aria-label", say("label"));
    view.keys.textContent = say("keys");
    view.bar.setAttribute("aria-label", say("tools"));
    view.slider.setAttribute("aria-label", say("width"));
    for (const [name, button] of Object.entries(view.widths)) {
      button.setAttribute("aria-label", say(name));
      button.title = say(name);
    }
    for (const [name, button] of Object.entries(view.tools)) {
      button.lastChild.textContent = say(name);
    }
  }

  start(host, () => {
    const theme = colours(view.root).ink;
    const side = Math.round(view.canvas.clientWidth * Math.min(3, window.devicePixelRatio));
    if (screen === null || side !== screen.canvas.width || theme !== colour) {
      colour = theme;
      screen = layer(view.canvas, side, true);
      paintAll(screen, past.done, colour);
    }
    label();
    receive();
    refresh();
  });
}

function build() {
  const canvas = node("canvas", {
    tabindex: 0, role: "application", "aria-describedby": `dl-pad-keys-${(build.count += 1)}`,
  });
  const keys = node("p", { id: canvas.getAttribute("aria-describedby"), class: "dl-unseen" });
  const hint = node("span", { class: "dl-hint", "aria-hidden": "true" });
  const pen = node("span", { class: "dl-pen", hidden: true });
  const status = node("span", { class: "dl-unseen", role: "status" });
  const slider = node("input", { type: "range", min: NARROWEST, max: WIDEST, step: 1 });
  const widths = {};
  for (const [name, value] of Object.entries(WIDTHS)) {
    const dot = svg("circle", { cx: 12, cy: 12, r: 2 + value / 5 });
    widths[name] = node("button", { type: "button" }, svg("svg", { viewBox: "0 0 24 24" }, dot));
  }
  const tools = {};
  for (const [name, path] of Object.entries(ICONS)) {
    const icon = svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: path }));
    tools[name] = node("button", { type: "button", class: `dl-${name}` }, icon, node("span"));
  }
  const bar = node("div", { class: "dl-bar", role: "toolbar" },
    node("div", { class: "dl-widths" }, Object.values(widths), slider),
    node("div", { class: "dl-tools" }, Object.values(tools)));
  const frame = node("div", { class: "dl-frame" }, canvas, hint, pen);
  const root = node("div", {}, frame, bar, keys, status);
  return { root, canvas, keys, hint, pen, status, slider, widths, tools, bar };
}
build.count = 0;
