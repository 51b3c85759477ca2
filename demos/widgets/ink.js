/* A drawing as a list of actions that can be undone, painted alike on every layer.

   Ink is the alpha channel, whatever its colour: the layer that is read and the layer that is seen
   differ in size and colour only. An action is
     { kind: "stroke", points: [{ x, y, width }, …] }   in units of the 336 x 336 drawing,
     { kind: "picture", pixels: base64 of 84 x 84 bytes }   replaces what was there, or
     { kind: "clear" }. */

export const SIZE = 336; // the drawing's own units, and the side of the layer that is read
export const SENT = 84; // the side of the picture that is sent: averages of 4 x 4 pixels
const BLOCK = SIZE / SENT;

export function layer(canvas, side, smooth) {
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d", { willReadFrequently: !smooth });
  context.setTransform(side / SIZE, 0, 0, side / SIZE, 0, 0);
  context.imageSmoothingEnabled = smooth;
  context.lineCap = context.lineJoin = "round";
  return context;
}

/* What a stroke's newest point adds: curves run from midpoint to midpoint, so they never kink. */
export function paintPoint(context, points, index, colour) {
  const point = points[index];
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = point.width;
  context.beginPath();
  if (index === 0) {
    context.arc(point.x, point.y, point.width / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  const before = points[index - 1];
  const start = index === 1 ? before : middle(points[index - 2], before);
  const end = middle(before, point);
  context.moveTo(start.x, start.y);
  context.quadraticCurveTo(before.x, before.y, end.x, end.y);
  context.stroke();
}

/* The last half step, from the last midpoint to where the pen was lifted. */
export function paintEnd(context, points, colour) {
  if (points.length < 2) return;
  const [before, last] = points.slice(-2);
  const start = middle(before, last);
  context.strokeStyle = colour;
  context.lineWidth = last.width;
  context.beginPath();
  context.moveTo(start.x, start.y);
  context.lineTo(last.x, last.y);
  context.stroke();
}

const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });

export function paintAll(context, actions, colour) {
  context.clearRect(0, 0, SIZE, SIZE);
  const base = actions.findLastIndex((action) => action.kind !== "stroke");
  if (actions[base]?.kind === "picture") paintPicture(context, actions[base].pixels, colour);
  for (const { points } of actions.slice(base + 1)) {
    points.forEach((_, index) => paintPoint(context, points, index, colour));
    paintEnd(context, points, colour);
  }
}

function paintPicture(context, pixels, colour) {
  const small = new OffscreenCanvas(SENT, SENT);
  const brush = small.getContext("2d");
  brush.fillStyle = colour;
  brush.fillRect(0, 0, SENT, SENT);
  const image = brush.getImageData(0, 0, SENT, SENT); // the colour everywhere; now its alpha
  decode(pixels).forEach((ink, i) => (image.data[4 * i + 3] = ink));
  brush.putImageData(image, 0, 0);
  context.drawImage(small, 0, 0, SIZE, SIZE);
}

/* The picture that is sent: base64 of 84 x 84 bytes, 255 = ink; "" when there is none. */
export function encode(context) {
  const { data } = context.getImageData(0, 0, SIZE, SIZE);
  const sums = new Uint16Array(SENT * SENT);
  for (let y = 0; y < SIZE; y += 1) {
    const row = Math.floor(y / BLOCK) * SENT;
    for (let x = 0; x < SIZE; x += 1) {
      sums[row + Math.floor(x / BLOCK)] += data[4 * (y * SIZE + x) + 3];
    }
  }
  const bytes = Uint8Array.from(sums, (sum) => Math.round(sum / BLOCK ** 2));
  return bytes.some(Boolean) ? btoa(String.fromCharCode(...bytes)) : "";
}

const decode = (pixels) => Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));

export function isPicture(pixels) {
  try {
    return decode(pixels).length === SENT ** 2;
  } catch {
    return false;
  }
}

/* The actions so far, with undo and redo. `current` is the stroke under the pen, or null. */
export function history() {
  const done = [];
  const undone = [];
  return {
    done,
    undone,
    add(action) {
      done.push(action);
      undone.length = 0;
      return action;
    },
    undo: () => done.length > 0 && Boolean(undone.push(done.pop())),
    redo: () => undone.length > 0 && Boolean(done.push(undone.pop())),
    isEmpty: () => done.length === 0 || done.at(-1).kind === "clear",
  };
}
