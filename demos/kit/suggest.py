"""Texts that a tab puts into boxes by itself, never over what somebody types meanwhile.

    suggested = Suggestions(tab.text, tab.second)         # in the layout: one hidden component
    suggested.on(arrivals(), arrive, inputs, outputs)     # in the wiring

The server's answer takes a moment, on a busy machine seconds. So it says which text it saw and
which one it would put there; the page puts it there only where the text is still the same.
"""

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from demos.kit.errors import guard
from demos.kit.events import HIDDEN

_PUT = """(slip, ...now) => {
  const { seen, put } = JSON.parse(slip);
  return now.map((text, i) => (put[i] !== null && (text ?? "") === seen[i] ? put[i] : text));
}"""


class Suggestions:
    """Boxes for text that are also filled by the tab itself."""

    def __init__(self, *boxes: gr.Textbox) -> None:
        self.boxes = list(boxes)
        self._slip = gr.Textbox('{"seen": [], "put": []}', visible="hidden", container=False)

    def on(
        self,
        triggers: Sequence[Any],
        fn: Callable[..., Any],
        inputs: Sequence[Any] = (),
        outputs: Sequence[Any] = (),
        **event: Any,
    ) -> Any:
        """Wire it; returns the event after whose end the texts stand in their boxes, for `.then`.

        fn(*texts of the boxes, *inputs) returns for each box a text or gr.skip(), then a value for
        each of `outputs`. No triggers (a tab that was built outside of the app): no event.
        """
        if not triggers:
            return None
        answer, count = guard(fn), len(self.boxes)

        @functools.wraps(answer)
        def suggest(request: gr.Request, *values: Any) -> Any:
            answers = list(answer(request, *values))
            seen = [text if isinstance(text, str) else "" for text in values[:count]]
            put = [text if isinstance(text, str) else None for text in answers[:count]]
            slip = json.dumps({"seen": seen, "put": put})
            return [slip, *answers[count:]] if outputs else slip  # of one output, no list

        asked = [*self.boxes, *inputs]
        return gr.on(triggers, suggest, asked, [self._slip, *outputs], **{**HIDDEN, **event}).then(
            None, [self._slip, *self.boxes], self.boxes, js=_PUT, **HIDDEN
        )
