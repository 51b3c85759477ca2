/* A camera whose pictures go to the server, each when the last one was answered. */

import { camera, squareOf, whenHidden } from "./camera.js";
import { canvasOf, node, start, words } from "./common.js";

const SIDE = 224;
const PATIENCE_MS = 3000; // an answer that got lost must not stop the camera
const PAUSE_MS = 60;
const WAIT_MS = 1000; // while there is nothing that could answer

export function mount(host) {
  const say = words(host.props);
  const video = node("video", { muted: true, playsinline: true, hidden: true });
  const button = node("button", { type: "button" });
  const note = node("p", { class: "note", role: "status" });
  canvasOf(host).append(node("div", { class: "root" }, button, video, note));
  const state = { seq: 0, asked: 0, error: "" };
  const eye = camera(video, () => redraw());

  const look = () => {
    if (!eye.on || !host.element.isConnected) return;
    const answered = (host.props.value?.seq ?? 0) >= state.seq;
    const late = performance.now() - state.asked > PATIENCE_MS;
    if (video.videoWidth && (answered || late)) {
      state.seq += 1;
      state.asked = performance.now();
      host.trigger("frame", { picture: squareOf(video, SIDE), seq: state.seq });
    }
    setTimeout(look, host.props.value?.told ? WAIT_MS : PAUSE_MS);
  };
  button.addEventListener("click", async () => {
    state.error = "";
    if (eye.on) eye.close();
    else {
      state.seq = host.props.value?.seq ?? 0;
      await eye.open().then(look, () => { state.error = "no_camera"; });
    }
    redraw();
  });
  whenHidden(host.element, () => {
    if (!eye.on) return;
    eye.close();
    redraw();
  });

  const redraw = start(host, () => {
    video.hidden = !eye.on;
    button.textContent = say(eye.on ? "off" : "on");
    button.setAttribute("aria-pressed", String(eye.on));
    const told = eye.on ? host.props.value?.told : null;
    note.textContent = state.error || told ? say(state.error || told) : "";
    note.classList.toggle("wrong", Boolean(state.error));
  });
}
