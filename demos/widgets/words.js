/* The words of both languages, loaded once for all widgets: demos/locales/{vi,en}.json. */

async function load(lang) {
  const answer = await fetch(new URL(`locales/${lang}.json`, import.meta.url));
  return JSON.parse((await answer.text()).normalize("NFC"));
}

const LANGUAGES = ["vi", "en"];
const loaded = await Promise.all(LANGUAGES.map(load));
const book = Object.fromEntries(LANGUAGES.map((lang, i) => [lang, loaded[i]]));

export const language = () => (document.documentElement.lang === "vi" ? "vi" : "en");

function look(path) {
  const found = path.split(".").reduce((node, part) => node?.[part], book[language()]);
  return typeof found === "string" ? found : undefined;
}

/* Words by key, with {placeholders} filled, from the first of the widget's sections that has it.
   A missing key shows itself, so that it is noticed. */
export function words(props) {
  return (key, values = {}) => {
    const section = (props.texts ?? []).find((name) => look(`${name}.${key}`) !== undefined);
    const text = section === undefined ? key : look(`${section}.${key}`);
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  };
}
