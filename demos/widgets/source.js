/* Python code to read and copy, one piece at a time. value: { parts: [{ name, pieces: [[kind, text], …] }, …] }. */

import { canvasOf, node, start, walk, words } from "./common.js";

let lists = 0; // so that every tab and its panel have ids of their own

export function mount(host) {
  const say = words(host.props);
  const id = `dl-source-${(lists += 1)}`;
  const tabs = node("div", { class: "tabs", role: "tablist" });
  const panel = node("div", { class: "panel", role: "tabpanel", id });
  canvasOf(host).append(tabs, panel);
  let chosen = 0;

  const redraw = start(host, () => {
    const parts = host.props.value?.parts ?? [];
    canvasOf(host).hidden = !parts.length;
    if (!parts.length) return;
    chosen = Math.min(chosen, parts.length - 1);
    tabs.setAttribute("aria-label", say("parts"));
    tabs.replaceChildren(...parts.map(({ name }, i) => node("button", {
      type: "button", role: "tab", id: `${id}-${i}`, "aria-controls": id, translate: "no",
      "aria-selected": String(i === chosen), tabindex: i === chosen ? 0 : -1,
      onclick: () => choose(i),
      onkeydown: (event) => {
        const to = walk(event.key, i, parts.length, parts.length);
        if (to === null) return;
        event.preventDefault();
        choose(to);
      },
    }, name)));
    panel.setAttribute("aria-labelledby", `${id}-${chosen}`);
    panel.replaceChildren(...code(parts[chosen], say));
  });

  function choose(i) {
    chosen = i;
    redraw();
    requestAnimationFrame(() => tabs.children[i]?.focus());
  }
}

function code({ name, pieces }, say) {
  const spans = pieces.map(([kind, text]) =>
    kind ? node("span", { class: `dl-source-${kind}` }, text) : text,
  );
  const text = node("code", {}, ...spans);
  const copy = node("button", { type: "button", class: "copy", onclick: () => take(text, copy, say) }, say("copy"));
  const label = say("label", { name });
  return [copy, node("pre", { tabindex: 0, role: "region", "aria-label": label, translate: "no" }, text)];
}

async function take(code, button, say) {
  getSelection().selectAllChildren(code); // without https pages may not write the clipboard:
  await navigator.clipboard?.writeText(code.textContent).catch(() => {}); // it is selected then
  button.textContent = say(navigator.clipboard ? "copied" : "selected");
}
