/* The arithmetic of charts: round axis ticks, thinning to pixels, smoothing, looking up a value. */

/* An axis that covers lo … hi in about `count` steps of 1, 2 or 5 times a power of ten. */
export function niceAxis(lo, hi, count) {
  if (!(hi > lo)) [lo, hi] = [lo - (Math.abs(lo) || 1) / 2, hi + (Math.abs(hi) || 1) / 2];
  const rough = (hi - lo) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((m) => m * power >= rough * 0.999) * power;
  const first = Math.floor(lo / step + 1e-9);
  const last = Math.ceil(hi / step - 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => clean((first + i) * step, step));
  return { lo: ticks[0], hi: ticks.at(-1), ticks, step };
}

/* 0.30000000000000004 is 0.3. */
const clean = (value, step) => Number(value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(step)))));

/* Powers of ten, with 2 and 5 or with 3 between them while there is room. */
export function logAxis(lo, hi, count) {
  if (!(lo > 0) || !(hi > 0)) [lo, hi] = [0.1, 1];
  const all = (factors) => {
    const ticks = [];
    for (let p = Math.floor(Math.log10(lo)) - 1; p <= Math.ceil(Math.log10(hi)); p += 1) {
      for (const factor of factors) ticks.push(Number((factor * 10 ** p).toPrecision(3)));
    }
    const first = ticks.findLastIndex((tick) => tick <= lo * 1.0001);
    const last = ticks.findIndex((tick) => tick >= hi * 0.9999);
    return ticks.slice(Math.max(0, first), last + 1);
  };
  const fine = all([1, 2, 5]);
  const [first, last] = [fine[0], Math.max(fine.at(-1), fine[0] * 2)];
  const sets = [fine, all([1, 3]), all([1])].map((set) => set.filter((t) => t >= first && t <= last));
  const ticks = sets.find((set) => set.length <= count + 2) ?? sets[2];
  const every = Math.ceil(ticks.length / (count + 2));
  return { lo: first, hi: last, ticks: ticks.filter((_, i) => i % every === 0), step: 0 };
}

/* The smallest and largest finite y; `usable` leaves points out (a logarithm needs y > 0). */
export function extent(curves, usable = () => true) {
  let [lo, hi] = [Infinity, -Infinity];
  for (const points of curves) {
    for (const [, y] of points) {
      if (!Number.isFinite(y) || !usable(y)) continue;
      if (y < lo) lo = y;
      if (y > hi) hi = y;
    }
  }
  return lo <= hi ? [lo, hi] : null;
}

/* How wide to smooth: a thirtieth of the curve, and nothing while it is short or already calm. */
export function smoothing(points) {
  const half = Math.floor(points.length / 60);
  if (half < 1) return 0;
  const range = extent([points]);
  if (!range) return 0;
  let jumps = 0;
  for (let i = 1; i < points.length - 1; i += 1) {
    jumps += Math.abs(points[i - 1][1] - 2 * points[i][1] + points[i + 1][1]);
  }
  return jumps / (points.length - 2) > 0.01 * (range[1] - range[0]) ? half : 0;
}

const smoothed = new WeakMap(); // a curve that no longer grows is smoothed once

/* A moving average over ±half points. At the start the window shrinks evenly, so that the first
   value stays the first; at the end it looks back only, so that a live curve does not wriggle. */
export function smooth(points, half) {
  const known = smoothed.get(points);
  if (known?.half === half) return known.line;
  const sums = [0];
  const counts = [0];
  for (const [, y] of points) {
    const fine = Number.isFinite(y);
    sums.push(sums.at(-1) + (fine ? y : 0));
    counts.push(counts.at(-1) + (fine ? 1 : 0));
  }
  const line = points.map(([x], i) => {
    const from = i - Math.min(half, i);
    const to = Math.min(points.length, i + Math.min(half, i) + 1);
    const count = counts[to] - counts[from];
    return [x, count ? (sums[to] - sums[from]) / count : null];
  });
  smoothed.set(points, { half, line });
  return line;
}

/* An SVG path through points [x, y] already in pixels. More points than pixels are thinned to the
   lowest and highest of each pixel column, which looks the same; a y that is not finite is a gap. */
export function path(pixels) {
  let text = "";
  let pen = false;
  for (const [x, y] of thin(pixels)) {
    if (!Number.isFinite(y)) {
      pen = false;
      continue;
    }
    text += `${pen ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`;
    pen = true;
  }
  return text;
}

/* The closed area between two lines; where either has a gap, it ends and begins anew. */
export function ribbon(low, high) {
  const parts = [];
  let part = [[], []];
  const shut = () => {
    if (part[0].length) parts.push(`${path(part[0])}${path(part[1].toReversed()).replace("M", "L")}Z`);
    part = [[], []];
  };
  const above = new Map(high);
  for (const [x, y] of low) {
    const top = above.get(x);
    if (Number.isFinite(y) && Number.isFinite(top)) {
      part[0].push([x, y]);
      part[1].push([x, top]);
    } else shut();
  }
  shut();
  return parts.join("");
}

export function thin(pixels) {
  if (pixels.length < 4) return pixels;
  const columns = Math.abs(pixels.at(-1)[0] - pixels[0][0]) + 1;
  if (pixels.length <= columns * 2) return pixels;
  const kept = [];
  for (let i = 0; i < pixels.length; ) {
    const column = Math.floor(pixels[i][0]);
    let [low, high] = [i, i];
    let j = i + 1;
    for (; j < pixels.length && Math.floor(pixels[j][0]) === column; j += 1) {
      if (!(pixels[j][1] >= pixels[low][1])) low = j;
      if (!(pixels[j][1] <= pixels[high][1])) high = j;
    }
    kept.push(pixels[Math.min(low, high)]);
    if (low !== high) kept.push(pixels[Math.max(low, high)]);
    i = j;
  }
  if (kept.at(-1) !== pixels.at(-1)) kept.push(pixels.at(-1));
  return kept;
}

/* The last point at or before x, or null: what a curve was worth at that moment. */
export function pointAt(points, x) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= x + 1e-9) low = middle + 1;
    else high = middle;
  }
  return low ? points[low - 1] : null;
}

/* The point nearest to x. */
export function nearest(points, x) {
  const before = pointAt(points, x);
  if (!before) return points[0] ?? null;
  const after = points[points.indexOf(before) + 1];
  return after && after[0] - x < x - before[0] ? after : before;
}
