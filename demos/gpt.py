"""The text-generation tab: a GPT writes, and every choice that it makes can be made otherwise."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos import gpt_handlers as on
from demos.gpt_layout import Layout
from demos.kit.errors import guard
from demos.kit.events import HIDDEN
from demos.kit.permalink import address

TOPIC = "gpt"
# Texts that are written at the same time; the others wait.
WRITING: dict[str, Any] = {"concurrency_id": "writing", "concurrency_limit": 4}


def build() -> None:
    """Lay the tab out and wire it."""
    tab = Layout(TOPIC)
    _wire_writing(tab)
    address.register(TOPIC, {"prompt": tab.prompt})


def _wire_writing(tab: Layout) -> None:
    def write(
        prompt: Any, model: Any, own: Any, *values: Any, request: gr.Request
    ) -> Iterator[list[Any]]:
        decoding = tab.decoding.config(values)
        yield from on.write(prompt, model, own, decoding, request.session_hash or "")

    def force(
        tree: Any, event: gr.EventData, *values: Any, request: gr.Request
    ) -> Iterator[list[Any]]:
        decoding = tab.decoding.config(values)
        yield from on.force(tree, decoding, event, request.session_hash or "")

    shown = [tab.write, tab.write_stop, tab.writing, tab.tree]
    tab.write.click(
        guard(write, names=tab.decoding.names),
        [tab.prompt, tab.which, tab.own, *tab.decoding.components],
        shown,
        api_name="gpt_generate",
        api_description="Go on from a text, token by token, with the probabilities of each and of "
        "what could have come instead.",
        show_progress="hidden",
        **WRITING,
    )
    tab.writing.force(
        guard(force, names=tab.decoding.names),
        [tab.tree, *tab.decoding.components],
        shown,
        **HIDDEN,
        **WRITING,
    )
    tab.write_stop.click(guard(on.stop), None, None, queue=False, **HIDDEN)
