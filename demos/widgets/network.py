"""A network as a diagram: neurons, weights, and what each neuron makes of the plane."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from demos.kit.errors import UserError
from demos.widgets.base import Widget, pack
from demos.widgets.recording import recent

MOST_INPUTS = 20  # more features are told as "+7"
MOST_LAYERS = 6
MOST_UNITS = 64
LARGEST = 100.0  # a weight typed by hand

Frame = dict[str, Any]


class Network(Widget):
    """Columns of neurons, joined by weights; for 2-D data the plane at their right.

    value = {
        "run": "a1b2", "inputs": ["x₁", "x₂"], "more": 0, "layers": [8, 8],
        "outputs": ["class 0", "class 1"], "editable": true,
        "points": {"x": packed f4 (N, 2), "labels": packed u1 (N), "held": packed u1 (N)} or null,
        "view": [x_low, x_high, y_low, y_high] or null,
        "frames": [{"step",
                    "weights": [packed f4 (out, in), …], "biases": [packed f4 (out), …],
                    "fields": packed u1 (U, g, g) or null,  each unit's output, 128 is zero
                    "output": packed u1 (60, 60) or null}, …],  probability of the second class
    }
    `network`, `network_frame` and `network_points` make it. "more" counts the inputs that are not
    shown; their weights are not sent. "fields" are those of the hidden layers, one after the other,
    then of the output units; row 0 on top. For more than two classes "output" is (C, 60, 60).
    Before the first frame the neurons and the points are shown alone.

    event "edit" {"layer", "unit", "source", "value"}: a weight, or with source null a bias, was set
    by hand. Layer 0 is the first one with weights. `read_edit` checks it.
    event "shape" {"hidden": [8, 8]}: units or layers were added or removed. `read_shape` checks it.
    Clicks may come faster than answers: listen with trigger_mode="multiple" ("always_last" of
    Gradio 6.31 sends the first event again).
    """

    script = "network"
    signals = ("edit", "shape")


class Edit(NamedTuple):
    """One number of a network, set by hand: weights[layer][unit, source], or a bias."""

    layer: int
    unit: int
    source: int | None
    value: float


def network(
    run: str,
    frames: Sequence[Frame] = (),
    *,
    inputs: Sequence[str],
    layers: Sequence[int],
    outputs: Sequence[str],
    points: dict[str, Any] | None = None,
    view: Sequence[float] | None = None,
    editable: bool = True,
) -> dict[str, Any]:
    """The value of a Network. frames: all of the run so far; the newest few are sent.

    outputs: the class names; two classes have one output unit between them.
    points: from `network_points`, made once a data set, so that it travels once.
    """
    return {
        "run": run,
        "inputs": list(inputs[:MOST_INPUTS]),
        "more": max(0, len(inputs) - MOST_INPUTS),
        "layers": list(layers),
        "outputs": list(outputs),
        "points": points,
        "view": None if view is None else [float(edge) for edge in view],
        "editable": editable,
        "frames": recent(frames),
    }


def network_frame(
    step: int,
    weights: Sequence[np.ndarray],
    biases: Sequence[np.ndarray],
    *,
    fields: np.ndarray | None = None,
    output: np.ndarray | None = None,
) -> Frame:
    """One recorded moment: weights (out, in) and biases (out,) of every layer, fields as bytes."""
    if len(weights) != len(biases):
        raise ValueError(f"{len(weights)} weight matrices, {len(biases)} biases")
    for weight, bias in zip(weights, biases, strict=True):
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise ValueError(f"weights {weight.shape} and biases {bias.shape} do not fit")
    shown = [weights[0][:, :MOST_INPUTS], *weights[1:]]
    return {
        "step": step,
        "weights": [pack(weight) for weight in shown],
        "biases": [pack(bias) for bias in biases],
        "fields": None if fields is None else pack(fields, "u1"),
        "output": None if output is None else pack(output, "u1"),
    }


def network_points(x: np.ndarray, labels: np.ndarray, held: np.ndarray) -> dict[str, Any]:
    """Points on the plane (N, 2) with their classes (N,) and whether they are held out (N,)."""
    return {"x": pack(x), "labels": pack(labels, "u1"), "held": pack(held, "u1")}


def read_edit(data: object, sizes: Sequence[int]) -> Edit:
    """An event "edit" as any client may send it; sizes: units of all columns, inputs first.

    Raises UserError.
    """
    if isinstance(data, dict):
        found: list[Any] = [data.get(name) for name in Edit._fields]
        layer, unit, source, value = found
        if (
            _within(layer, len(sizes) - 1)
            and _within(unit, sizes[layer + 1])
            and (source is None or _within(source, sizes[layer]))
            and type(value) in (int, float)
            and math.isfinite(value)
            and abs(value) <= LARGEST
        ):
            return Edit(layer, unit, source, float(value))
    raise UserError("widgets.network.bad_edit", limit=LARGEST)


def read_shape(data: object, most_units: int = MOST_UNITS) -> tuple[int, ...]:
    """An event "shape" as any client may send it: the units of each hidden layer.

    Raises UserError.
    """
    hidden = data.get("hidden") if isinstance(data, dict) else None
    if not isinstance(hidden, list) or not (
        len(hidden) <= MOST_LAYERS
        and all(type(units) is int and 1 <= units <= most_units for units in hidden)
    ):
        raise UserError("widgets.network.bad_shape", layers=MOST_LAYERS, units=most_units)
    return tuple(hidden)


def _within(index: Any, count: int) -> bool:
    return type(index) is int and 0 <= index < count
