"""A page with nothing but the drawing pad: for its own tests and for make_pen_digits.py."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import gradio as gr
import torch
from playwright.sync_api import Page
from torch import Tensor

import demos
from demos.kit.errors import guard
from demos.widgets.drawing_pad import DrawingPad, drawn, showing
from dlcore.drawing import CANVAS

CANVAS_SELECTOR = "#pad canvas"


@dataclass
class PadPage:
    """A running page: where it answers, every drawing that reached Python, and told ones.

    told: what the page held each time it was asked for it.
    """

    url: str = ""
    pixels: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def canvas(self) -> Tensor:
        return drawn(self.pixels[-1])


def example() -> Tensor:
    """A picture (84, 84) that no pen drew: a grey ramp in a frame."""
    canvas = torch.zeros(CANVAS, CANVAS)
    canvas[20:60, 30:50] = torch.linspace(0.2, 1, 20)
    return canvas


@contextlib.contextmanager
def pad_page() -> Iterator[PadPage]:
    """Serve the page from this process, until the block ends."""
    page = PadPage()

    @guard
    def draw(pixels: str) -> str:
        drawn(pixels)
        page.pixels.append(pixels)
        return str(len(page.pixels))

    with gr.Blocks(analytics_enabled=False) as app:
        pad = DrawingPad(elem_id="pad")
        count = gr.Textbox("0", elem_id="count")
        load = gr.Button("load", elem_id="load")
        wipe = gr.Button("wipe", elem_id="wipe")
        tell = gr.Button("tell", elem_id="tell")
        pad.draw(draw, pad, count, trigger_mode="always_last", show_progress="hidden")
        load.click(lambda: showing(example()), None, pad)
        wipe.click(lambda: None, None, pad)
        tell.click(page.told.append, pad, None, trigger_mode="multiple", show_progress="hidden")
    _, page.url, _ = demos.launch(app, block=False, quiet=True)
    try:
        yield page
    finally:
        app.close()


def stroke(page: Page, points: list[tuple[float, float]]) -> None:
    """Draw with the mouse through points in shares of the pad's side: (0, 0) to (1, 1)."""
    box = page.locator(CANVAS_SELECTOR).bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()
