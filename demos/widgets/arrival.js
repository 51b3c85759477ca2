/* A pretrained model that is not here: an offer, a bar while it comes, what mends a fault. See arrival.py. */

import { canvasOf, node, number, start, words } from "./common.js";

const PATIENCE_MS = 5000;

export function mount(host) {
  const say = words(host.props);
  const title = node("b", { role: "status" });
  const about = node("span", { class: "about" });
  const press = (signal) => () => {
    // one press is enough, and the answer may take a moment; where none comes, press again
    enable(false);
    setTimeout(enable, PATIENCE_MS, true);
    host.trigger(signal, {});
  };
  const enable = (yes) => {
    view.fetch.disabled = view.stop.disabled = !yes;
  };
  const view = {
    fetch: node("button", { type: "button", class: "fetch", onclick: press("fetch") }),
    stop: node("button", { type: "button", class: "stop", onclick: press("stop") }),
  };
  const fill = node("i");
  const bar = node("div", {
    class: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, hidden: true,
  }, fill);
  const fault = node("p", { class: "fault", role: "alert" });
  const kept = node("p", { class: "kept" });
  const mend = node("p", { class: "mend" });
  const instead = node("p", { class: "instead" });
  const root = canvasOf(host);
  root.append(node("div", { class: "line" }, title, about), fault, kept,
    node("div", { class: "line" }, view.fetch, view.stop), bar, mend, instead);

  start(host, () => {
    const value = host.props.value;
    root.hidden = !value || value.state === "here"; // not the element itself: it would never be drawn again
    if (root.hidden) return;
    const busy = value.state === "asked" || value.state === "arriving";
    const facts = { title: value.title, size: size(value.bytes), licence: value.licence, source: value.source };
    tell(title, say(busy ? "coming" : "absent", facts));
    about.textContent = busy ? details(value, say) : say("about", facts);
    tell(fault, value.state === "failed" ? say(`faults.${value.fault}`, filled(value.values)) : "");
    tell(kept, value.kept === undefined ? "" : say(value.kept ? "kept" : "anew"));
    tell(view.fetch, say(value.kept ? "again" : "fetch", facts));
    tell(view.stop, say("stop"));
    view.fetch.hidden = busy;
    view.stop.hidden = !busy;
    enable(true);
    bar.hidden = !busy;
    const known = value.stage === "download" && value.total > 0;
    const share = known ? Math.min(1, value.done / value.total) : 0;
    bar.classList.toggle("unknown", busy && !known);
    fill.style.transform = `scaleX(${share})`;
    bar.setAttribute("aria-label", say("coming", facts));
    if (known) bar.setAttribute("aria-valuenow", Math.round(share * 100));
    else bar.removeAttribute("aria-valuenow");
    mend.hidden = busy;
    mend.replaceChildren(...mending(value, say));
    instead.textContent = host.props.instead ? say(host.props.instead) : "";
    root.dataset.state = value.state;
  });
}

/* Only a change is read aloud again. */
function tell(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

/* Millions of bytes, as sizes of downloads are told: 92.9 MB. */
const size = (bytes) => `${number(bytes / 1e6, bytes < 1e7 ? 1 : 0)} MB`;

function details({ stage, done, total, source }, say) {
  const parts = [say(`stages.${stage || "wait"}`)];
  if (stage === "download" && done > 0) {
    parts.push(total ? say("of", { done: size(done), total: size(total) }) : size(done));
  }
  if (source) parts.push(source);
  return parts.join(" · ");
}

/* The values of a fault: bytes as sizes, the rest as it is. */
function filled(values) {
  return Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => (
    [name, name === "wanted" || name === "free" ? size(value) : String(value)])));
}

/* The sentence with the command and the file in it, each easy to select and copy. */
function mending(value, say) {
  const marks = { command: value.command, file: value.file, folder: value.folder };
  return say("mend").split(/(\{\w+\})/).map((part) => {
    const name = part.slice(1, -1);
    return part.startsWith("{") && name in marks ? node("code", { lang: "en" }, marks[name]) : part;
  });
}
