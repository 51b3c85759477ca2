/* Small pictures: their colours, drawing them, and many of them in one compressed picture. */

import { diverging, isDark } from "./common.js";

const MOST_KEPT = 32; // decoded sheets, some 50 kB each; a whole run's would fill the memory
const kept = new Map(); // data URL -> { shape, data }, the least recently used first
const coming = new Map(); // data URL -> those who wait for it

/* The pictures of a `sheet` (image_grid.py), { shape: [count, height, width], data } as unpack()
   would give them; or null while they are being decoded, after which `ready(pictures)` is called. */
export function tiles(sheet, ready) {
  const url = sheet.sheet;
  const known = kept.get(url);
  if (known) {
    kept.delete(url);
    kept.set(url, known);
    return known;
  }
  if (coming.has(url)) coming.get(url).add(ready);
  else {
    coming.set(url, new Set([ready]));
    decode(sheet).then((pictures) => {
      kept.set(url, pictures);
      if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
      const waiting = coming.get(url);
      coming.delete(url);
      waiting.forEach((tell) => tell(pictures));
    });
  }
  return null;
}

async function decode({ sheet, count, tile: [height, width] }) {
  const picture = new Image();
  picture.src = sheet;
  try {
    await picture.decode();
  } catch {
    return { shape: [0, height, width], data: new Uint8Array() };
  }
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: picture.naturalWidth, height: picture.naturalHeight });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const rgba = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const across = canvas.width / width;
  const data = new Uint8Array(count * height * width);
  for (let i = 0, at = 0; i < count; i += 1) {
    const corner = Math.floor(i / across) * height * canvas.width + (i % across) * width;
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1, at += 1) data[at] = rgba[4 * (corner + y * canvas.width + x)];
    }
  }
  return { shape: [count, height, width], data };
}

/* Every byte as a colour, ready for a picture's memory: "ink" is paper … ink in the theme's own two,
   "grey" is black … white, "diverging" has its zero at 128. */
export function palette(name) {
  const [paper, ink] = isDark() ? [[20, 21, 29], [240, 242, 250]] : [[247, 247, 250], [20, 23, 38]];
  const colour = {
    diverging: (byte) => diverging((byte - 128) / 127),
    grey: (byte) => [byte, byte, byte],
  }[name] ?? ((byte) => paper.map((p, i) => p + ((ink[i] - p) * byte) / 255));
  const table = new Uint8ClampedArray(4 * 256);
  for (let byte = 0; byte < 256; byte += 1) table.set([...colour(byte), 255], 4 * byte);
  return new Uint32Array(table.buffer);
}

/* One picture, from bytes (height, width, channels), a pixel each. */
export function draw(canvas, bytes, width, height, channels, colours) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    canvas.style.aspectRatio = `${width} / ${height}`;
  }
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  if (channels === 3) {
    for (let i = 0; i < width * height; i += 1) image.data.set([...bytes.subarray(i * 3, i * 3 + 3), 255], i * 4);
  } else {
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < width * height; i += 1) pixels[i] = colours[bytes[i]];
  }
  context.putImageData(image, 0, 0);
}

/* n * n pictures as one, row by row, into a canvas. */
export function mosaic(canvas, { shape: [count, height, width], data }, colours) {
  const across = Math.round(Math.sqrt(count));
  const bytes = new Uint8Array(data.length);
  for (let i = 0, from = 0; i < count; i += 1) {
    for (let y = 0; y < height; y += 1, from += width) {
      const to = ((Math.floor(i / across) * height + y) * across + (i % across)) * width;
      bytes.set(data.subarray(from, from + width), to);
    }
  }
  draw(canvas, bytes, across * width, across * height, 1, colours);
}
