/* A photograph of the reader's: dropped, pasted, chosen or taken with the camera. See photo.py. */

import { canvasOf, node, number, start, svg, words } from "./common.js";
import { sizeOf } from "./picture_size.js";

const MOST_BYTES = 4_900_000; // what is larger is made smaller here: a phone's photographs often are
const PATIENCE_MS = 10_000; // a picture that was not answered by then is not sent again
const SHRUNK = 2048; // pixels of the longer side
const ICONS = {
  choose: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
  camera: "M4 8h4l2-3h4l2 3h4v11H4zM12 16a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7",
};

export function mount(host) {
  const say = words(host.props);
  const view = build();
  // error: a key, and what fills its words; sent: a file that no value has answered yet
  const state = { stream: null, busy: false, error: null, sent: null, number: Date.now() };
  canvasOf(host).append(view.root);

  async function send(file) {
    if (!file || state.busy) return;
    Object.assign(state, { busy: true, error: null });
    close();
    redraw();
    try {
      const small = await fitting(file, host.props.most_pixels);
      const { path } = await host.upload(small);
      const upload = { path, orig_name: small.name, meta: { _type: "gradio.FileData" } };
      state.number += 1;
      const until = performance.now() + PATIENCE_MS;
      state.sent = { file: upload, number: state.number, until };
      ask();
    } catch (error) {
      state.error = error instanceof Refused ? error : { key: "not_sent" };
    }
    state.busy = false;
    redraw();
  }

  function ask() {
    const { src, size, crop } = host.props.value || {};
    host.props.value = { src, size, crop, file: state.sent.file, number: state.sent.number };
    host.trigger("sent", {});
  }

  /* A value that answers another question than the last may have come over the picture sent since. */
  function receive() {
    const { sent } = state;
    const value = host.props.value || {};
    if (sent && value.number === sent.number) return; // our own
    if (sent && value.answers !== sent.number && performance.now() < sent.until) {
      ask();
      return;
    }
    state.sent = null;
    state.error = value.refused ?? null;
  }

  async function open() {
    if (state.stream) return;
    state.error = null;
    try {
      const wanted = { facingMode: "environment", width: { ideal: 1280 } };
      state.stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
      view.video.srcObject = state.stream;
      await view.video.play();
    } catch {
      close();
      state.error = { key: "no_camera" };
    }
    redraw();
  }

  function close() {
    for (const track of state.stream?.getTracks() ?? []) track.stop();
    state.stream = null;
    view.video.srcObject = null;
  }

  async function shoot() {
    const canvas = node("canvas", { width: view.video.videoWidth, height: view.video.videoHeight });
    canvas.getContext("2d").drawImage(view.video, 0, 0);
    const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.92); });
    send(new File([blob], "camera.jpg", { type: "image/jpeg" }));
  }

  view.input.addEventListener("change", () => {
    send(view.input.files[0]);
    view.input.value = ""; // the same file may be chosen again
  });
  view.choose.addEventListener("click", () => view.input.click());
  view.camera.addEventListener("click", () => (state.stream ? shoot() : open()));
  view.cancel.addEventListener("click", () => {
    close();
    redraw();
  });
  view.frame.addEventListener("dragover", (event) => {
    event.preventDefault();
    view.frame.classList.add("over");
  });
  view.frame.addEventListener("dragleave", () => view.frame.classList.remove("over"));
  view.frame.addEventListener("drop", (event) => {
    event.preventDefault();
    view.frame.classList.remove("over");
    send(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    if (!host.element.isConnected || host.element.clientWidth === 0) return; // another tab is open
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (!file || event.target.closest?.("input, textarea")) return;
    event.preventDefault();
    send(file);
  });
  new IntersectionObserver(([seen]) => { // leaving the tab switches the camera off
    if (!seen.isIntersecting && host.element.clientWidth === 0 && state.stream) {
      close();
      redraw();
    }
  }).observe(host.element);

  const redraw = start(host, () => {
    const value = host.props.value || {};
    const filming = state.stream !== null;
    view.video.hidden = view.cancel.hidden = !filming;
    view.image.hidden = filming || !value.src;
    view.empty.hidden = filming || Boolean(value.src);
    if (value.src && view.image.getAttribute("src") !== value.src) view.image.src = value.src;
    view.image.alt = say("alt");
    view.empty.textContent = say("empty");
    frameOf(view, filming ? null : value);
    view.choose.lastChild.textContent = say("choose");
    view.camera.lastChild.textContent = say(filming ? "shoot" : "camera");
    view.cancel.textContent = say("cancel");
    view.root.classList.toggle("busy", state.busy);
    const [width, height] = value.size ?? [];
    const told = width ? say("told", { width, height }) : "";
    const error = state.error ? say(state.error.key, written(state.error.values)) : "";
    view.note.textContent = error || (state.busy ? say("sending") : told) || say("hint");
    view.note.classList.toggle("wrong", Boolean(state.error));
  }, receive);
}

/* What lies outside the network's crop is dimmed. */
function frameOf(view, value) {
  const crop = value?.src ? value.crop : null;
  view.shade.hidden = !crop;
  if (!crop) return;
  const [left, top, right, bottom] = crop.map((share) => `${100 * share}%`);
  const inset = { left, top, width: `calc(${right} - ${left})`, height: `calc(${bottom} - ${top})` };
  Object.assign(view.shade.style, inset);
}

class Refused extends Error {
  constructor(key, values) {
    super(key);
    Object.assign(this, { key, values });
  }
}

const written = (values = {}) => Object.fromEntries(Object.entries(values).map(
  ([name, value]) => [name, typeof value === "number" ? number(value, 1) : value]));

/* The file as it may be sent. Throws Refused: what claims too many pixels is not even decoded. */
async function fitting(file, most) {
  const [width, height] = await sizeOf(file) ?? [0, 0];
  if (width * height > most) {
    const millions = { found: Math.round(width * height / 1e6), most: Math.round(most / 1e6) };
    throw new Refused("refused.pixels", millions);
  }
  return file.size > MOST_BYTES ? shrunk(file) : file;
}

/* A large picture as a smaller JPEG, turned upright. */
async function shrunk(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
    throw new Refused("too_large", { found: file.size / 1e6, most: MOST_BYTES / 1e6 });
  });
  const scale = Math.min(1, SHRUNK / Math.max(picture.width, picture.height));
  const canvas = node("canvas", {
    width: Math.max(1, Math.round(picture.width * scale)),
    height: Math.max(1, Math.round(picture.height * scale)),
  });
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.92); });
  return new File([blob], "photo.jpg", { type: "image/jpeg" });
}

function build() {
  const image = node("img", { draggable: "false", hidden: true });
  const shade = node("div", { class: "shade", hidden: true });
  const holder = node("div", { class: "holder" }, image, shade);
  const video = node("video", { muted: true, playsinline: true, hidden: true });
  const empty = node("p", { class: "empty" });
  const frame = node("div", { class: "frame" }, holder, video, empty);
  const input = node("input", { type: "file", accept: "image/*", hidden: true, tabindex: -1 });
  const press = (name) => node("button", { type: "button", class: name }, icon(name), node("span"));
  const [choose, camera] = [press("choose"), press("camera")];
  const cancel = node("button", { type: "button", class: "cancel", hidden: true });
  const note = node("p", { class: "note", role: "status" });
  const bar = node("div", { class: "bar" }, choose, camera, cancel);
  const root = node("div", {}, frame, bar, input, note);
  return { root, frame, image, shade, video, empty, input, choose, camera, cancel, note };
}

function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}
