"""A page with nothing but the offer of a model that is not here, fetched from this machine."""

import contextlib
from collections.abc import Iterator
from typing import Any

import gradio as gr

import demos
from demos.kit.errors import guard
from demos.kit.fetching import Offer
from dlcore import pretrained


@contextlib.contextmanager
def fetching_page() -> Iterator[str]:
    """Serve the page from this process until the block ends; gives its address."""
    with gr.Blocks(analytics_enabled=False) as app:
        which = gr.Radio(["bundled", "sample"], value="bundled", elem_id="which")
        offer = Offer("page", which)
        said = gr.Textbox("", elem_id="said")

        def after(name: Any) -> str:
            return f"{name} is {'here' if pretrained.find('sample') else 'not here'}"

        offer.connect().then(guard(after), which, said)
    _, address, _ = demos.launch(app, block=False, quiet=True)
    try:
        yield address
    finally:
        app.close()
