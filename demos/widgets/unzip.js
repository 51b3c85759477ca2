/* The files in a zip file, read in the browser: only small pictures are sent on. Nothing is unpacked
   before it is asked for, and nothing grows beyond what it claims. Throws an Error whose message is
   "no_zip", "locked", "large" or "too_many". (PKWARE's APPNOTE.TXT, sections 4.3 and 4.4.) */

export const MOST_FILES = 2000;
export const MOST_MB = 300; // unpacked, all that is wanted together

/* unzip(file, wanted): [{ name, read() -> Blob }, …] of the entries whose name is wanted. */
export async function unzip(file, wanted = () => true) {
  const end = await endOf(file);
  const count = end.getUint16(10, true);
  const [size, from] = [end.getUint32(12, true), end.getUint32(16, true)];
  const list = await view(file, from, size);
  const entries = [];
  let total = 0;
  for (let at = 0, i = 0; i < count; i += 1) {
    if (at + 46 > list.byteLength || list.getUint32(at, true) !== 0x02014b50) throw new Error("no_zip");
    const [named, extra, comment] = [28, 30, 32].map((offset) => list.getUint16(at + offset, true));
    if (at + 46 + named > list.byteLength) throw new Error("no_zip");
    const flags = list.getUint16(at + 8, true);
    const name = nameOf(new Uint8Array(list.buffer, at + 46, named), Boolean(flags & 0x800));
    if (!name.endsWith("/") && wanted(name)) {
      if (flags & 1) throw new Error("locked");
      total += list.getUint32(at + 24, true);
      entries.push({ name, read: reader(file, list, at) });
    }
    at += 46 + named + extra + comment;
  }
  if (entries.length > MOST_FILES) throw new Error("too_many");
  if (total > MOST_MB * 1e6) throw new Error("large");
  return entries;
}

const view = async (file, from, size) => new DataView(await file.slice(from, from + size).arrayBuffer());

/* The closing record: at the very end, or before a comment of at most 64 kB. */
async function endOf(file) {
  const tail = await view(file, Math.max(0, file.size - 65_557), 65_557);
  for (let at = tail.byteLength - 22; at >= 0; at -= 1) {
    if (tail.getUint32(at, true) === 0x06054b50) return new DataView(tail.buffer, at, 22);
  }
  throw new Error("no_zip");
}

/* What reads one entry, whose record in the list is at `at`. */
function reader(file, list, at) {
  const method = list.getUint16(at + 10, true);
  const [packed, size] = [20, 24].map((offset) => list.getUint32(at + offset, true));
  const start = list.getUint32(at + 42, true);
  return async () => {
    const head = await view(file, start, 30);
    if (head.byteLength < 30 || head.getUint32(0, true) !== 0x04034b50) throw new Error("no_zip");
    const from = start + 30 + head.getUint16(26, true) + head.getUint16(28, true);
    const content = file.slice(from, from + packed);
    if (method === 0) return content;
    if (method !== 8) throw new Error("no_zip");
    return inflated(content.stream().pipeThrough(new DecompressionStream("deflate-raw")), size);
  };
}

/* Stops a bomb that claims to be small. */
async function inflated(stream, most) {
  const [source, parts] = [stream.getReader(), []];
  for (let read = 0; ;) {
    const { done, value } = await source.read().catch(() => { throw new Error("no_zip"); });
    if (done) return new Blob(parts);
    read += value.length;
    if (read > most) {
      source.cancel();
      throw new Error("large");
    }
    parts.push(value);
  }
}

// The letters of code page 437, from 0x80; above 0xA8 it has hardly any that names are made of.
const OLD_LETTERS = "\u00c7\u00fc\u00e9\u00e2\u00e4\u00e0\u00e5\u00e7\u00ea\u00eb\u00e8\u00ef\u00ee\u00ec\u00c4\u00c5\u00c9\u00e6\u00c6\u00f4\u00f6"
  + "\u00f2\u00fb\u00f9\u00ff\u00d6\u00dc\u00a2\u00a3\u00a5\u20a7\u0192\u00e1\u00ed\u00f3\u00fa\u00f1\u00d1\u00aa\u00ba\u00bf";

/* A name says whether it is UTF-8; many that are do not say so. Others come from old or Windows
   programs, in the code page of their machine: 1258 in Vietnam, elsewhere mostly 437 or similar. */
export function nameOf(bytes, told) {
  let name;
  try {
    name = new TextDecoder("utf-8", { fatal: !told }).decode(bytes);
  } catch {
    const old = bytes.every((byte) => byte < 0x80 + OLD_LETTERS.length);
    name = old ? [...bytes].map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : OLD_LETTERS[byte - 0x80])).join("")
      : new TextDecoder("windows-1258").decode(bytes); // its tone marks are letters of their own
  }
  return name.replaceAll("\\", "/").normalize("NFC");
}
