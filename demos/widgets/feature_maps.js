/* What the network sees. A strip of stages, each a small montage of its maps; the open stage shows
   its maps one by one. Choosing a map asks the server for its exact numbers (see inspector.js). */

import { canvasOf, diverging, node, number, paint, sequential, start, unpack, words }
  from "./common.js";

const STAGES = ["input", "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flat", "hidden",
  "softmax"];
const SIGNED = new Set(["conv1", "conv2"]); // stages whose numbers may be negative

/* The layer whose filter a map of this stage comes from, when it can be muted. */
const layerOf = (stage) => {
  if (["conv1", "relu1", "pool1"].includes(stage)) return "conv1";
  return ["conv2", "relu2", "pool2"].includes(stage) ? "conv2" : null;
};

export function mount(host) {
  const view = { open: "conv1", unit: null, built: "", strip: new Map(), tiles: [] };
  start(host, () => render(host, view));
}

function render(host, view) {
  const root = canvasOf(host);
  const say = words(host.props);
  const value = host.props.value;
  if (!value?.image) {
    view.built = "";
    root.replaceChildren(node("p", { class: "dl-feature_maps-empty" }, say("empty")));
    return;
  }
  const stages = stagesOf(value);
  const built = `${document.documentElement.lang} ${view.open}`;
  if (view.built !== built) {
    const focused = root.contains(document.activeElement) && document.activeElement.dataset.stage;
    root.replaceChildren(strip(host, view, stages, say), panel(host, view, stages, say));
    view.built = built;
    if (focused) root.querySelector(`[data-stage="${focused}"]`)?.focus();
  }
  for (const [name, canvas] of view.strip) montage(canvas, stages[name]);
  update(host, view, stages[view.open], value, say);
}

/* Every stage as { name, count, width, height, tones, amounts }: tones from -1 to 1 for the picture,
   amounts where single numbers are written. ReLU is conv with its negatives cut off and muted maps
   blank: the very picture its numbers would give. */
function stagesOf(value) {
  const maps = (name, packed) => {
    const { shape: [count, height, width], data } = unpack(packed);
    return { name, count, height, width, tones: Float32Array.from(data, (v) => v / 127) };
  };
  const singles = (name, amounts) => {
    const most = amounts.reduce((a, b) => Math.max(a, b), 0) || 1;
    const tones = Float32Array.from(amounts, (v) => v / most);
    return { name, count: amounts.length, width: 1, height: 1, tones, amounts };
  };
  const stages = {};
  for (const [name, packed] of Object.entries(value.maps)) stages[name] = maps(name, packed);
  for (const [relu, conv] of [["relu1", "conv1"], ["relu2", "conv2"]]) {
    const { width, height, tones } = stages[conv];
    const cut = tones.map((v) => Math.max(0, v));
    for (const [layer, unit] of value.muted) {
      if (layer === conv) cut.fill(0, unit * width * height, (unit + 1) * width * height);
    }
    stages[relu] = { ...stages[conv], name: relu, tones: cut };
  }
  const image = Float32Array.from(unpack(value.image).data, (v) => v / 255);
  stages.input = { name: "input", count: 1, width: 28, height: 28, tones: image };
  stages.flat = { ...stages.pool2, name: "flat", width: 25, height: 1 };
  stages.hidden = singles("hidden", unpack(value.hidden).data);
  stages.softmax = { ...singles("softmax", value.probabilities),
    tones: Float32Array.from(value.probabilities) };
  return stages;
}

const colourOf = (stage) => (SIGNED.has(stage.name) ? diverging : sequential);

/* All maps of a stage in one small picture. */
function montage(canvas, stage) {
  const { count, width, height, tones } = stage;
  const gap = width > 1 && height > 1 ? 1 : 0;
  const columns = stage.name === "softmax" ? 1 : stage.name === "flat" ? 1
    : Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const [w, h] = [columns * (width + gap) - gap, rows * (height + gap) - gap];
  const picture = new Float32Array(w * h);
  for (let i = 0; i < count; i += 1) {
    const [left, top] = [(i % columns) * (width + gap), Math.floor(i / columns) * (height + gap)];
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        picture[(top + y) * w + left + x] = tones[(i * height + y) * width + x];
      }
    }
  }
  paint(canvas, picture, w, h, colourOf(stage));
}

function strip(host, view, stages, say) {
  view.strip.clear();
  const tabs = STAGES.map((name) => {
    const canvas = node("canvas", { "aria-hidden": "true" });
    view.strip.set(name, canvas);
    const open = name === view.open;
    return node("button", {
      type: "button", role: "tab", class: "dl-feature_maps-stage", "data-stage": name,
      "aria-selected": String(open), tabindex: open ? "0" : "-1",
      onclick: () => openStage(host, view, name),
    }, canvas, node("b", {}, say(`stage.${name}`)), node("span", {}, say(`shape.${name}`)));
  });
  const list = node("div", { class: "dl-feature_maps-strip", role: "tablist",
    "aria-label": say("stages") }, tabs);
  list.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const next = STAGES[(STAGES.indexOf(view.open) + move + STAGES.length) % STAGES.length];
    openStage(host, view, next);
    list.parentElement.querySelector(`[role=tab][data-stage="${next}"]`)?.focus();
  });
  return list;
}

function openStage(host, view, name) {
  view.open = name;
  view.unit = null;
  render(host, view);
  canvasOf(host).querySelector(`[role=tab][data-stage="${name}"]`)
    ?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function panel(host, view, stages, say) {
  const stage = stages[view.open];
  view.tiles = Array.from({ length: stage.count }, (_, unit) => tile(host, view, stage, unit, say));
  const maps = node("div", { class: `dl-feature_maps-maps is-${stage.name}`, role: "group",
    "aria-label": say(`stage.${stage.name}`) }, view.tiles.map((one) => one.element));
  maps.addEventListener("keydown", (event) => onKey(host, view, stage, event));
  const unmute = node("button", { type: "button", class: "dl-feature_maps-unmute",
    onclick: () => host.trigger("unmute", {}) }, say("unmute"));
  view.unmute = unmute;
  return node("div", { role: "tabpanel", "aria-label": say(`stage.${stage.name}`) },
    node("p", { class: "dl-feature_maps-note" }, say(`note.${stage.name}`), " ", unmute), maps);
}

/* One map: a picture to press, and where its filter can be muted, a second, small button. */
function tile(host, view, stage, unit, say) {
  const layer = layerOf(stage.name);
  const canvas = node("canvas", { "aria-hidden": "true" });
  const caption = node("span", { class: "dl-feature_maps-caption" });
  const press = node("button", { type: "button", class: "dl-feature_maps-map", "data-unit": unit,
    tabindex: unit === 0 ? "0" : "-1", disabled: stage.name === "input",
    onclick: () => inspect(host, view, stage, unit) }, canvas, caption);
  const muter = layer && node("button", { type: "button", class: "dl-feature_maps-mute",
    tabindex: "-1", onclick: () => host.trigger("mute", { layer, unit }) }, "×");
  const element = node("div", { class: "dl-feature_maps-tile" }, press, muter);
  return { element, canvas, caption, press, muter, unit };
}

function inspect(host, view, stage, unit) {
  if (stage.name === "input") return;
  view.unit = unit;
  render(host, view);
  host.trigger("inspect", { stage: stage.name, unit });
}

function onKey(host, view, stage, event) {
  const unit = Number(event.target.dataset?.unit ?? NaN);
  if (Number.isNaN(unit)) return;
  const layer = layerOf(stage.name);
  if (event.key === "m" && layer) {
    host.trigger("mute", { layer, unit });
    return;
  }
  const wide = perRow(view);
  const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide }[event.key];
  const next = view.tiles[unit + move];
  if (!move || !next) return;
  event.preventDefault();
  next.press.focus();
  inspect(host, view, stage, next.unit);
}

/* How many tiles stand in the first row now. */
function perRow(view) {
  const top = view.tiles[0].element.offsetTop;
  const below = view.tiles.findIndex((one) => one.element.offsetTop > top);
  return below < 0 ? view.tiles.length : below;
}

/* Pictures, captions and states of the open stage's tiles. */
function update(host, view, stage, value, say) {
  const { width, height, tones, amounts } = stage;
  const layer = layerOf(stage.name);
  const muted = new Set(value.muted.filter(([name]) => name === layer).map(([, unit]) => unit));
  view.unmute.hidden = value.muted.length === 0;
  for (const one of view.tiles) {
    const part = tones.subarray(one.unit * width * height, (one.unit + 1) * width * height);
    paint(one.canvas, part, width, height, colourOf(stage));
    const name = stage.name === "input" ? "" : String(one.unit);
    const single = amounts !== undefined;
    const amount = single ? number(amounts[one.unit], 3) : "";
    one.caption.textContent = single ? `${name}: ${amount}` : name;
    const off = muted.has(one.unit);
    const chosen = one.unit === view.unit;
    one.element.classList.toggle("is-muted", off);
    one.element.classList.toggle("is-chosen", chosen);
    one.press.setAttribute("aria-pressed", String(chosen));
    if (view.unit !== null) one.press.tabIndex = chosen ? 0 : -1;
    const label = say(single ? "number_label" : "map_label", { unit: one.unit, amount });
    one.press.setAttribute("aria-label", off ? `${label} (${say("is_muted")})` : label);
    if (!one.muter) continue;
    const action = say(off ? "unmute_one" : "mute_one", { unit: one.unit });
    one.muter.setAttribute("aria-label", action);
    one.muter.title = action;
    one.muter.textContent = off ? "↺" : "×";
  }
}
