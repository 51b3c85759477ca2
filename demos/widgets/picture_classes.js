/* Classes and their pictures, one card a class: see picture_classes.py. Files, folders, zip files
   and camera bursts are cut square and made small here; nothing larger leaves the browser. */

import { camera, squareOf, squareOfFile, whenHidden } from "./camera.js";
import { canvasOf, keyed, node, number, start, words } from "./common.js";
import { unzip } from "./unzip.js";

const BATCH = 8; // pictures in one message
const BURST_MS = 150; // between two pictures while a button is held
const LONGEST_NAME = 40;
const SHOWN = 12;
const PICTURE = /\.(jpe?g|png|webp|gif|bmp|avif|heic|heif|tiff?)$/i;

export function mount(host) {
  const say = words(host.props);
  const video = node("video", { muted: true, playsinline: true, hidden: true });
  const film = node("button", { type: "button", class: "film" });
  const add = node("button", { type: "button", class: "new" });
  const clear = node("button", { type: "button", class: "clear" });
  const note = node("p", { class: "note", role: "status" });
  const hint = node("p", { class: "hint" });
  const cards = node("div", { class: "cards" });
  const root = node("div", { class: "root" }, hint,
    node("div", { class: "bar" }, add, film, clear), video, note, cards);
  canvasOf(host).append(root);
  const view = { host, say, video, told: null, busy: 0, root };
  view.camera = camera(video, () => redraw());

  film.addEventListener("click", async () => {
    view.told = null;
    if (view.camera.on) view.camera.close();
    else await view.camera.open().catch(() => { view.told = ["no_camera", {}]; });
    redraw();
  });
  add.addEventListener("click", () => {
    const taken = new Set(classesOf(host).map((one) => one.name));
    let n = taken.size + 1;
    while (taken.has(say("unnamed", { n }))) n += 1;
    act(view, { do: "class", name: say("unnamed", { n }) });
  });
  clear.addEventListener("click", () => act(view, { do: "clear" }));
  listenDrop(view, root, null, () => redraw());
  whenHidden(host.element, () => {
    if (!view.camera.on) return;
    view.camera.close();
    redraw();
  });

  const redraw = start(host, () => {
    const classes = classesOf(host);
    const full = classes.length >= (host.props.value?.most ?? 10);
    video.hidden = !view.camera.on;
    film.textContent = say(view.camera.on ? "camera_off" : "camera");
    add.textContent = say("add_class");
    clear.textContent = say("clear");
    clear.hidden = classes.length === 0;
    add.disabled = full;
    hint.textContent = say("hint");
    const told = view.told ?? (host.props.value?.told && [host.props.value.told.key, host.props.value.told.values]);
    note.textContent = view.busy ? say("reading", { count: number(view.busy) }) : told ? say(...told) : "";
    note.classList.toggle("wrong", !view.busy && Boolean(told));
    keyed(cards, classes, (_, i) => i, () => card(view, redraw), (element, one, i) => element.dl(one, i));
  });
}

const classesOf = (host) => host.props.value?.classes ?? [];

function act(view, what) {
  if (what.do !== "add") view.told = null;
  view.host.trigger("act", what);
}

/* One class. element.dl(value, index) brings it up to date. */
function card(view, redraw) {
  const { say } = view;
  let one = null;
  const name = node("input", { class: "name", maxlength: LONGEST_NAME });
  const count = node("span", { class: "count" });
  const strip = node("div", { class: "strip" });
  const input = node("input", {
    type: "file", accept: "image/*,.zip", multiple: true, hidden: true, tabindex: -1,
  });
  const choose = node("button", { type: "button", class: "choose" });
  const hold = node("button", { type: "button", class: "hold" });
  const remove = node("button", { type: "button", class: "remove" }, "×");
  const element = node("section", { class: "card" },
    node("div", { class: "top" }, name, count, remove), strip, node("div", { class: "bar" }, choose, hold), input);

  name.addEventListener("change", () => {
    const to = name.value.trim();
    if (to && to !== one.name) act(view, { do: "rename", name: one.name, to });
    else name.value = one.name;
  });
  name.addEventListener("keydown", (event) => event.key === "Enter" && name.blur());
  remove.addEventListener("click", () => act(view, { do: "remove", name: one.name }));
  choose.addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    const files = [...input.files].map((file) => ({ path: file.name, file }));
    input.value = ""; // the same files may be chosen again
    await take(view, files, one.name, redraw);
  });
  listenHold(view, hold, () => one.name);
  listenDrop(view, element, () => one.name, redraw);

  element.dl = (value) => {
    one = value;
    if (document.activeElement !== name) name.value = one.name;
    name.setAttribute("aria-label", say("name"));
    count.textContent = say("count", { count: number(one.count) });
    choose.textContent = say("choose");
    hold.textContent = say("hold");
    hold.hidden = !view.camera.on;
    remove.setAttribute("aria-label", say("remove", { name: one.name }));
    remove.title = say("remove", { name: one.name });
    const shown = Math.min(one.count, SHOWN);
    const first = one.count - shown;
    const picture = one.sheet ? `url("${one.sheet}")` : "none";
    keyed(strip, Array.from({ length: shown }, (_, i) => i), (i) => i, () => thumbnail(view, () => one), (cell, i) => {
      cell.dlIndex = first + i;
      Object.assign(cell.style, {
        backgroundImage: picture, backgroundSize: `${100 * shown}% 100%`,
        backgroundPosition: `${shown > 1 ? (100 * i) / (shown - 1) : 0}% 0`,
      });
      const label = say("drop", { n: number(first + i + 1) });
      cell.setAttribute("aria-label", label);
      cell.title = label;
    });
  };
  return element;
}

function thumbnail(view, one) {
  const cell = node("button", { type: "button", class: "thumb" });
  cell.addEventListener("click", () => act(view, { do: "drop", name: one().name, index: cell.dlIndex }));
  return cell;
}

/* While the button is held down, by pointer or by key, the camera takes pictures. */
function listenHold(view, button, name) {
  let timer = null;
  const shoot = () => {
    if (!view.camera.on || !view.video.videoWidth) return;
    const picture = squareOf(view.video, view.host.props.value?.side ?? 224);
    act(view, { do: "add", name: name(), pictures: [picture] });
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.classList.remove("on");
  };
  const go = () => {
    if (timer !== null) return;
    button.classList.add("on");
    shoot();
    timer = setInterval(shoot, BURST_MS);
  };
  button.addEventListener("pointerdown", (event) => {
    button.setPointerCapture(event.pointerId);
    go();
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) button.addEventListener(end, stop);
  button.addEventListener("keydown", (event) => [" ", "Enter"].includes(event.key) && (event.preventDefault(), go()));
  button.addEventListener("keyup", stop);
}

/* Pictures, folders and zip files may be dropped on a card, or beside the cards. */
function listenDrop(view, element, name, redraw) {
  element.addEventListener("dragover", (event) => {
    event.preventDefault();
    event.stopPropagation();
    element.classList.add("over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    element.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const plain = [...event.dataTransfer.files].map((file) => ({ path: file.name, file }));
    const files = entries.length ? (await Promise.all(entries.map((entry) => walk(entry)))).flat() : plain;
    await take(view, files, name?.() ?? null, redraw);
  });
}

/* All files under a dropped entry: [{ path, file }]. */
async function walk(entry, path = "") {
  const here = path ? `${path}/${entry.name}` : entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve) => { entry.file(resolve, () => resolve(null)); });
    return file ? [{ path: here, file }] : [];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a folder is told in parts of a hundred
    const part = await new Promise((resolve) => { reader.readEntries(resolve, () => resolve([])); });
    if (!part.length) return found;
    for (const one of part) found.push(...await walk(one, here));
  }
}

/* Send pictures on: into the class that is named, or into one named as their folder is. */
async function take(view, files, name, redraw) {
  view.told = null;
  const side = view.host.props.value?.side ?? 224;
  const waiting = new Map(); // class -> pictures that were not sent yet
  let [skipped, homeless] = [0, 0];
  const send = (to) => {
    const pictures = waiting.get(to) ?? [];
    if (pictures.length) act(view, { do: "add", name: to, pictures });
    waiting.delete(to);
  };
  const put = async (path, file) => {
    const to = name ?? path.split("/").at(-2)?.slice(0, LONGEST_NAME);
    if (!to) {
      homeless += 1;
      return;
    }
    try {
      waiting.set(to, [...(waiting.get(to) ?? []), await squareOfFile(file, side)]);
      if (waiting.get(to).length >= BATCH) send(to);
    } catch {
      skipped += 1;
    }
  };
  const wanted = (path) => PICTURE.test(path) && !path.split("/").some((part) => /^(\.|__MACOSX)/.test(part));
  view.busy = files.length;
  redraw();
  try {
    for (const { path, file } of files) {
      if (/\.zip$/i.test(path)) {
        for (const inside of await unzip(file)) {
          if (wanted(inside.name)) await put(inside.name, await inside.read());
        }
      } else if (wanted(path) || file.type.startsWith("image/")) await put(path, file);
      else skipped += 1;
      view.busy -= 1;
      redraw();
    }
  } catch (error) {
    view.told = [["no_zip", "locked", "large"].includes(error.message) ? error.message : "no_zip", {}];
  }
  for (const to of [...waiting.keys()]) send(to);
  view.busy = 0;
  if (homeless) view.told ??= ["homeless", { count: number(homeless) }];
  else if (skipped) view.told ??= ["skipped", { count: number(skipped) }];
  redraw();
}
