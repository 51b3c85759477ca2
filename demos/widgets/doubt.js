/* Names in both languages, {en, vi, doubtful}: a Vietnamese one that is not settled is shown with a
   mark that says so, to a mouse that rests on it and to the keyboard. */

import { language, node, words } from "./common.js";

const say = words({ texts: ["widgets.doubt"] });

/* inside: it is part of a button, which has the focus in its place. */
export const mark = (inside = false) => node("span", {
  class: "dl-doubt", role: "img", tabindex: inside ? null : 0, "aria-label": say("told"), "data-told": say("told"),
}, "?");

/* A name as parts to append. */
export const named = (name, { lang = language(), inside = false } = {}) => (
  name.doubtful && lang === "vi" ? [name.vi, mark(inside)] : [name[lang]]);

/* Words whose {placeholders} are filled, those that stand for names with parts of their own. */
export function phrase(speak, key, values = {}, write = (plain) => plain) {
  const isName = ([, value]) => value !== null && typeof value === "object" && "vi" in value;
  const entries = Object.entries(values);
  const names = Object.fromEntries(entries.filter(isName));
  const plain = Object.fromEntries(entries.filter((entry) => !isName(entry)));
  return speak(key, write(plain)).split(/\{(\w+)\}/)
    .flatMap((part, i) => (i % 2 && names[part] ? named(names[part]) : [part]));
}
