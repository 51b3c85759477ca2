/* One line that says how a run is doing: state, progress, time left, and the numbers of now. */

import { canvasOf, keyed, node, number, percent, start, words } from "./common.js";

const SHARE = /(accuracy|precision|recall|f1)$/;
const BUSY = new Set(["waiting", "running"]);

export function mount(host) {
  const say = words(host.props);
  const dot = node("i", { class: "dot" });
  const state = node("b", { role: "status" }); // read aloud when it changes; the rest changes too often
  const detail = node("span", { class: "detail" });
  const metrics = node("span", { class: "metrics" });
  const fill = node("i");
  const bar = node("div", {
    class: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100,
    "aria-label": say("progress"), // named from the first moment, before anything is drawn
  }, fill);
  const root = canvasOf(host);
  root.append(node("div", { class: "line" }, dot, state, detail, metrics), bar);

  start(host, () => {
    const value = host.props.value || { state: "idle" };
    const { step, total } = value;
    const name = say(value.state);
    root.dataset.state = value.state;
    root.dataset.run = value.run ?? "";
    if (state.textContent !== name) state.textContent = name;
    detail.textContent = details(value, say).join(" · ");
    const share = total ? Math.min(1, step / total) : 0;
    fill.style.transform = `scaleX(${share})`;
    bar.classList.toggle("unknown", BUSY.has(value.state) && !total);
    bar.setAttribute("aria-label", say("progress"));
    if (total) bar.setAttribute("aria-valuenow", Math.round(share * 100));
    else bar.removeAttribute("aria-valuenow");
    keyed(metrics, Object.entries(value.metrics ?? {}), ([key]) => key,
      () => node("span", {}, node("span"), node("output")),
      (item, [key, y]) => {
        item.children[0].textContent = say(key);
        item.children[1].textContent = SHARE.test(key) ? percent(y ?? NaN, 2, 2) : number(y, 4);
      });
  });
}

function details({ state, step, total, elapsed_s: elapsed, left_s: left, message }, say) {
  const parts = [];
  if (total && step) parts.push(say("step", { step: number(step), total: number(total) }));
  else if (step) parts.push(say("step_only", { step: number(step) }));
  if (elapsed !== undefined && elapsed !== null && state !== "idle") {
    parts.push(say("elapsed", { time: duration(elapsed, say) }));
  }
  if (state === "running" && left !== undefined && left !== null) {
    parts.push(say("left", { time: duration(left, say) }));
  }
  if (message) parts.push(message);
  return parts;
}

function duration(seconds, say) {
  const whole = Math.round(seconds);
  if (seconds < 10) return say("seconds", { s: number(seconds, 1) });
  if (whole < 60) return say("seconds", { s: whole });
  if (whole < 3600) return say("minutes", { m: Math.floor(whole / 60), s: String(whole % 60).padStart(2, "0") });
  return say("hours", { h: Math.floor(whole / 3600), m: String(Math.floor((whole % 3600) / 60)).padStart(2, "0") });
}
