/* Classes and their pictures, one card a class: see picture_classes.py. Files, folders, zip files
   and camera bursts are cut square and made small here; nothing larger leaves the browser. */

import { camera, squareOf, squareOfFile, whenHidden } from "./camera.js";
import { canvasOf, keyed, node, number, start, words } from "./common.js";
import { MOST_FILES, MOST_MB, unzip } from "./unzip.js";

const BATCH = 32; // pictures in one message, at most
const PATIENCE_MS = 3000; // a message that got lost, or changed nothing, must not stop the next one
const BURST_MS = 150; // between two pictures while a button is held
const LONGEST_NAME = 40;
const SHOWN = 12;
const FAULTS = { no_zip: {}, locked: {}, large: { most_mb: MOST_MB }, too_many: { most: MOST_FILES } };
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
  const view = { host, say, video, told: null, busy: 0, pending: [], sending: null, root };
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
  }, () => view.answered?.());
}

const classesOf = (host) => host.props.value?.classes ?? [];

function act(view, what) {
  view.told = null;
  send(view, { what });
}

/* Send a picture to a class. name: tells the class when it is sent, for it may just be renamed. */
function put(view, name, picture) {
  send(view, { name, picture });
}

/* One message waits for the answer to the one before, for of two at once the later one may arrive
   first; while one is on its way the pictures for the next one gather. */
function send(view, message) {
  view.pending.push(message);
  view.sending ??= sendAll(view).finally(() => { view.sending = null; });
}

async function sendAll(view) {
  while (view.pending.length) {
    const what = view.pending[0].what ? view.pending.shift().what : gathered(view);
    await new Promise((resolve) => {
      view.answered = resolve;
      setTimeout(resolve, PATIENCE_MS);
      view.host.trigger("act", what);
    });
  }
}

/* The pictures that wait for the same class as the first one, before anything else happens. */
function gathered(view) {
  const name = view.pending[0].name();
  const other = view.pending.findIndex((one) => one.what);
  const first = other < 0 ? view.pending : view.pending.slice(0, other);
  const batch = first.filter((one) => one.name() === name).slice(0, BATCH);
  view.pending = view.pending.filter((one) => !batch.includes(one));
  return { do: "add", name, pictures: batch.map((one) => one.picture) };
}

/* One class. element.dl(value, index) brings it up to date. */
function card(view, redraw) {
  const { say } = view;
  let one = null;
  let at = 0;
  const named = () => classesOf(view.host)[at]?.name ?? one.name; // as Python last told it
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
    await take(view, files, named, redraw);
  });
  listenHold(view, hold, named);
  listenDrop(view, element, named, redraw);

  element.dl = (value, index) => {
    one = value;
    at = index;
    if (document.activeElement !== name) name.value = one.name;
    name.setAttribute("aria-label", say("label"));
    name.title = one.name; // a long one is cut off
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
    put(view, name, squareOf(view.video, view.host.props.value?.side ?? 224));
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
    const found = entries.length ? [] : [...event.dataTransfer.files].map((file) => ({ path: file.name, file }));
    try {
      for (const entry of entries) await walk(entry, found);
      await take(view, found, name, redraw);
    } catch (error) {
      tell(view, error);
      redraw();
    }
  });
}

/* Put all files under a dropped entry into `found`: { path, file }. */
async function walk(entry, found, path = "") {
  const here = path ? `${path}/${entry.name}` : entry.name;
  if (entry.isFile) {
    if (found.length >= MOST_FILES) throw new Error("too_many"); // somebody dropped a whole disk
    const file = await new Promise((resolve) => { entry.file(resolve, () => resolve(null)); });
    if (file) found.push({ path: here, file });
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a folder is told in parts of a hundred
    const part = await new Promise((resolve) => { reader.readEntries(resolve, () => resolve([])); });
    if (!part.length) return;
    for (const one of part) await walk(one, found, here);
  }
}

function tell(view, { message }) {
  view.told = message in FAULTS ? [message, FAULTS[message]] : ["no_zip", {}];
}

const isPicture = (path) => PICTURE.test(path) && !path.split("/").some((part) => /^(\.|__MACOSX)/.test(part));

/* Send pictures on: into the class that `name` tells, or, if null, one named as their folder is. */
async function take(view, files, name, redraw) {
  view.told = null;
  const side = view.host.props.value?.side ?? 224;
  let [skipped, homeless] = [0, 0];
  const add = async (path, read) => {
    const folder = path.split("/").at(-2)?.normalize("NFC").slice(0, LONGEST_NAME);
    const to = name ?? (() => folder);
    if (!to()) {
      homeless += 1;
      return;
    }
    try {
      put(view, to, await squareOfFile(await read(), side));
    } catch (error) {
      if (error.message === "large") throw error;
      skipped += 1;
    }
  };
  const left = (count) => {
    view.busy = count;
    redraw();
  };
  left(files.length);
  try {
    for (const { path, file } of files) {
      if (/\.zip$/i.test(path)) {
        const inside = await unzip(file, isPicture);
        if (!inside.length) view.told = ["nothing", {}];
        left(view.busy + inside.length);
        for (const one of inside) {
          await add(one.name, one.read);
          left(view.busy - 1);
        }
      } else if (isPicture(path) || file.type.startsWith("image/")) await add(path, async () => file);
      else skipped += 1;
      left(view.busy - 1);
    }
  } catch (error) {
    tell(view, error);
  }
  await view.sending;
  view.busy = 0;
  if (homeless) view.told ??= ["homeless", { count: number(homeless) }];
  else if (skipped) view.told ??= ["skipped", { count: number(skipped) }];
  redraw();
}
