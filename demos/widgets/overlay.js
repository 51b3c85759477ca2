/* A photograph in grey with a map of numbers over it, for every widget that shows where. */

import { isDark } from "./common.js";

const FOR = { light: [32, 84, 196], dark: [110, 168, 255] };
const AGAINST = { light: [214, 92, 8], dark: [255, 164, 92] };

/* Keeps the newest photograph decoded: photograph(src, ready) gives it, or null while it loads. */
export function holder() {
  const kept = { src: "", photo: null };
  return (src, ready) => {
    if (src === kept.src) return kept.photo;
    Object.assign(kept, { src, photo: null });
    const picture = new Image();
    picture.onload = () => {
      if (kept.src !== src) return;
      kept.photo = picture;
      ready();
    };
    if (src) picture.src = src;
    return null;
  };
}

/* map: { shape: [h, w], data } with values of -127 … 127, stretched smoothly over the picture and as
   opaque as it is strong; without one the photograph keeps its colours. strength: 0 … 1. */
export function paintOver(canvas, photo, map, strength) {
  const { width: across, height: down } = canvas;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, across, down);
  if (photo) {
    context.filter = map ? `grayscale(${Math.min(1, strength * 1.5)})` : "none";
    context.drawImage(photo, 0, 0, across, down);
    context.filter = "none";
  }
  if (!map) return;
  const { shape: [height, width], data } = map;
  const image = new ImageData(width, height);
  const theme = isDark() ? "dark" : "light";
  for (let i = 0; i < data.length; i += 1) {
    image.data.set([...(data[i] < 0 ? AGAINST : FOR)[theme], 2 * Math.abs(data[i]) * strength], 4 * i);
  }
  const small = new OffscreenCanvas(width, height);
  small.getContext("2d").putImageData(image, 0, 0);
  Object.assign(context, { imageSmoothingEnabled: true, imageSmoothingQuality: "high" });
  context.drawImage(small, 0, 0, across, down);
}
