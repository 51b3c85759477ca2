/* Stands in the page's head, before Gradio: no tab is seen before the one that the address asks for.

   The first tab stands open until the server has read the address, on a busy machine for seconds.
   `settle` in address.js ends this; so does time, should no answer come. */

(() => {
  if (!new URL(location.href).searchParams.has("tab")) return;
  const { classList } = document.documentElement;
  classList.add("dl-opening");
  setTimeout(() => classList.remove("dl-opening"), 15000);
})();
