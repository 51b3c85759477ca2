/* What lies on the latent plane over the points: posterior, samples, path, pointer and its picture. */

import { number, svg, unpack } from "./common.js";
import { draw, palette } from "./sheets.js";

const AWAY = 20; // pixels from the pointer to its picture; a finger hides more
const AWAY_TOUCH = 44;
const INSET = { share: 0.2, least: 56, usual: 88, most: 112 }; // of the plane's width

export function overlayOf(view) {
  return {
    draw() {
      view.marks.replaceChildren(...posterior(view), ...path(view), ...pointer(view));
      drawInset(view);
    },
  };
}

/* One and two standard deviations around the mean, and codes drawn from there. */
function posterior({ value, geometry: g }) {
  const parts = [];
  const { ellipse, samples } = value;
  if (ellipse) {
    const [x, y] = [g.x(ellipse.x), g.y(ellipse.y)];
    const turn = `rotate(${(-ellipse.angle * 180) / Math.PI} ${x} ${y})`;
    for (const [name, times] of [["two", 2], ["under", 1], ["one", 1]]) {
      const [rx, ry] = [ellipse.sx, ellipse.sy].map((size) => Math.max(0.5, times * size * g.scale));
      parts.push(svg("ellipse", { class: name, cx: x, cy: y, rx, ry, transform: turn }));
    }
  }
  if (samples) {
    const { data } = unpack(samples);
    for (let i = 0; i < data.length; i += 2) {
      parts.push(svg("circle", { class: "sample", cx: g.x(data[i]), cy: g.y(data[i + 1]), r: 3.5 }));
    }
  }
  if (ellipse) parts.push(svg("path", { class: "mean", d: cross(g.x(ellipse.x), g.y(ellipse.y), 6) }));
  return parts;
}

const cross = (x, y, r) => `M${x - r} ${y}H${x + r}M${x} ${y - r}V${y + r}`;

function path({ path: ends, geometry: g }) {
  if (!ends) return [];
  const [[x1, y1], [x2, y2]] = ends.map(([x, y]) => [g.x(x), g.y(y)]);
  const place = { x1, y1, x2, y2 };
  return [
    svg("line", { class: "way under", ...place }), svg("line", { class: "way", ...place }),
    svg("circle", { class: "end", cx: x1, cy: y1, r: 6 }),
    svg("circle", { class: "end last", cx: x2, cy: y2, r: 6 }),
  ];
}

function pointer({ pointer: at, pinned, geometry: g }) {
  if (!at) return [];
  const place = { cx: g.x(at.x), cy: g.y(at.y) };
  return [
    svg("circle", { class: "pointer under", ...place, r: 8 }),
    svg("circle", { class: pinned ? "pointer pinned" : "pointer", ...place, r: 8 }),
    svg("circle", { class: "dot", ...place, r: 2 }),
  ];
}

/* ---- the picture beside the pointer ---- */

function drawInset(view) {
  const { inset, pointer: at, geometry: g, compact, readout, say } = view;
  const shown = at && pictureAt(view);
  inset.hidden = !shown;
  const touch = window.matchMedia("(hover: none)").matches;
  const hint = !view.asks ? "hint_near" : touch ? "hint_touch" : "hint";
  const told = at ? say("place", { x: number(at.x, 2), y: number(at.y, 2) }) : say(hint);
  readout.textContent = view.drafting ? say("drafting") : view.pinned ? `${told} · ${say("pinned")}` : told;
  if (!shown) return;
  const [canvas, caption] = inset.children;
  draw(canvas, shown.bytes, shown.width, shown.height, 1, palette("ink"));
  caption.textContent = shown.near ? say("near", { x: number(shown.near[0], 2), y: number(shown.near[1], 2) }) : "";
  caption.hidden = compact || !shown.near;
  const least = compact ? INSET.least : INSET.usual;
  const size = Math.round(Math.max(least, Math.min(INSET.most, INSET.share * g.width)));
  canvas.style.width = `${size}px`;
  const away = view.touched ? AWAY_TOUCH : AWAY;
  const [x, y] = [g.x(at.x), g.y(at.y)];
  const right = x + away + size < g.width;
  const above = y - away - size > 0;
  const left = right ? x + away : x - away - size;
  Object.assign(inset.style, {
    width: `${size}px`,
    left: `${Math.max(0, Math.min(g.width - size, view.touched && above ? x - size / 2 : left))}px`,
    top: `${Math.max(0, above ? y - away - size : y + away)}px`,
  });
}

/* What Python decoded there; without it the manifold's picture from the nearest field. */
function pictureAt({ value, pointer: at, tiles, geometry: g, frame, mode }) {
  if (value.picture) {
    const { shape: [height, width], data } = unpack(value.picture);
    return { height, width, bytes: data };
  }
  if (!frame.manifold || !tiles?.data.length) return null;
  const [count, height, width] = tiles.shape;
  const across = Math.round(Math.sqrt(count));
  const field = (v) => Math.max(0, Math.min(across - 1, Math.floor(((v + g.span) / (2 * g.span)) * across)));
  const [column, row] = [field(at.x), across - 1 - field(at.y)];
  const middle = (i) => ((2 * i + 1) / across - 1) * g.span;
  const start = (row * across + column) * height * width;
  return { height, width, bytes: tiles.data.subarray(start, start + height * width), near: [middle(column), -middle(row)] };
}
