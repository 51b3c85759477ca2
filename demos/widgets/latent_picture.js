/* The latent plane's picture: what is decoded from it, and the points in their digits' colours. */

import { colours, isDark } from "./common.js";
import { stamper } from "./marks.js";
import { sharp } from "./network_wires.js";
import { mosaic, palette } from "./sheets.js";

const SMALLEST_DIGIT = 9; // pixels; smaller ones are marks
const FAINT = 0.4; // the manifold behind points
const ASIDE = 0.1; // points of other digits than the one that is looked at
const backdrop = document.createElement("canvas");

export function drawPicture(view) {
  const { canvas, geometry: g, mode, tiles, means, labels, only } = view;
  const shown = [g.width, g.span, mode, tiles, means, labels, only, isDark(), window.devicePixelRatio];
  if (view.shown?.every((part, i) => part === shown[i])) return; // pointing alone moves no point
  view.shown = shown;
  const context = sharp(canvas, g.width, g.height);
  context.save();
  context.beginPath();
  context.rect(g.left, g.top, g.side, g.side);
  context.clip();
  if (tiles?.data.length && mode !== "points") {
    mosaic(backdrop, tiles, palette("ink"));
    context.globalAlpha = mode === "both" ? FAINT : 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(backdrop, g.left, g.top, g.side, g.side);
    context.globalAlpha = 1;
  }
  if (mode !== "manifold") drawPoints(view, context);
  context.restore();
}

function drawPoints({ labels, means, only, compact, geometry: g, stage }, context) {
  const kinds = digitColours(stage);
  const { surface } = colours(stage);
  const size = Math.min(13, (g.side / Math.sqrt(labels.length)) * 0.5);
  const stamp = !compact && size >= SMALLEST_DIGIT
    ? digitStamper(kinds, size, surface)
    : stamper({ kinds, radius: Math.max(1.8, Math.min(4.5, size * 0.42)), surface });
  const one = (i) => stamp(context, g.x((means[2 * i] / 127) * g.span), g.y((means[2 * i + 1] / 127) * g.span), labels[i]);
  if (only !== null) {
    context.globalAlpha = ASIDE;
    for (let i = 0; i < labels.length; i += 1) if (labels[i] !== only) one(i);
    context.globalAlpha = 1;
  }
  for (let i = 0; i < labels.length; i += 1) if (only === null || labels[i] === only) one(i);
}

const digitColours = (element) => {
  const style = getComputedStyle(element);
  return Array.from({ length: 10 }, (_, i) => style.getPropertyValue(`--digit-${i}`).trim());
};

/* A function (context, x, y, digit) that prints digits drawn once. */
function digitStamper(kinds, size, surface) {
  const scale = window.devicePixelRatio || 1;
  const box = Math.ceil(size + 6);
  const made = kinds.map((colour, digit) => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: box * scale, height: box * scale });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.scale(scale, scale);
    Object.assign(context, { font: `700 ${size}px sans-serif`, textAlign: "center", textBaseline: "middle",
      lineWidth: 2.5, lineJoin: "round", strokeStyle: surface, fillStyle: colour });
    context.strokeText(digit, box / 2, box / 2);
    context.fillText(digit, box / 2, box / 2);
    return canvas;
  });
  return (context, x, y, digit) => context.drawImage(made[digit], x - box / 2, y - box / 2, box, box);
}
