/* Where a line w1·x + w2·y + b = 0 runs on the plane. Geometry of the picture, none of the network.

   A geometry g = { low, high, x(x), y(y) }: what is seen of the plane, and its pixels. */

import { svg } from "./common.js";

/* The two ends of a line, far outside the picture, and the foot of its normal. */
export function ends({ w1, w2, b }, geometry) {
  const square = w1 * w1 + w2 * w2;
  if (square < 1e-12) return null;
  const middle = (geometry.low + geometry.high) / 2;
  const score = w1 * middle + w2 * middle + b;
  const foot = [middle - (score * w1) / square, middle - (score * w2) / square];
  const length = Math.sqrt(square);
  const along = [w2 / length, -w1 / length]; // the positive side lies on the left of this direction
  const far = 4 * (geometry.high - geometry.low);
  return {
    foot, along, normal: [w1 / length, w2 / length],
    p: [foot[0] - far * along[0], foot[1] - far * along[1]],
    q: [foot[0] + far * along[0], foot[1] + far * along[1]],
  };
}

export function drawn(line, g) {
  const end = ends(line, g);
  if (!end) return "";
  return `M${g.x(end.p[0])} ${g.y(end.p[1])}L${g.x(end.q[0])} ${g.y(end.q[1])}`;
}

/* A short arrow to the side where the neuron says 1. */
export function arrow({ foot, normal }, g) {
  const [x, y] = [g.x(foot[0]), g.y(foot[1])];
  const [dx, dy] = [normal[0], -normal[1]];
  const tip = [x + 34 * dx, y + 34 * dy];
  const wing = (s) => `L${tip[0] - 8 * dx + s * 5 * dy} ${tip[1] - 8 * dy - s * 5 * dx}`;
  return svg("path", { class: "arrow", d: `M${x} ${y}L${tip[0]} ${tip[1]}${wing(1)}M${tip[0]} ${tip[1]}${wing(-1)}` });
}

/* Two places on the visible part of a line, a quarter from either end; at the rim if it is outside. */
export function spots({ foot, along }, g) {
  const inside = (t) => [0, 1].every((i) => {
    const v = foot[i] + t * along[i];
    return v >= g.low && v <= g.high;
  });
  const size = g.high - g.low;
  const seen = Array.from({ length: 161 }, (_, i) => ((i - 80) / 80) * size * 1.5).filter(inside);
  const [from, to] = seen.length > 1 ? [seen[0], seen.at(-1)] : [-size / 4, size / 4];
  const spot = (t) => [0, 1].map((i) => Math.min(g.high, Math.max(g.low, foot[i] + t * along[i])));
  const quarter = (to - from) / 4;
  return seen.length > 1 ? { p: spot(from + quarter), q: spot(to - quarter) } : rim(foot, along, size, spot);
}

/* A line outside the picture keeps its handles at the rim, from where it can be pulled in. */
const rim = (foot, along, size, spot) => ({ p: spot(-size / 5), q: spot(size / 5) });
