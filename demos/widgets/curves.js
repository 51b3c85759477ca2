/* The data side of the line chart: runs as they were sent -> curves as lists of [x, y]. */

import { unpack } from "./common.js";

const EARLIER = 5; // earlier runs drawn; more would be fog
const MOST = 20_000; // points kept of one curve
const SHARE = /(accuracy|precision|recall|f1)$/; // curves that are shares of one: shown in percent

/* A curve comes as [[x, y], …] or, when nothing is added any more, as { x: packed, y: packed }.
   Remembers the live run's points, of which only the newest are sent each time. */
export function recorder() {
  const kept = new Map(); // run id -> { loss: [[x, y], …] }
  const packed = new WeakMap(); // points -> what they were unpacked from
  const decode = (curve, old) => {
    if (Array.isArray(curve)) return curve.toSorted((a, b) => a[0] - b[0]);
    const source = curve.x.data + curve.y.data;
    if (old && packed.get(old) === source) return old;
    const ys = unpack(curve.y).data;
    const points = Array.from(unpack(curve.x).data, (x, i) => [x, ys[i]]);
    packed.set(points, source);
    return points;
  };
  return (value) => {
    const runs = (value?.runs ?? []).slice(-1 - EARLIER).map((run) => {
      const old = kept.get(run.id) ?? {};
      const names = new Set([...Object.keys(old), ...Object.keys(run.curves ?? {})]);
      const curves = Object.fromEntries([...names].map(
        (name) => [name, join(old[name] ?? [], decode(run.curves?.[name] ?? [], old[name]))],
      ));
      return { ...run, curves };
    });
    kept.clear();
    for (const run of runs) if (run.id !== undefined) kept.set(run.id, run.curves);
    const live = runs.at(-1);
    return { ...value, runs, earlier: (value?.runs?.length ?? 0) - runs.length, live };
  };
}

function join(old, sent) {
  if (!sent.length) return old;
  const points = old.length && old[0][0] < sent[0][0]
    ? [...old.filter(([x]) => x < sent[0][0]), ...sent] : sent;
  return points.length > MOST ? points.filter((_, i) => i % 2 === 0 || i > MOST - 100) : points;
}

/* "loss" with "loss_low" and "loss_high" beside it is one curve with a band. */
const EDGE = /_(low|high)$/;
const EDGES = ["_low", "_high"];

export function bandOf(run, name) {
  const edges = EDGES.map((end) => run?.curves[name + end]);
  return edges.every((points) => points?.length) ? edges : null;
}

/* Which curves share a picture: as asked, else by their name without train_, test_ and so on. */
export function panelsOf(value, props) {
  let groups = value.panels ?? props.panels;
  if (!groups?.length) {
    const byBase = new Map();
    for (const name of new Set(value.runs.flatMap((run) => Object.keys(run.curves)))) {
      const base = name.replace(/^(train|test|val|validation)_/, "");
      byBase.set(base, [...(byBase.get(base) ?? []), name]);
    }
    if (!byBase.size) return [{ names: [], share: false }]; // an empty chart, of nothing yet
    groups = [...byBase.values()];
  }
  const shares = value.shares ?? props.shares ?? [];
  const known = new Set([...groups.flat(), ...value.runs.flatMap((run) => Object.keys(run.curves))]);
  const edge = (name) => EDGE.test(name) && known.has(name.replace(EDGE, ""));
  return groups.map((all) => all.filter((name) => !edge(name))).filter((names) => names.length)
    .map((names) => ({ names, share: names.every((name) => SHARE.test(name) || shares.includes(name)) }));
}

/* All panels share x, and a run that says how long it will be gets its whole axis at once. */
export function sharedX(runs, value, panels) {
  const names = new Set(panels.flatMap((panel) => panel.names));
  let [lo, hi] = [Infinity, -Infinity];
  for (const run of runs) {
    for (const [name, points] of Object.entries(run.curves)) {
      if (!names.has(name) || !points.length) continue;
      lo = Math.min(lo, points[0][0]);
      hi = Math.max(hi, points.at(-1)[0]);
    }
    if (run.total) [lo, hi] = [Math.min(lo, 0), Math.max(hi, run.total)];
  }
  for (const mark of value.marks ?? []) [lo, hi] = [Math.min(lo, mark.x), Math.max(hi, mark.x)];
  if (lo > 0 && lo <= hi * 0.05) lo = 0;
  return lo < hi ? [lo, hi] : [Math.min(lo, 0) || 0, Math.max(hi, 1) || 1];
}

/* The curve with the most points decides where the crosshair can stop. */
export function longest(value, out) {
  const runs = value.live && !out.has(value.live.id) ? [value.live] : value.runs;
  const curves = runs.flatMap((run) => Object.values(run.curves));
  return curves.reduce((best, points) => (points.length > best.length ? points : best), []);
}
