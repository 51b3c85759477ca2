import { canvasOf, node, start, words } from "./common.js";

/* Code to read and copy. value: { name, pieces: [[kind, text], …] }. */
export function mount(host) {
  const say = words(host.props);
  start(host, () => {
    const { name = "", pieces = [] } = host.props.value ?? {};
    const spans = pieces.map(([kind, text]) =>
      kind ? node("span", { class: `dl-source-${kind}` }, text) : text,
    );
    const code = node("code", {}, ...spans);
    const label = say("label", { name });
    const button = node("button", { type: "button", onclick: () => copy(code, button, say) });
    button.append(say("copy"));
    canvasOf(host).replaceChildren(
      button,
      node("pre", { tabindex: 0, role: "region", "aria-label": label, translate: "no" }, code),
    );
  });
}

async function copy(code, button, say) {
  getSelection().selectAllChildren(code); // without https pages may not write the clipboard:
  await navigator.clipboard?.writeText(code.textContent).catch(() => {}); // it is selected then
  button.textContent = say(navigator.clipboard ? "copied" : "selected");
}
