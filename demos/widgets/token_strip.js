/* A sentence as words: colours, a curve over them, an editor under them. See token_strip.py. */

import { canvasOf, frameOf, keyed, node, number, percent, start, svg, words } from "./common.js";

export function mount(host) {
  const say = words(host.props);
  const view = { host, say, at: null, tokens: [], editing: null, texts: "" };
  view.answer = node("div", { class: "answer", role: "status" });
  view.list = node("div", { class: "words", role: "group" });
  view.read = node("output", { class: "read", "aria-live": "polite" });
  view.hint = node("div", { class: "hint" });
  view.editor = makeEditor(view);
  canvasOf(host).append(view.answer, view.list, view.editor.form, view.read, view.hint);
  view.redraw = start(host, () => render(view));
}

function render(view) {
  const { host, say, list, hint, answer, read, editor } = view;
  const value = host.props.value || {};
  const frame = frameOf(host.props) ?? {};
  view.value = value;
  view.tokens = (value.tokens ?? []).map((token, i) => ({ ...token, p: frame.p?.[i] ?? token.p }));
  const texts = JSON.stringify(view.tokens.map((token) => token.text));
  if (texts !== view.texts) { // another sentence: what was being edited is gone
    view.texts = texts;
    view.editing = null;
    if (view.at >= view.tokens.length) view.at = null;
  }
  const empty = !view.tokens.length;
  hint.textContent = empty ? say(host.props.empty ?? "empty") : "";
  list.hidden = empty;
  read.hidden = empty;
  list.setAttribute("aria-label", say(value.editable ? "label_editable" : "label"));
  list.classList.toggle("with-curve", view.tokens.some((token) => Number.isFinite(token.p)));
  drawAnswer(answer, frame.answer ?? value.answer, say);
  keyed(list, view.tokens, (_, i) => i, (_, i) => makeWord(view, i), (word, token, i) => drawWord(view, word, token, i));
  showEditor(view);
  describe(view);
  editor.form.hidden = view.editing === null;
}

function drawAnswer(element, answer, say) {
  element.hidden = !answer;
  if (!answer) return;
  element.className = `answer ${answer.tone < 0 ? "against" : "for"}`;
  element.replaceChildren(node("b", {}, say(answer.label)), node("span", {}, percent(answer.value, 1, 1)));
}

/* ---- one word ---- */

function makeWord(view, index) {
  const lines = ["free", "p"].map((name) => svg("path", { class: name, "vector-effect": "non-scaling-stroke" }));
  const plot = svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" }, lines);
  const dot = node("i", { class: "dot" });
  const text = node("bdi", { class: "text" });
  const chip = node("button", { type: "button", class: "chip", onkeydown: (event) => keys(view, index, event) }, text);
  const share = node("span", { class: "share", "aria-hidden": "true" });
  const word = node("div", { class: "word" }, node("div", { class: "plot" }, plot, dot), chip, share);
  const look = (at) => () => {
    view.at = at;
    describe(view);
  };
  word.addEventListener("pointerenter", look(index));
  word.addEventListener("pointerleave", look(null));
  chip.addEventListener("focus", look(index));
  chip.addEventListener("click", () => {
    view.at = index;
    if (view.value.editable) open(view, index);
    else describe(view);
  });
  return Object.assign(word, { dl: { lines, dot, text, chip, share } });
}

function drawWord(view, word, token, index) {
  const { lines, dot, text, chip, share } = word.dl;
  const before = view.tokens[index - 1];
  const after = view.tokens[index + 1];
  text.textContent = token.text;
  const strength = Math.min(1, Math.abs(token.score ?? 0) / (view.value.scale || 1));
  chip.style.setProperty("--strength", `${Math.round(strength * 55)}%`);
  chip.classList.toggle("against", token.score < 0);
  chip.classList.toggle("unknown", Boolean(token.unknown));
  chip.setAttribute("aria-label", reading(view, index));
  chip.tabIndex = index === (view.last ?? 0) || view.last >= view.tokens.length ? 0 : -1;
  ["free", "p"].forEach((name, i) => lines[i].setAttribute("d", piece(before?.[name], token[name], after?.[name])));
  const known = Number.isFinite(token.p);
  dot.hidden = !known;
  dot.style.top = `${100 * (1 - (token.p ?? 0))}%`;
  dot.classList.toggle("against", token.p < 0.5);
  share.textContent = known ? percent(token.p, 0) : "";
}

/* A word's piece of the curve, edge to edge; at an edge two neighbours meet half way. */
function piece(before, here, after) {
  if (!Number.isFinite(here)) return "";
  const y = (p) => (100 * (1 - p)).toFixed(2);
  const half = (other) => y(Number.isFinite(other) ? (here + other) / 2 : here);
  const left = Number.isFinite(before) ? `M0,${half(before)}L50,${y(here)}` : `M50,${y(here)}`;
  return Number.isFinite(after) ? `${left}L100,${half(after)}` : left;
}

function reading({ tokens, say }, index) {
  const token = tokens[index];
  const parts = [`“${token.text}”`];
  if (token.unknown) parts.push(say("unknown"));
  if (Number.isFinite(token.p)) parts.push(say("after", { p: percent(token.p, 1) }));
  if (Number.isFinite(token.free)) parts.push(say("free", { p: percent(token.free, 1) }));
  if (Number.isFinite(token.change)) {
    const tenths = Math.round(Math.abs(token.change) * 1000);
    const points = `${tenths === 0 ? "" : token.change < 0 ? "−" : "+"}${number(tenths / 10, 1)}`;
    parts.push(say("effect", { points }));
  }
  return parts.join(" · ");
}

function describe(view) {
  const { read, at, tokens, say, value } = view;
  const shown = at !== null && at < tokens.length;
  read.textContent = shown ? reading(view, at) : say(value.editable ? "hint_editable" : "hint");
  read.classList.toggle("quiet", !shown);
}

/* ---- editing ---- */

function makeEditor(view) {
  const { say } = view;
  const input = node("input", { type: "text", maxlength: 60, autocomplete: "off", spellcheck: "false", dir: "auto" });
  const label = node("label", {}, node("span"), input);
  const action = (name, change) => node("button", { type: "button", class: name, onclick: () => apply(view, change) });
  const buttons = {
    change: action("change", (texts, i) => texts.splice(i, 1, input.value)),
    before: action("before", (texts, i) => texts.splice(i, 0, input.value)),
    after: action("after", (texts, i) => texts.splice(i + 1, 0, input.value)),
    remove: action("remove", (texts, i) => texts.splice(i, 1)),
  };
  const form = node("div", { class: "editor", role: "group", hidden: true }, label, Object.values(buttons));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close(view);
    else if (event.key === "Enter" && event.target === input && !event.isComposing) buttons.change.click();
    else return;
    event.preventDefault();
  });
  return { form, input, label: label.firstChild, buttons, say };
}

function open(view, index) {
  view.editing = index;
  view.last = index;
  view.editor.input.value = view.tokens[index].text;
  view.redraw();
  showEditor(view);
  view.editor.form.hidden = false;
  view.editor.input.focus();
  view.editor.input.select();
}

function close(view) {
  const index = view.editing;
  view.editing = null;
  view.editor.form.hidden = true;
  view.list.children[index]?.dl.chip.focus();
  view.redraw();
}

function apply(view, change) {
  const texts = view.tokens.map((token) => token.text);
  change(texts, view.editing);
  close(view);
  view.host.trigger("edit", { tokens: texts.filter((text) => text.trim()) });
}

function showEditor({ editor, editing, say, list }) {
  for (const [index, word] of [...list.children].entries()) word.classList.toggle("editing", index === editing);
  if (editing === null) return;
  editor.label.textContent = say("word", { n: editing + 1 });
  for (const [name, button] of Object.entries(editor.buttons)) button.textContent = say(`edit.${name}`);
}

/* Arrows walk over the words, Delete takes one out. */
function keys(view, index, event) {
  const last = view.tokens.length - 1;
  const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: last }[event.key];
  if (event.key === "Delete" && view.value.editable) {
    view.editing = index;
    apply(view, (texts, i) => texts.splice(i, 1));
  } else if (to !== undefined) {
    view.last = Math.min(last, Math.max(0, to));
    for (const [i, word] of [...view.list.children].entries()) word.dl.chip.tabIndex = i === view.last ? 0 : -1;
    view.list.children[view.last]?.dl.chip.focus();
  } else return;
  event.preventDefault();
}
