/* A text as it is written, with what else could have come, and its branches. See writing.py. */

import { canvasOf, keyed, node, number, percent, start, words } from "./common.js";

const MOST_SURPRISE = 8; // nats, with the fullest colour: one chance in three thousand

export function mount(host) {
  const say = words(host.props);
  const view = { host, say, run: null, branches: new Map(), at: 0, picked: null, hovered: null };
  view.title = node("div", { class: "name" });
  view.opening = node("span", { class: "opening" });
  view.tokens = node("span", { class: "tokens" });
  view.text = node("div", { class: "text", dir: "auto", role: "group" }, view.opening, view.tokens);
  view.line = node("div", { class: "line" });
  view.verses = node("div", { class: "line verses" });
  view.scale = node("div", { class: "scale", "aria-hidden": "true" });
  view.panel = node("section", { class: "panel", tabindex: 0 });
  view.tree = node("ol", { class: "tree" });
  view.hint = node("div", { class: "hint" });
  const side = node("div", { class: "side" }, view.panel, view.tree);
  const main = node("div", { class: "main" }, view.title, view.text, view.hint, view.line, view.verses, view.scale);
  canvasOf(host).append(main, side);
  side.hidden = Boolean(host.props.plain);
  view.tokens.addEventListener("keydown", (event) => keys(view, event));
  view.redraw = start(host, () => render(view), () => receive(view));
}

/* ---- what came, branch by branch ---- */

function receive(view) {
  const value = view.host.props.value;
  if (!value) {
    view.run = null;
    view.branches.clear();
    return;
  }
  if (value.run !== view.run) {
    view.run = value.run;
    view.branches.clear();
    view.at = 0;
    view.picked = null;
  }
  let branch = view.branches.get(value.branch);
  if (!branch) {
    const before = view.branches.get(value.parent)?.tokens.slice(0, value.shared) ?? [];
    branch = { tokens: before };
    view.branches.set(value.branch, branch);
    view.at = value.branch;
    view.picked = value.parent >= 0 ? value.shared : null;
  }
  const { parts, ...rest } = value;
  Object.assign(branch, rest);
  for (const { at, tokens } of parts) {
    if (branch.tokens[at]) continue; // a part comes whole, and several times
    JSON.parse(tokens).forEach((token, i) => { branch.tokens[at + i] = { ...token, stages: value.stages }; });
  }
}

/* ---- the text ---- */

function render(view) {
  const { host, say, title, opening, text, hint, scale } = view;
  const branch = view.branches.get(view.at);
  const tokens = branch?.tokens ?? [];
  const empty = !branch;
  title.hidden = !host.props.value?.title;
  title.textContent = host.props.value?.title ? say(host.props.value.title) : "";
  text.hidden = empty;
  text.setAttribute("aria-label", say("label"));
  text.setAttribute("aria-busy", String(branch?.state === "writing"));
  hint.textContent = empty ? say(host.props.empty ?? "empty") : "";
  text.classList.toggle("cut", branch?.state === "cut");
  scale.hidden = empty || Boolean(host.props.plain);
  scale.replaceChildren(node("span", {}, say("expected")), node("i"), node("span", {}, say("surprising")));
  opening.textContent = branch?.prompt ?? "";
  if (view.picked >= tokens.length && branch?.state !== "writing") view.picked = null;
  keyed(view.tokens, tokens, (_, i) => i, (_, i) => makeToken(view, i), (element, token, i) => drawToken(view, element, token, i));
  drawLines(view, branch, tokens);
  drawPanel(view);
  drawTree(view);
}

function makeToken(view, index) {
  const look = (at) => () => {
    view.hovered = at;
    drawPanel(view);
  };
  const open = () => {
    view.picked = index;
    view.redraw();
  };
  const plain = Boolean(view.host.props.plain);
  const token = node("span", { class: "token", role: plain ? null : "button", onclick: open });
  if (!plain) {
    token.addEventListener("pointerenter", look(index));
    token.addEventListener("pointerleave", look(null));
    token.addEventListener("focus", look(index));
    token.addEventListener("blur", look(null));
  }
  return node("span", { class: "place" }, token);
}

const visible = (text) => text.replaceAll("\n", "↵").replaceAll("\t", "⇥");
const BYTES = /‹[0-9A-F]{2}( [0-9A-F]{2})*›/; // in a name: they make no whole character
const named = (text) => visible(text.trim() || /[\n\t]/.test(text) ? text : text.replaceAll(" ", "␣"));
const nameOf = (token) => named(token.b ?? token.t);

/* What stands in the text: ▫ for a token that a character begins in, which the next ones end. Bytes
   that no other completes are told as what they are, where they came. */
function written(token) {
  if (token.b === undefined) return visible(token.t);
  if (!BYTES.test(token.b)) return visible(token.t.replaceAll("�", ""));
  return token.t.includes("�") ? nameOf(token) : visible(token.t) + (token.t.trim() ? "" : "▫");
}

function drawToken(view, element, token, index) {
  const { say, host } = view;
  const part = element.firstChild;
  const look = `${index === view.picked} ${index === (view.picked ?? 0)} ${document.documentElement.lang}`;
  if (element.dlToken === token && element.dlLook === look) return; // a thousand others grow with it
  element.dlLook = look;
  if (!host.props.plain) {
    part.tabIndex = index === (view.picked ?? 0) ? 0 : -1;
    part.setAttribute("aria-pressed", String(index === view.picked));
    part.setAttribute("aria-label", reading(token, say));
  }
  part.classList.toggle("picked", index === view.picked);
  if (element.dlToken === token) return;
  element.dlToken = token;
  part.style.setProperty("--strength", `${Math.round(Math.min(1, token.s / MOST_SURPRISE) * 60)}%`);
  part.classList.toggle("forced", token.f);
  part.classList.toggle("piece", token.t === "");
  part.classList.toggle("unknown", Boolean(token.u));
  part.textContent = written(token);
  if (token.n > 1) part.append(node("sup", {}, String(token.n)));
  element.querySelector("br")?.remove();
  if (token.t.includes("\n")) element.append(node("br"));
}

function reading(token, say) {
  const name = nameOf(token);
  const parts = [`“${name}”`, ...(BYTES.test(name) ? [say("part")] : []), say("chance", { p: percent(token.p[0], 1) }), say("nats", { s: number(token.s, 2) })];
  if (token.f) parts.push(say("forced"));
  return parts.join(" · ");
}

function drawLines(view, branch, tokens) {
  const { say, line, verses } = view;
  const parts = [];
  if (branch) {
    const count = tokens.reduce((sum, token) => sum + (token.n ?? 1), 0);
    if (branch.state !== "cut") parts.push(say(branch.state));
    parts.push(say("count", { n: number(count) }));
    const unknown = tokens.filter((token) => token.u).length;
    if (unknown) parts.push(say("unknown", { n: number(unknown) }));
    if (branch.pace) parts.push(say("pace", { n: number(branch.pace, 0) }));
    for (const [name, value] of Object.entries(branch.measures ?? {})) {
      parts.push(`${say(`measures.${name}`)} ${name === "repetition" ? percent(value, 1) : number(value, 2)}`);
    }
  }
  line.textContent = parts.join(" · ");
  line.dataset.state = branch?.state ?? "";
  verses.textContent = branch?.verses ? say("verses", branch.verses) : "";
  verses.hidden = !branch?.verses;
}

function keys(view, event) {
  const count = view.branches.get(view.at)?.tokens.length ?? 0;
  const now = [...view.tokens.children].findIndex((place) => place.firstChild === event.target);
  if (now < 0) return;
  const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: count - 1 }[event.key];
  if (next !== undefined) {
    event.preventDefault();
    view.tokens.children[Math.max(0, Math.min(count - 1, next))]?.firstChild.focus();
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    event.target.click();
  }
}

/* ---- what could have come ---- */

function drawPanel(view) {
  const { say, panel, host } = view;
  if (host.props.plain) return;
  const branch = view.branches.get(view.at);
  const index = view.hovered ?? view.picked;
  const token = branch?.tokens[index];
  panel.hidden = !branch;
  panel.setAttribute("aria-label", say("alternatives"));
  if (!token) {
    panel.dlShown = null;
    panel.replaceChildren(node("p", { class: "quiet" }, say(host.props.branches ? "hint_branches" : "hint")));
    return;
  }
  const shown = `${view.run} ${view.at} ${index} ${document.documentElement.lang}`;
  if (panel.dlShown === shown) return; // keeps focus and place while the text grows
  panel.dlShown = shown;
  const head = node("tr", {}, node("th", { scope: "col" }, say("token")),
    ...token.stages.map((stage) => node("th", { scope: "col" }, say(`stages.${stage}`))));
  const listed = token.a.some(([id]) => id === token.i);
  const rows = listed ? token.a : [...token.a, [token.i, token.b ?? token.t, ...token.p]];
  panel.replaceChildren(
    node("h4", {}, say("place", { n: index + 1 })),
    node("p", { class: "quiet" }, `${reading(token, say)} · ${say("entropy", { e: number(token.e, 2) })}`),
    node("table", {}, node("thead", {}, head), node("tbody", {}, rows.map((row) => alternative(view, index, token, row)))),
  );
}

function alternative(view, index, token, [id, text, ...chances]) {
  const { say, host } = view;
  const name = named(text);
  const taken = id === token.i;
  const part = BYTES.test(name) ? say("part") : "";
  const label = host.props.branches && !taken
    ? node("button", { type: "button", "aria-label": say("force", { text: part ? `${name} (${part})` : name }), onclick: () => force(view, index, id) }, node("bdi", {}, name))
    : node("bdi", {}, name);
  return node("tr", { class: taken ? "taken" : "" },
    node("th", { scope: "row" }, label, part ? node("small", {}, part) : ""),
    ...chances.map((p) => node("td", { class: p === 0 ? "out" : "" },
      node("i", { style: `width:${(100 * p).toFixed(1)}%` }), node("span", {}, p === 0 ? "–" : percent(p, p < 0.1 ? 2 : 1)))));
}

function force(view, at, id) {
  view.host.trigger("force", { run: view.run, branch: view.at, at, id });
}

/* ---- the branches ---- */

function drawTree(view) {
  const { say, tree } = view;
  tree.hidden = view.branches.size < 2;
  tree.setAttribute("aria-label", say("branches"));
  const order = [];
  const visit = (number, depth) => {
    order.push([number, depth]);
    for (const [child, branch] of view.branches) if (branch.parent === number) visit(child, depth + 1);
  };
  if (view.branches.size) visit([...view.branches.keys()][0], 0);
  keyed(tree, order, ([name]) => name, ([name]) => node("li", {}, node("button", {
    type: "button",
    onclick: () => {
      view.at = name;
      view.picked = view.branches.get(name).parent >= 0 ? view.branches.get(name).shared : null;
      view.redraw();
    },
  })), (item, [name, depth]) => {
    const branch = view.branches.get(name);
    const before = view.branches.get(branch.parent)?.tokens[branch.shared];
    const text = (token) => (token ? nameOf(token) : "…");
    item.style.paddingInlineStart = `${Math.min(depth, 8) * 14}px`;
    const button = item.firstChild;
    button.setAttribute("aria-current", String(name === view.at));
    button.textContent = branch.parent < 0 ? say("root")
      : say("branch", { n: branch.shared + 1, old: text(before), new: text(branch.tokens[branch.shared]) });
  });
}
