/* Tables of numbers between tokens, drawn as colours: what the widgets of attention share. */

import { diverging, isDark, rgb, sequential } from "./common.js";

const FONT = 11;
const NUMBERED = 25; // a cell this wide has room for its number
const MOST_LABEL = 78; // pixels that the longest token's name may take

/* Where everything goes. table: { rows, columns: [names], data: Float32Array, signed: bool,
   limit: number, hidden: (index) => bool }; cell: its width, height: its height if another. */
export function layOut(context, table, { cell, height = cell, family }) {
  context.font = `${FONT}px ${family}`;
  const wide = (names) => Math.max(0, ...names.map((name) => context.measureText(name).width));
  const upright = wide(table.columns) > cell - 3;
  const left = Math.ceil(Math.min(wide(table.rows), MOST_LABEL)) + 8;
  const top = (upright ? Math.ceil(Math.min(wide(table.columns), MOST_LABEL)) : FONT) + 8;
  return {
    ...table, cell, tall: height, left, top, upright, family,
    width: left + cell * table.columns.length + 2, height: top + height * table.rows.length + 2,
  };
}

export const shade = ({ signed, limit }, v) => (signed ? diverging(v / (limit || 1)) : sequential(v / (limit || 1)));

/* A canvas of these CSS pixels, sharp on any screen; its context, already scaled. */
export function sized(canvas, width, height, ratio = window.devicePixelRatio || 1) {
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return context;
}

export function draw(context, plan, colours, write = null) {
  const { rows, columns, data, left, top, cell, tall, family, upright, hidden } = plan;
  const gap = Math.min(cell, tall) >= 12 ? 1 : 0;
  context.textBaseline = "middle";
  for (let r = 0; r < rows.length; r += 1) {
    for (let c = 0; c < columns.length; c += 1) {
      const at = r * columns.length + c;
      const [x, y] = [left + c * cell, top + r * tall];
      const colour = shade(plan, data[at]);
      context.fillStyle = rgb(colour);
      context.fillRect(x, y, cell - gap, tall - gap);
      if (hidden?.(at)) cross(context, x, y, cell - gap, tall - gap, colours);
      else if (write && cell >= NUMBERED) {
        context.font = `${Math.min(FONT, cell * 0.36)}px ${family}`;
        context.textAlign = "center";
        context.fillStyle = readable(colour);
        context.fillText(write(data[at]), x + (cell - gap) / 2, y + (tall - gap) / 2 + 0.5);
      }
    }
  }
  context.font = `${FONT}px ${family}`;
  context.fillStyle = colours.ink;
  const every = (side) => Math.max(1, Math.ceil((FONT + 2) / side));
  context.textAlign = "right";
  for (let r = 0; r < rows.length; r += every(tall)) {
    context.fillText(short(context, rows[r], MOST_LABEL), left - 5, top + (r + 0.5) * tall);
  }
  for (let c = 0; c < columns.length; c += every(cell)) {
    context.save();
    context.translate(left + (c + 0.5) * cell, top - (upright ? 4 : 8));
    if (upright) context.rotate(-Math.PI / 2);
    context.textAlign = upright ? "left" : "center";
    context.fillText(short(context, columns[c], MOST_LABEL), 0, 0);
    context.restore();
  }
}

/* What may not be seen: struck out, whatever its colour. */
function cross(context, x, y, width, height, colours) {
  context.strokeStyle = colours.muted;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x + 1, y + height - 1);
  context.lineTo(x + width - 1, y + 1);
  context.stroke();
}

const readable = ([r, g, b]) => (0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#10131c" : "#ffffff");

export function short(context, text, room) {
  const letters = [...text];
  while (letters.length > 1 && context.measureText(letters.join("")).width > room) letters.splice(-2, 2, "…");
  return letters.join("");
}

/* A whole matrix as a small picture without words, one pixel a cell: for hundreds of them at once. */
export function thumbnail(canvas, data, size, limit = 1) {
  if (canvas.width !== size) canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  const pixels = new Uint32Array(image.data.buffer);
  const palette = shades();
  const scale = 255 / limit;
  for (let i = 0; i < pixels.length; i += 1) pixels[i] = palette[Math.min(255, Math.round(data[i] * scale))];
  context.putImageData(image, 0, 0);
}

/* 256 colours from 0 to 1 as whole pixels, in this machine's order of bytes. */
const kept = {};
const shades = () => (kept[isDark()] ??= new Uint32Array(Uint8ClampedArray.from(
  Array.from({ length: 256 }, (_, i) => [...sequential(i / 255), 255]).flat(),
).buffer));

/* The cell under a pointer: its index, or null. */
export function cellAt(event, canvas, { left, top, cell, tall, rows, columns }) {
  const box = canvas.getBoundingClientRect();
  const c = Math.floor((event.clientX - box.left - left) / cell);
  const r = Math.floor((event.clientY - box.top - top) / tall);
  return r >= 0 && c >= 0 && r < rows.length && c < columns.length ? r * columns.length + c : null;
}
