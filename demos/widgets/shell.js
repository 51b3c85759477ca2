/* What belongs to the page as a whole: language, light and dark, and this browser's own id. */

import { setLanguage as setAddressLanguage } from "./address.js";

const LANGUAGES = ["vi", "en"];
const STORED = { language: "dl-language", theme: "dl-theme", browser: "dl-browser" };

/* Storage can be forbidden (private windows); the page then simply forgets. */
function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    /* nothing to do: the choice lasts as long as the page */
  }
}

/* Called once as the page opens; the result goes to the server: [language, browser's id]. */
export function open() {
  const asked = new URL(location.href).searchParams.get("lang");
  const wanted = [asked, remembered(STORED.language), ...navigator.languages.map((l) => l.slice(0, 2))];
  const lang = wanted.find((l) => LANGUAGES.includes(l)) ?? "en";
  speak(lang);
  const theme = remembered(STORED.theme);
  if (theme) paintTheme(theme === "dark");
  return [lang, browserId()];
}

function browserId() {
  const known = remembered(STORED.browser);
  if (known) return known;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const id = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  remember(STORED.browser, id);
  return id;
}

function speak(lang) {
  document.documentElement.lang = lang;
  window.dispatchEvent(new CustomEvent("dl-language", { detail: { lang } }));
}

export function setLanguage(lang) {
  remember(STORED.language, lang);
  setAddressLanguage(lang);
  speak(lang);
}

export function toggleTheme() {
  const dark = !document.body.classList.contains("dark");
  remember(STORED.theme, dark ? "dark" : "light");
  paintTheme(dark);
}

function paintTheme(dark) {
  document.body.classList.toggle("dark", dark);
  window.dispatchEvent(new CustomEvent("dl-theme", { detail: { dark } }));
}
