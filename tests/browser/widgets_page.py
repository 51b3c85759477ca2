"""A page with one of each shared widget and a button that streams made-up numbers into them."""

import contextlib
import math
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

import demos
from demos.widgets.bars import Bars, bars
from demos.widgets.heatmap import Heatmap, heatmap
from demos.widgets.image_grid import ImageGrid, images
from demos.widgets.line_chart import LineChart, chart_run
from demos.widgets.recording import recent
from demos.widgets.status import Status, status
from demos.widgets.timeline import Timeline, timeline

STEPS = range(0, 1_200, 20)  # 60 events, many more than `recent` sends at a time
PANELS = [["loss", "test_loss"], ["accuracy"]]


def loss(step: float) -> float:
    return 2 * math.exp(-step / 300) + 0.01


def curves(last: int) -> dict[str, list[tuple[float, float | None]]]:
    """Points up to a step; the test loss has one at every fifth."""
    steps = [step for step in STEPS if step <= last]
    return {
        "loss": [(step, loss(step)) for step in steps],
        "test_loss": [(step, 2 * loss(step)) for step in steps if step % 100 == 0],
        "accuracy": [(step, 1 - loss(step) / 3) for step in steps],
    }


def pictures(step: int) -> np.ndarray:
    """Six pictures (6, 4, 4), each as bright as the run is far."""
    return np.full((6, 4, 4), step / STEPS[-1])


@contextlib.contextmanager
def widgets_page() -> Iterator[str]:
    """Serve the page from this process until the block ends; gives its address."""
    with gr.Blocks(analytics_enabled=False) as app:
        go = gr.Button("go", elem_id="go")
        with gr.Column():
            line = Status(elem_id="status")
            chart = LineChart(elem_id="chart", group="g", panels=PANELS, texts=("cnn.settings",))
            times = Timeline(elem_id="timeline", group="g")
            grid = ImageGrid(elem_id="grid", group="g", pick=True, columns=3)
            table = Heatmap(elem_id="table", pick=True)
            shares = Bars(bars(["0", "1", "2"], {}), elem_id="bars")
            picked = gr.Textbox(elem_id="picked")

        def stream() -> Iterator[dict[Any, Any]]:
            before = chart_run("old", curves(600), settings={"lr": 0.5})
            confusion = heatmap(np.array([[9, 1], [0, 1_000]]), scale="log", numbers=True)
            frames: list[dict[str, Any]] = []
            for step in STEPS:
                frames.append({"step": step, **images(pictures(step))})
                end = step == STEPS[-1]
                yield {
                    line: status("done" if end else "running", step=step, total=STEPS[-1]),
                    chart: {
                        "runs": [
                            before,
                            chart_run("new", curves(step), settings={"lr": 0.25}, live=not end),
                        ]
                    },
                    times: timeline([frame["step"] for frame in frames], "new"),
                    grid: {"run": "new", "frames": recent(frames), "captions": list("abcdef")},
                    table: confusion,
                    shares: bars(["0", "1", "2"], {"model": [0.2, 0.7, 0.1]}),
                }
                time.sleep(0.01)

        def pick(event: gr.EventData) -> str:
            return repr(event._data)

        go.click(stream, None, [line, chart, times, grid, table, shares], show_progress="hidden")
        grid.pick(pick, None, picked, show_progress="hidden")
        table.pick(pick, None, picked, show_progress="hidden")
    _, address, _ = demos.launch(app, block=False, quiet=True)
    try:
        yield address
    finally:
        app.close()
