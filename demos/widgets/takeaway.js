/* A heatmap to take away: as a picture (PNG), a drawing (SVG), or numbers (CSV), made right here. */

import { colours, node, rgb } from "./common.js";
import { draw, layOut, shade, sized } from "./matrix.js";

const KINDS = ["png", "svg", "csv"];
const CELL = 24;

/* Three buttons. table() gives what is on the screen: { name, rows, columns, data, signed, limit }. */
export function takeaway(host, say, table) {
  const make = { png, svg, csv };
  const save = async (kind) => {
    const shown = table();
    if (!shown) return;
    const blob = await make[kind](shown, host.element);
    const link = node("a", { href: URL.createObjectURL(blob), download: `${shown.name}.${kind}` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  const label = node("span");
  const buttons = KINDS.map((kind) => node("button", { type: "button", class: kind, onclick: () => save(kind) }, kind.toUpperCase()));
  const bar = node("div", { class: "dl-takeaway", role: "group" }, label, buttons);
  bar.dlSay = () => {
    label.textContent = say("take");
    bar.setAttribute("aria-label", say("take"));
  };
  return bar;
}

function planned(shown, element) {
  const canvas = document.createElement("canvas");
  const plan = layOut(canvas.getContext("2d"), shown, { cell: CELL, family: getComputedStyle(element).fontFamily });
  return { canvas, plan };
}

async function png(shown, element) {
  const { canvas, plan } = planned(shown, element);
  const context = sized(canvas, plan.width, plan.height, 2);
  const theme = colours(element);
  context.fillStyle = theme.surface;
  context.fillRect(0, 0, plan.width, plan.height);
  draw(context, plan, theme);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}

function svg(shown, element) {
  const { plan } = planned(shown, element);
  const theme = colours(element);
  const { left, top, cell, width, height } = plan;
  const text = (x, y, more, words) => `<text x="${x}" y="${y}" ${more}>${escaped(words)}</text>`;
  const cells = Array.from(plan.data, (v, i) => {
    const [r, c] = [Math.floor(i / plan.columns.length), i % plan.columns.length];
    const [x, y] = [left + c * cell, top + r * cell];
    const cross = plan.hidden?.(i) ? `<path d="M${x + 1} ${y + cell - 1}L${x + cell - 1} ${y + 1}" stroke="${theme.muted}"/>` : "";
    return `<rect x="${x}" y="${y}" width="${cell}" height="${cell}" fill="${rgb(shade(plan, v))}"><title>${v}</title></rect>${cross}`;
  });
  const rows = plan.rows.map((name, r) => text(left - 5, top + (r + 0.65) * cell, 'text-anchor="end"', name));
  const columns = plan.columns.map((name, c) => {
    const x = left + (c + 0.65) * cell;
    return text(x, top - 4, `transform="rotate(-90 ${x} ${top - 4})"`, name);
  });
  return new Blob([
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" fill="${theme.ink}">`,
    `<rect width="100%" height="100%" fill="${theme.surface}"/>`, ...cells, ...rows, ...columns, "</svg>",
  ], { type: "image/svg+xml" });
}

const escaped = (text) => text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`)
  .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");

function csv({ rows, columns, data }) {
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
  const lines = rows.map((name, r) => [quoted(name), ...data.slice(r * columns.length, (r + 1) * columns.length)].join(","));
  return new Blob(["\ufeff", [["", ...columns.map(quoted)].join(","), ...lines].join("\r\n"), "\r\n"], { type: "text/csv" });
}
