/* The camera, and pictures cut square and made small before they leave the browser. */

import { node } from "./common.js";

const QUALITY = 0.92;

/* A camera behind a <video>: open(), close(), on; `lost` is called when it goes away by itself. */
export function camera(video, lost) {
  let stream = null;
  const close = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    video.srcObject = null;
  };
  return {
    get on() { return stream !== null; },
    close,
    async open() {
      if (stream) return;
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } } });
        for (const track of stream.getTracks()) {
          track.addEventListener("ended", () => {
            close();
            lost();
          });
        }
        video.srcObject = stream;
        await video.play();
      } catch (error) {
        close();
        throw error;
      }
    },
  };
}

/* The largest square in the middle of an image, video or bitmap, as base64 of a JPEG. */
export function squareOf(source, side) {
  const width = source.videoWidth ?? source.width;
  const height = source.videoHeight ?? source.height;
  const shorter = Math.min(width, height);
  const canvas = node("canvas", { width: side, height: side });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // what is see-through lies on white
  context.fillRect(0, 0, side, side);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, (width - shorter) / 2, (height - shorter) / 2, shorter, shorter, 0, 0, side, side);
  return canvas.toDataURL("image/jpeg", QUALITY).split(",")[1];
}

/* A picture's file as base64 of a small JPEG, upright. Throws for what the browser cannot read. */
export async function squareOfFile(file, side) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    return squareOf(bitmap, side);
  } finally {
    bitmap.close();
  }
}

/* Who leaves the tab switches the camera off. */
export function whenHidden(element, then) {
  new IntersectionObserver(([seen]) => {
    if (!seen.isIntersecting && element.clientWidth === 0) then();
  }).observe(element);
}
