"""A plane with labelled points, a neuron's line or a network's field, and a hand on them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from demos.kit.errors import UserError
from demos.widgets.base import Widget, pack
from dlcore.perceptron import Config, activate, restore

Row = tuple[float, float, int]  # x₁, x₂, label

MOST_POINTS = 100
REACH = 2.0  # points lie in [-2, 2] on both axes
_FIELD = 41  # the field is a grid of so many outputs a side
_MOST_FIELDS = 60
_NEAR = (-0.75, 1.75)  # what of the plane is seen: the four corners with room around them
_FAR = (-2.2, 2.2)


class Plane(Widget):
    """The plane.

    value = {
        "run": "a1b2", "view": [low, high], "points": [[x1, x2, label], …], "editable": true,
        "edit": the number of the newest edit that is in this value; needed where "editable"
        "steps": [0, 1, …], "right": [2, 3, …],  one of each per frame (T)
        "samples": [-2, 0, 1, …],                the point an update looked at; below 0: none
        "lines": packed f4 (T, H, 3),            w1, w2, b of each line
        "outputs": packed f4 (T, N),             the network's answer to each point
        "ramp": [[score, output], …],            how a single neuron's output follows its score
        "field": {"steps", "values": packed u1 (F, 41, 41)} or null,  outputs · 255, top row first
        "circle": [step, step] or null,          at the second the weights are those of the first
        "swarm": {"steps", "lines": packed f4 (F, S, 3), "right": packed u1 (F, S)} or null,
        "play": {"token", "from": step or null}, once a token: look at the newest, or play a film
        "ended": why the last training stopped: a key of the words ended.*, or "",
        "good", "starts": numbers for ended.starts
    }
    event "points" {"points": rows, "edit": number}: the points were edited.
    event "line" {"p": [x, y], "q": [x, y], "edit": number}: the line was dragged; it now runs
    through p and q, with its positive side on the left of the way from p to q.
    Until a value comes with that number, those that come are older, and the plane keeps its own
    points and line; nor does it send anything else.
    """

    script = "plane"
    signals = ("points", "line")


def history(rows: Tensor, config: Config, extended: Tensor) -> dict[str, Any]:
    """The lines and outputs of a network at T moments: T networks, restored from T rows (T, P).

    extended: the points (N, 3).
    """
    model = restore(rows, config)
    with torch.no_grad():
        lines, outputs = model.lines(), model(extended)  # (T, H, 3), (T, N)
    return {"lines": pack(lines.numpy()), "outputs": pack(outputs.numpy())}


def ramp(config: Config) -> list[list[float]]:
    """A single neuron's own activation at a few scores, for the colours beside its line."""
    if config.hidden:
        return []
    scores = [-6.0, -4.0, -3.0, -2.0, -1.0, -1e-6, 1e-6, 1.0, 2.0, 3.0, 4.0, 6.0]
    outputs = activate(torch.tensor(scores, dtype=torch.float64), config.rule).tolist()
    return [[score, output] for score, output in zip(scores, outputs, strict=True)]


def field(
    rows: Tensor, config: Config, steps: Sequence[int], seen: tuple[float, float]
) -> dict[str, Any] | None:
    """A hidden layer's outputs over the visible plane, at 60 of the T moments at most."""
    if not config.hidden:
        return None
    low, high = seen
    half = (high - low) / _FIELD / 2
    axis = torch.linspace(low + half, high - half, _FIELD, dtype=torch.float64)
    x2, x1 = torch.meshgrid(axis.flip(0), axis, indexing="ij")
    grid = torch.stack([x1, x2, torch.ones_like(x1)], dim=-1).reshape(-1, 3)  # (41², 3)
    chosen = torch.linspace(0, len(steps) - 1, min(_MOST_FIELDS, len(steps))).round().long()
    with torch.no_grad():
        outputs = restore(rows[chosen], config)(grid).reshape(-1, _FIELD, _FIELD)
    values = (outputs * 255).round().to(torch.uint8).numpy()
    return {"steps": [steps[i] for i in chosen.tolist()], "values": pack(values, "u1")}


def view(points: Sequence[Row]) -> tuple[float, float]:
    """How much of the plane to show for these points."""
    inside = all(x in (0, 1) and y in (0, 1) for x, y, _ in points)
    return _NEAR if inside and points else _FAR


def read_points(rows: object) -> tuple[Row, ...]:
    """Points as any client may send them. Raises UserError unless they are what the plane sends."""
    if not isinstance(rows, (list, tuple)) or not 1 <= len(rows) <= MOST_POINTS:
        raise UserError("perceptron.errors.points", limit=MOST_POINTS)
    return tuple(_read_point(row) for row in rows)


def _read_point(row: object) -> Row:
    if isinstance(row, (list, tuple)) and len(row) == 3:
        x, y, label = row
        numbers = all(type(value) in (int, float) for value in (x, y, label))
        if numbers and abs(x) <= REACH and abs(y) <= REACH and label in (0, 1):  # NaN fails too
            return round(float(x), 2) + 0.0, round(float(y), 2) + 0.0, int(label)
    raise UserError("perceptron.errors.points", limit=MOST_POINTS)


def read_edit(edit: object) -> int:
    """The number by which the plane knows its edit again; 0 from a client that counts none."""
    return edit if type(edit) is int and 0 < edit < 2**53 else 0


def read_place(place: object) -> tuple[float, float]:
    """A place on the plane or a little beside it, as any client may send it."""
    if isinstance(place, (list, tuple)) and len(place) == 2:
        x, y = place
        if all(type(value) in (int, float) and abs(value) <= 10 for value in place):
            return float(x), float(y)
    raise UserError("perceptron.errors.line")


def to_text(points: Sequence[Row]) -> str:
    """Points for an address: "0,1,1;-0.5,2,0"."""
    return ";".join(f"{x:g},{y:g},{label}" for x, y, label in points)


def from_text(text: object) -> tuple[Row, ...]:
    """The inverse of `to_text`. Raises UserError."""
    if not isinstance(text, str) or len(text) > 40 * MOST_POINTS:
        raise UserError("perceptron.errors.points", limit=MOST_POINTS)
    try:
        return read_points([[float(part) for part in row.split(",")] for row in text.split(";")])
    except ValueError:
        raise UserError("perceptron.errors.points", limit=MOST_POINTS) from None
