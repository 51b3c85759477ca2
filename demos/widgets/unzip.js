/* The files in a zip file, read in the browser: only small pictures are sent on. Throws "no_zip",
   "locked" or "large". (PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16.) */

const MOST_FILES = 2000;
const MOST_BYTES = 50_000_000; // of one file; a picture has no more

export async function unzip(file) {
  const data = new DataView(await file.arrayBuffer());
  const end = endOf(data);
  const count = data.getUint16(end + 10, true);
  if (count > MOST_FILES) throw new Error("large");
  const files = [];
  let at = data.getUint32(end + 16, true);
  for (let i = 0; i < count; i += 1) {
    if (at + 46 > data.byteLength || data.getUint32(at, true) !== 0x02014b50) throw new Error("no_zip");
    const [named, extra, comment] = [28, 30, 32].map((offset) => data.getUint16(at + offset, true));
    const name = new TextDecoder().decode(new Uint8Array(data.buffer, at + 46, named));
    if (data.getUint16(at + 8, true) & 1) throw new Error("locked");
    if (!name.endsWith("/") && data.getUint32(at + 24, true) <= MOST_BYTES) {
      files.push({ name, read: reader(data, at) });
    }
    at += 46 + named + extra + comment;
  }
  return files;
}

/* Where the closing record begins: at the very end, or before a comment of at most 64 kB. */
function endOf(data) {
  for (let at = data.byteLength - 22; at >= Math.max(0, data.byteLength - 65_557); at -= 1) {
    if (data.getUint32(at, true) === 0x06054b50) return at;
  }
  throw new Error("no_zip");
}

/* What reads one entry, whose central record is at `at`. */
function reader(data, at) {
  const method = data.getUint16(at + 10, true);
  const packed = data.getUint32(at + 20, true);
  const size = data.getUint32(at + 24, true);
  const start = data.getUint32(at + 42, true);
  return async () => {
    const skip = data.getUint16(start + 26, true) + data.getUint16(start + 28, true);
    const bytes = new Uint8Array(data.buffer, start + 30 + skip, packed);
    if (method === 0) return new Blob([bytes]);
    if (method !== 8) throw new Error("no_zip");
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const parts = [];
    let read = 0;
    for await (const part of chunks(stream)) { // stops a bomb that claims to be small
      read += part.length;
      if (read > size) throw new Error("large");
      parts.push(part);
    }
    return new Blob(parts);
  };
}

async function* chunks(stream) {
  const source = stream.getReader();
  for (;;) {
    const { done, value } = await source.read();
    if (done) return;
    yield value;
  }
}
