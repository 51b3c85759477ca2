"""A page with a latent plane that learns, one that answers, and one of a row of small ones."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import numpy as np

import demos
from demos.widgets.base import pack
from demos.widgets.image_grid import ImageGrid, sheet
from demos.widgets.latent_plane import LatentPlane, laid_on, latent_frame, latent_plane
from demos.widgets.timeline import Timeline, timeline

SPAN = 4.0
STEPS = (0, 10, 20)
LABELS = np.repeat(np.arange(10), 30)


@dataclass
class LatentPage:
    """A running page: its address, every place it asked about, and a gate for the answers."""

    url: str = ""
    asked: list[tuple[float, float]] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)  # none while it is cleared


def points(step: int) -> np.ndarray:
    """Ten clouds (300, 2) that leave the middle as the steps go on; 0 goes to the right."""
    angle = LABELS * 2 * np.pi / 10
    away = 3 * step / STEPS[-1]
    middles = away * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return middles + 0.25 * np.random.default_rng(0).normal(size=middles.shape)


def decoded(x: float, y: float) -> np.ndarray:
    """A picture (28, 28) that tells where it is from: its left half x, its right half y."""
    picture = np.empty((28, 28), np.uint8)
    picture[:, :14] = round(255 * (x + SPAN) / (2 * SPAN))
    picture[:, 14:] = round(255 * (y + SPAN) / (2 * SPAN))
    return picture


def manifold(size: int = 10) -> np.ndarray:
    middles = ((2 * np.arange(size) + 1) / size - 1) * SPAN
    return np.stack([decoded(x, y)[::2, ::2] for y in middles[::-1] for x in middles])


def plane(run: str = "a", **overlay: Any) -> dict[str, Any]:
    frames = [latent_frame(step, points(step), SPAN, manifold()) for step in STEPS]
    return latent_plane(run, LABELS, frames, **overlay)


@contextlib.contextmanager
def latent_page() -> Iterator[LatentPage]:
    """Serve the page from this process until the block ends."""
    page = LatentPage()
    page.answers.set()
    with gr.Blocks(analytics_enabled=False) as app:
        explore = LatentPlane(plane(pointer=None, picture=None, path=None), elem_id="explore")
        told, drawn = gr.Textbox(elem_id="told"), gr.Textbox(elem_id="drawn")
        lay = gr.Button("lay", elem_id="lay")
        LatentPlane(plane("b"), group="g", elem_id="live")
        Timeline(timeline(list(STEPS), "b"), elem_id="timeline", group="g")
        grid = {"run": "b", "frames": [{"step": s, **sheet(manifold()[s:][:9])} for s in STEPS]}
        ImageGrid(grid, group="g", columns=3, pick=True, elem_id="grid")
        with gr.Row():
            for name in ("one", "two"):
                LatentPlane(plane(title=name), compact=True, elem_id=name)
        LatentPlane(empty="nothing yet", elem_id="none")

        def point(event: gr.EventData) -> tuple[str, dict[str, Any]]:
            x, y = event._data["x"], event._data["y"]
            page.asked.append((x, y))
            page.answers.wait()
            value = laid_on("a", pointer={"x": x, "y": y}, picture=pack(decoded(x, y), "u1"))
            return f"{len(page.asked)} {x} {y}", value

        def path(event: gr.EventData) -> tuple[str, dict[str, Any]]:
            ends = [event._data["from"], event._data["to"]]
            return str(ends), laid_on("a", path=ends)

        def posterior() -> dict[str, Any]:
            ellipse = {"x": 1.0, "y": -1.0, "sx": 1.2, "sy": 0.4, "angle": np.pi / 6}
            samples = np.array([[1.0, -1.0], [2.0, -0.5], [0.25, -1.5]])
            return plane(ellipse=ellipse, samples=pack(samples), pointer=None, path=None)

        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "multiple"}
        explore.point(point, None, [told, explore], **quiet)
        explore.path(path, None, [drawn, explore], **quiet)
        lay.click(posterior, None, explore)
    _, page.url, _ = demos.launch(app, block=False, quiet=True)
    try:
        yield page
    finally:
        page.answers.set()
        app.close()
