/* The page's address as a permalink: ?tab=cnn&lang=vi&lr=0.01. Only what differs from the
   defaults is written, so that links stay short. */

const latest = new Map(); // topic -> { name: text } as last written by its controls
let opening = true; // until the server has read the address, nothing may change it

/* The page shows what its address asked for: from now on the address follows the page. */
export function settle() {
  opening = false;
  document.documentElement.classList.remove("dl-opening"); // see opening.js
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));

export function write(topic, names, defaults, values) {
  const changed = {};
  names.forEach((name, i) => {
    if (values[i] === null || values[i] === undefined) return;
    if (text(values[i]) !== text(defaults[i])) changed[name] = text(values[i]);
  });
  latest.set(topic, changed);
  if ((new URL(location.href).searchParams.get("tab") ?? topic) === topic) show(topic);
}

/* Point the address at a topic and its settings, keeping what does not belong to any tab. */
export function show(topic) {
  if (opening) return;
  const url = new URL(location.href);
  const kept = ["lang", "__theme"].map((name) => [name, url.searchParams.get(name)]);
  const first = !latest.has(topic) && url.searchParams.get("tab") === topic;
  if (first) return; // just opened from a link: its settings are on their way to the controls
  url.search = "";
  url.searchParams.set("tab", topic);
  kept.forEach(([name, value]) => value && url.searchParams.set(name, value));
  Object.entries(latest.get(topic) ?? {}).forEach(([name, value]) =>
    url.searchParams.set(name, value),
  );
  history.replaceState(history.state, "", url);
}

export function setLanguage(lang) {
  const url = new URL(location.href);
  url.searchParams.set("lang", lang);
  history.replaceState(history.state, "", url);
}
