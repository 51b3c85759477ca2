/* What a hand on the plane tells Python: one thing at a time, of each kind the newest.

   Two messages on their way at once may arrive, or be answered, the later one first. An edit has a
   number, by which the value that answers it is known; any other value that comes is older. */

const PATIENCE_MS = 5000; // an edit that was not answered by then is forgotten

export function questionsOf(host, stage, forgotten) {
  const waiting = new Map(); // event -> its newest data
  let number = Date.now(); // no page before this one has used those that follow
  let awaited = null;
  let timer = null;

  function next() {
    const [first] = waiting;
    if (awaited !== null || !first) return;
    const [event, data] = first;
    waiting.delete(event);
    awaited = number += 1;
    timer = setTimeout(() => {
      answered();
      if (awaited === null) forgotten();
    }, PATIENCE_MS);
    stage.setAttribute("aria-busy", "true");
    host.trigger(event, { ...data, edit: awaited });
  }

  function answered() {
    clearTimeout(timer);
    awaited = null;
    stage.removeAttribute("aria-busy");
    next();
  }

  return {
    get busy() {
      return awaited !== null;
    },
    ask(event, data) {
      waiting.set(event, data);
      next();
    },
    receive(value) {
      if (awaited !== null && value.edit === awaited) answered();
    },
  };
}
