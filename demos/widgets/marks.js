/* Classes as marks on a canvas: a colour and a form each, so that no eye depends on colour alone. */

/* Two classes are orange and blue, as the fields behind them; more take the colours of curves. */
export function classColours(colours, count) {
  if (count <= 2) return [colours.negative, colours.positive];
  return Array.from({ length: count }, (_, i) => colours.series[i % colours.series.length]);
}

const FORMS = [
  (c, r) => c.rect(-0.88 * r, -0.88 * r, 1.76 * r, 1.76 * r),
  (c, r) => c.arc(0, 0, r, 0, 2 * Math.PI),
  (c, r) => polygon(c, [[0, -1.25 * r], [1.15 * r, 0.85 * r], [-1.15 * r, 0.85 * r]]),
  (c, r) => polygon(c, [[0, -1.3 * r], [1.3 * r, 0], [0, 1.3 * r], [-1.3 * r, 0]]),
];

function polygon(context, points) {
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
}

/* One mark at a place; hollow: a row held out of training. */
export function mark(context, x, y, { label, radius, colour, surface, hollow }) {
  context.save();
  context.translate(x, y);
  context.beginPath();
  FORMS[label % FORMS.length](context, radius);
  context.lineWidth = hollow ? 1.6 : 1;
  context.fillStyle = hollow ? surface : colour;
  context.strokeStyle = hollow ? colour : surface;
  context.fill();
  context.stroke();
  context.restore();
}

/* A function (context, x, y, label, hollow) that prints marks made once: hundreds cost little. */
export function stamper({ kinds, radius, surface }) {
  const made = new Map();
  const scale = window.devicePixelRatio || 1;
  const size = Math.ceil(radius * 2.8 + 4);
  const make = (label, hollow) => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: size * scale, height: size * scale });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.scale(scale, scale);
    mark(context, size / 2, size / 2, { label, radius, colour: kinds[label % kinds.length], surface, hollow });
    return canvas;
  };
  return (context, x, y, label, hollow) => {
    const key = label * 2 + (hollow ? 1 : 0);
    if (!made.has(key)) made.set(key, make(label, hollow));
    context.drawImage(made.get(key), x - size / 2, y - size / 2, size, size);
  };
}

/* The same mark as a small canvas for a legend. */
export function sample(canvas, options) {
  const scale = window.devicePixelRatio || 1;
  Object.assign(canvas, { width: 14 * scale, height: 14 * scale });
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  mark(context, 7, 7, options);
}
