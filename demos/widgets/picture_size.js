/* How large a picture claims to be, read from the head of its file: nothing is decoded. */

const HEAD = 1 << 20; // bytes; a camera's notes and a colour profile stand before a JPEG's size
const TEXT = { PNG: "\x89PNG\r\n\x1a\n", RIFF: "RIFF", WEBP: "WEBP" };

/* [width, height] of a PNG, JPEG or WebP file; null for any other. */
export async function sizeOf(file) {
  const view = new DataView(await file.slice(0, HEAD).arrayBuffer());
  try {
    if (begins(view, 0, TEXT.PNG)) return [view.getUint32(16), view.getUint32(20)];
    if (view.getUint16(0) === 0xffd8) return ofJpeg(view);
    if (begins(view, 0, TEXT.RIFF) && begins(view, 8, TEXT.WEBP)) return ofWebp(view);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // it ends too early
  }
  return null;
}

const begins = (view, at, text) => [...text].every((letter, i) => view.getUint8(at + i) === letter.charCodeAt(0));

/* Segments follow one another: FF, kind, length; the frame's own (C0 … CF, but three) has the size. */
function ofJpeg(view) {
  for (let at = 2; ; at += 2 + view.getUint16(at + 2)) {
    while (view.getUint8(at) === 0xff && view.getUint8(at + 1) === 0xff) at += 1; // filling
    if (view.getUint8(at) !== 0xff) return null;
    const kind = view.getUint8(at + 1);
    if (kind >= 0xc0 && kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind)) {
      return [view.getUint16(at + 7), view.getUint16(at + 5)];
    }
  }
}

/* Three kinds: lossy ("VP8 "), lossless ("VP8L") and extended ("VP8X"), each with its own bits. */
function ofWebp(view) {
  const little = (at, bytes) => (bytes === 2 ? view.getUint16(at, true) : view.getUint32(at, true));
  if (begins(view, 12, "VP8X")) return [24, 27].map((at) => 1 + (little(at, 4) & 0xffffff));
  if (begins(view, 12, "VP8L")) return [0, 14].map((bits) => 1 + ((little(21, 4) >> bits) & 0x3fff));
  return begins(view, 12, "VP8 ") ? [26, 28].map((at) => little(at, 2) & 0x3fff) : null;
}
