/* A picture to paint over with a brush; the server says what is left. See cover.py. */

import { canvasOf, node, start, words } from "./common.js";
import { holder } from "./overlay.js";

const SIDE = 56; // cells of the mask, as in cover.py
const SHOWN = 448; // pixels of the canvas
const CELL = SHOWN / SIDE;
const SEND_EVERY_MS = 150;

export function mount(host) {
  const say = words(host.props);
  const view = build();
  canvasOf(host).append(view.root);
  const context = view.canvas.getContext("2d");
  const photograph = holder();
  const mask = new Uint8Array(SIDE * SIDE);
  const past = []; // masks before each stroke
  let shown = {}; // what Python sent last
  let timer = null;
  let last = 0;
  let brush = null; // where the brush is, in cells
  let down = false;
  let erase = false;

  function stamp() {
    const radius = Number(view.size.value) / 2;
    const [y0, y1] = [Math.max(0, Math.floor(brush.y - radius)), Math.min(SIDE - 1, Math.ceil(brush.y + radius))];
    const [x0, x1] = [Math.max(0, Math.floor(brush.x - radius)), Math.min(SIDE - 1, Math.ceil(brush.x + radius))];
    for (let y = y0; y <= y1; y += 1) {
      for (let x = x0; x <= x1; x += 1) {
        if (Math.hypot(x + 0.5 - brush.x, y + 0.5 - brush.y) <= radius) mask[y * SIDE + x] = erase ? 0 : 1;
      }
    }
    changed();
  }

  /* From where the brush was to where it is, without gaps. */
  function drag(to) {
    const from = brush ?? to;
    const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y)));
    for (let i = 1; i <= steps; i += 1) {
      brush = { x: from.x + ((to.x - from.x) * i) / steps, y: from.y + ((to.y - from.y) * i) / steps };
      if (down) stamp();
    }
  }

  function changed(now = false) {
    paint();
    if (now) send();
    else timer ??= setTimeout(send, Math.max(0, last + SEND_EVERY_MS - performance.now()));
  }

  function send() {
    clearTimeout(timer);
    timer = null;
    last = performance.now();
    const painted = mask.some(Boolean) ? btoa(String.fromCharCode(...mask)) : "";
    host.props.value = { mask: painted };
    host.trigger("brush", {});
  }

  const remember = () => {
    past.push(mask.slice());
    if (past.length > 60) past.shift();
  };
  const back = (to) => {
    mask.set(to);
    changed(true);
  };

  function place(event) {
    const box = view.canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * SIDE, y: ((event.clientY - box.top) / box.height) * SIDE };
  }

  let finger = null;
  view.canvas.addEventListener("pointerdown", (event) => {
    if (finger !== null || event.button !== 0 || !shown.src) return;
    finger = event.pointerId;
    view.canvas.setPointerCapture(finger);
    remember();
    [down, erase, brush] = [true, view.eraser.getAttribute("aria-pressed") === "true", place(event)];
    stamp();
  });
  view.canvas.addEventListener("pointermove", (event) => {
    if (finger !== null && event.pointerId !== finger) return;
    drag(place(event));
    paint();
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    view.canvas.addEventListener(name, (event) => {
      if (event.pointerId !== finger) return;
      [finger, down] = [null, false];
      send();
    });
  }
  view.canvas.addEventListener("pointerleave", () => {
    if (finger === null) brush = null;
    paint();
  });
  view.canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-2, 0], ArrowRight: [2, 0], ArrowUp: [0, -2], ArrowDown: [0, 2] }[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    brush ??= { x: SIDE / 2, y: SIDE / 2 };
    if (move) brush = { x: clamp(brush.x + move[0]), y: clamp(brush.y + move[1]) };
    else if (shown.src) {
      remember();
      erase = view.eraser.getAttribute("aria-pressed") === "true";
      stamp();
    }
    paint();
  });
  view.eraser.addEventListener("click", () => {
    const on = view.eraser.getAttribute("aria-pressed") === "true";
    view.eraser.setAttribute("aria-pressed", String(!on));
  });
  view.undo.addEventListener("click", () => past.length && back(past.pop()));
  view.clear.addEventListener("click", () => {
    if (!mask.some(Boolean)) return;
    remember();
    back(new Uint8Array(mask.length));
  });
  view.size.addEventListener("input", () => paint());

  function paint() {
    const photo = photograph(shown.src ?? "", paint);
    context.clearRect(0, 0, SHOWN, SHOWN);
    if (photo) context.drawImage(photo, 0, 0, SHOWN, SHOWN);
    context.fillStyle = "rgb(126 126 126 / .9)";
    mask.forEach((on, i) => {
      if (on) context.fillRect((i % SIDE) * CELL, Math.floor(i / SIDE) * CELL, CELL, CELL);
    });
    if (!brush) return;
    const radius = (Number(view.size.value) / 2) * CELL;
    for (const [width, colour] of [[4, "#10131c"], [2, "#ffffff"]]) {
      Object.assign(context, { lineWidth: width, strokeStyle: colour });
      context.beginPath();
      context.arc(brush.x * CELL, brush.y * CELL, radius, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  start(host, () => {
    view.root.hidden = !shown.src;
    view.hint.textContent = shown.src ? "" : say("empty");
    view.hint.hidden = Boolean(shown.src);
    view.canvas.setAttribute("aria-label", say("label"));
    view.keysHint.textContent = say("keys");
    for (const name of ["eraser", "undo", "clear"]) view[name].textContent = say(name);
    view.size.setAttribute("aria-label", say("size"));
    view.sizeName.textContent = say("size");
    paint();
  }, () => {
    const value = host.props.value || {};
    if ("mask" in value) return; // the page's own
    if (value.src !== shown.src) {
      mask.fill(0);
      past.length = 0;
    }
    shown = value;
  });
  canvasOf(host).append(view.hint);
}

const clamp = (v) => Math.max(0, Math.min(SIDE, v));

function build() {
  const id = `dl-cover-keys-${(build.count += 1)}`;
  const canvas = node("canvas", { width: SHOWN, height: SHOWN, tabindex: 0, role: "application", "aria-describedby": id });
  const keysHint = node("p", { id, class: "unseen" });
  const press = () => node("button", { type: "button" });
  const [eraser, undo, clear] = [press(), press(), press()];
  eraser.setAttribute("aria-pressed", "false");
  const sizeName = node("span", { "aria-hidden": "true" });
  const size = node("input", { type: "range", min: 3, max: 24, value: 10, step: 1 });
  const bar = node("div", { class: "bar" }, node("span", { class: "size" }, sizeName, size), eraser, undo, clear);
  const root = node("div", {}, canvas, bar, keysHint);
  return { root, canvas, keysHint, eraser, undo, clear, size, sizeName, hint: node("div", { class: "hint" }) };
}
build.count = 0;
