"""A page with a network, its rows as the layers see them, and a chart with a band."""

import contextlib
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

import demos
from demos.widgets.line_chart import LineChart, chart_run
from demos.widgets.network import (
    Network,
    network,
    network_frame,
    network_points,
    read_edit,
    read_shape,
)
from demos.widgets.scatter import Scatter, scatter, scatter_frame
from demos.widgets.timeline import Timeline, timeline

HIDDEN = [3]
VIEW = (-1.0, 1.0, -1.0, 1.0)
STEPS = (0, 10, 20)
FIRST = np.array([[1.5, -0.5], [0.25, 2.0], [-1.0, 0.0]], dtype="f4")  # (3, 2)
BIASES = np.array([0.5, -0.25, 0.0], dtype="f4")
SECOND = np.array([[1.0, -2.0, 0.125]], dtype="f4")  # (1, 3)
CHART = {
    "valid_accuracy": [(0, 0.5), (10, 0.75), (20, 0.875)],
    "valid_accuracy_low": [(0, 0.25), (10, 0.5), (20, 0.75)],
    "valid_accuracy_high": [(0, 0.75), (10, 1.0), (20, 1.0)],
}


def moment(step: int, first: np.ndarray = FIRST, biases: np.ndarray = BIASES) -> dict[str, Any]:
    """The network at a step: its output grows from 0 to 255 everywhere as the run goes on."""
    fields = np.full((4, 24, 24), 128, dtype=np.uint8)
    fields[1] = 255  # the second neuron is positive everywhere
    output = np.full((60, 60), round(255 * step / STEPS[-1]), dtype=np.uint8)
    last = np.zeros(1, dtype="f4")
    return network_frame(step, [first, SECOND], [biases, last], fields=fields, output=output)


def value(frames: list[dict[str, Any]], hidden: list[int], run: str = "a") -> dict[str, Any]:
    points = network_points(
        np.array([[-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]), np.array([0, 1, 1]), np.array([0, 0, 1])
    )
    return network(
        run,
        frames,
        inputs=["x₁", "x₂"],
        layers=hidden,
        outputs=["no", "yes"],
        points=points,
        view=VIEW,
    )


def clouds() -> dict[str, Any]:
    places = np.array([[-120, 100], [0, 0], [120, -100]], dtype=np.int8)
    frames = [scatter_frame(step, [places, -places]) for step in STEPS]
    return scatter(
        "a", frames, labels=np.array([0, 1, 1]), classes=["no", "yes"], rows=np.array([4, 5, 6])
    )


@contextlib.contextmanager
def network_page() -> Iterator[str]:
    """Serve the page from this process until the block ends; gives its address."""
    with gr.Blocks(analytics_enabled=False) as app:
        frames = [moment(step) for step in STEPS]
        net = Network(value(frames, HIDDEN), elem_id="net", group="g")
        told = gr.Textbox(elem_id="told")
        Timeline(timeline(list(STEPS), "a"), elem_id="timeline", group="g")
        Scatter(clouds(), elem_id="scatter", group="g")
        LineChart({"runs": [chart_run("a", CHART)]}, elem_id="chart", group="g")

        def edit(event: gr.EventData) -> tuple[str, dict[str, Any]]:
            change = read_edit(event._data, (2, *HIDDEN, 1))
            first, biases = FIRST.copy(), BIASES.copy()
            if change.source is None:
                biases[change.unit] = change.value
            else:
                first[change.unit, change.source] = change.value
            newest = moment(STEPS[-1], first, biases)
            return str(tuple(change)), value([*frames[:-1], newest], HIDDEN)

        def shape(event: gr.EventData) -> tuple[str, dict[str, Any]]:
            hidden = list(read_shape(event._data))
            return str(hidden), value([], hidden, run="b")

        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "multiple"}
        net.edit(edit, None, [told, net], **quiet)
        net.shape(shape, None, [told, net], **quiet)
    _, address, _ = demos.launch(app, block=False, quiet=True)
    try:
        yield address
    finally:
        app.close()
