/* Many small grey pictures in one compressed picture: see `sheet` in image_grid.py. */

const MOST_KEPT = 32; // decoded sheets, some 50 kB each; a whole run's would fill the memory
const kept = new Map(); // data URL -> { shape, data }, the least recently used first
const coming = new Map(); // data URL -> those who wait for it

/* The pictures { shape: [count, height, width], data } of a sheet, as unpack() would give them; or
   null while they are being decoded, after which `ready(pictures)` is called. */
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
