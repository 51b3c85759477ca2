/* Where everything of a network's diagram stands, in CSS pixels. Numbers in, numbers out. */

const HEAD = { editable: 66, still: 30 }; // the room above the neurons: names and shape buttons
const PITCH = { wide: 66, narrow: 56 }; // columns stand no closer; what is wider scrolls sideways
const LARGEST = 46; // a neuron
const clamp = (v, lo, hi) => Math.max(lo, Math.min(hi, v));

/* sizes: units of every column, inputs first. plane: 2-D data, with a picture of the output. */
export function layoutOf({ width, sizes, more, plane, editable, names, classes }) {
  const wide = plane && width >= 660;
  const square = plane ? Math.floor(wide ? clamp(width * 0.4, 270, 500) : Math.min(width - 34, 500)) : 0;
  const room = wide ? width - square - 52 : width; // 52: the link to the plane, and its axis
  const counts = sizes.map((count, i) => count + (i === 0 && more ? 1 : 0));
  const most = Math.max(...counts);
  const slot = clamp(640 / most, 11, wide ? 20 : 19);
  const roomy = plane ? (wide ? square : Math.min(340, 60 * most)) : clamp(38 * most, 240, 560);
  const body = Math.max(roomy, most * slot);
  const head = editable ? HEAD.editable : HEAD.still;
  const left = labelRoom(names, width);
  const right = plane && sizes.at(-1) === 1 ? 10 : labelRoom(classes, width);
  const full = Math.max(room, left + right + PITCH[width < 500 ? "narrow" : "wide"] * (sizes.length - 1) + LARGEST);
  const hidden = Math.max(1, ...counts.slice(1, -1));
  const inner = full - left - right;
  const tight = (inner / counts.length) * 0.62;
  const columns = counts.map((count, i) => {
    const same = i > 0 && i < counts.length - 1 ? hidden : count;
    const size = Math.floor(clamp((body / same) * 0.8, 8, Math.min(LARGEST, tight)));
    const step = Math.min(body / count, size * 1.62);
    const top = head + body / 2 - (step * (count - 1)) / 2;
    return { size, count: sizes[i], ys: Array.from({ length: count }, (_, u) => top + u * step) };
  });
  const [first, last] = [columns[0].size / 2, columns.at(-1).size / 2];
  columns.forEach((column, i) => {
    column.x = left + first + ((inner - first - last) * i) / (columns.length - 1);
  });
  return { width, wide, square, head, body, full, left, columns, height: head + body + 4, room };
}

/* Names are cut at a share of the width: the diagram is the picture, not its labels. */
function labelRoom(names, width) {
  const longest = Math.max(1, ...names.map((name) => name.length));
  return clamp(longest * 7 + 12, 30, width < 500 ? 78 : 132);
}

/* A wire runs level at both ends. All wires between two columns share x(t), so that at a given x
   one t serves them all. */
const ease = (t) => t * t * (3 - 2 * t);

export function gapAt(layout, x) {
  const { columns } = layout;
  for (let layer = 0; layer + 1 < columns.length; layer += 1) {
    const [from, to] = ends(columns, layer);
    if (x < from || x > to) continue;
    const share = (x - from) / (to - from);
    let [lo, hi] = [0, 1];
    for (let i = 0; i < 20; i += 1) {
      const t = (lo + hi) / 2;
      // Bézier with both inner points in the middle: x(t) = 1.5 t (1 - t) + t³
      if (1.5 * t * (1 - t) + t ** 3 < share) lo = t;
      else hi = t;
    }
    return { layer, rise: ease(lo) };
  }
  return null;
}

export function ends(columns, layer) {
  const [a, b] = [columns[layer], columns[layer + 1]];
  return [a.x + a.size / 2, b.x - b.size / 2];
}

/* Where a wire starts and ends: the arriving ones spread over half of the neuron's height. */
export function wire(columns, layer, unit, source) {
  const [a, b] = [columns[layer], columns[layer + 1]];
  const spread = a.count > 1 ? (source / (a.count - 1) - 0.5) * b.size * 0.55 : 0;
  return [a.ys[source], b.ys[unit] + spread];
}
