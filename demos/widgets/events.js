/* Stands in the page's head, before Gradio: the page opens a second sooner.

   Gradio (6.31) looks up each of the app's thousand components in the list of all its events, and
   holds that list in Svelte's `$state`, where every read goes through a proxy and leaves a signal
   behind. The list never changes once the page has it. Svelte leaves alone whatever is neither a
   bare object nor a bare array, so a prototype of their own is all these need. */

(() => {
  class Fixed {}
  class FixedList extends Array {
    static get [Symbol.species]() {
      return Array; // what is filtered or mapped from a list is a bare one again
    }
  }
  const fix = (value) =>
    Object.setPrototypeOf(value, Array.isArray(value) ? FixedList.prototype : Fixed.prototype);

  let config;
  Object.defineProperty(window, "gradio_config", {
    configurable: true,
    enumerable: true,
    get: () => config,
    set(given) {
      config = given;
      const events = given?.dependencies;
      if (!Array.isArray(events)) return;
      for (const event of events) {
        event.targets?.forEach(fix);
        if (event.targets) fix(event.targets);
        fix(event);
      }
      fix(events);
    },
  });
})();
