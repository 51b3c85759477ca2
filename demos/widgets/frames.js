/* Stands in the page's head, before Gradio: an idle page shall ask for no frames.

   Gradio's loading screen (6.31) counts the seconds at every frame, and goes on after it has gone:
   sixty wake-ups a second while the page is open, taken from the very cores that train. This app
   shows those seconds nowhere, so whoever counts seconds that way gets no frame to do it in. */

(() => {
  const ask = window.requestAnimationFrame.bind(window);
  const seconds = /performance\.now\(\)\s*-[^;]*\/\s*(1e3|1000)\b/;
  window.requestAnimationFrame = (callback) => (seconds.test(callback) ? 0 : ask(callback));
})();
