"""What a dense network looks like from inside: its weights, its units' views, its layers' clouds.

On the plane every unit can be asked about every point: that is its field, and the first layer's
fields show plain lines, which later layers bend. Data with more columns have no plane of their own;
there the widest plane through each layer's cloud of rows is shown (principal components), where one
can watch the classes come apart from layer to layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from dlcore.data.tables import Table

MOST_SHOWN = 400  # rows in a cloud
_OUTPUT_SIDE = 60
_SIDE, _SMALL_SIDE, _MANY_UNITS = 24, 16, 60
_FAR = 1e30
_MARGIN = 0.15  # of the data's width, left free around it


class Network(Protocol):
    """What is asked of a network here; `dlcore.mlp.MLP` has it."""

    layers: Sequence[nn.Linear]
    activation: str

    def trace(self, x: Tensor) -> list[Tensor]: ...
    def standardized(self, x: Tensor) -> Tensor: ...
    def state_dict(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Picture:
    """One moment of a network.

    weights, biases: of every layer, (out, in) and (out,) float32.
    fields: uint8 (U, g, g), for data with two columns: each unit's own output over the plane, the
        hidden layers' units first, then the scores. 128 is zero; 1 and 255 are this unit's largest
        absolute value on the plane, so each field has a scale of its own. Row 0 is on top.
    output: uint8 (60, 60), for two columns and two classes: 255 times the probability of class 1.
    view: (x low, x high, y low, y high), the part of the plane that both show.
    planes: other data: int8 (M, 2) for the inputs and for each hidden layer, ±127 the farthest.
    shown: (M,) int64, the positions in the table of the rows in `planes`.
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    fields: np.ndarray | None
    output: np.ndarray | None
    view: tuple[float, float, float, float]
    planes: list[np.ndarray] | None
    shown: np.ndarray


@dataclass(frozen=True)
class Health:
    """How the layers do, on the training rows; a number for each hidden layer, or for every layer.

    dead: share of the units that say 0 to every row (ReLU); saturated: share of the answers within
    3 % of their end (tanh, sigmoid). gradients: norm of the last gradient, for every layer, the
    output's last. sizes: root mean square of the weights, for every layer.
    """

    dead: tuple[float, ...]
    saturated: tuple[float, ...]
    gradients: tuple[float, ...]
    sizes: tuple[float, ...]


@dataclass(frozen=True)
class Answers:
    """probabilities: (V, C) float32 for the held-out rows; labels: (V,) int64."""

    probabilities: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Snapshot:
    """The network after an update: all that is needed to go on from here, and to look at it.

    state: its weights; optimizer: what the optimiser remembers, as `Descent.pack` gives it.
    """

    step: int
    state: dict[str, np.ndarray]
    optimizer: dict[str, Any]
    picture: Picture
    judged: Answers
    health: Health


@torch.no_grad()
def look(
    model: Network,
    table: Table,
    *,
    step: int,
    optimizer: dict[str, Any],
    gradients: Sequence[float],
    before: Picture | None = None,
) -> Snapshot:
    """Everything there is to see of a network after `step` updates.

    gradients: each layer's gradient norm; before: an earlier picture, to turn the planes alike.
    """
    state = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    picture = take_picture(model, table.features, shown_rows(len(table.features)), before)
    logits = model.trace(torch.from_numpy(table.features[table.held_out]))[-1]
    judged = Answers(probabilities(logits).numpy(), table.labels[table.held_out])
    some = torch.from_numpy(table.features[table.train[:1000]])
    return Snapshot(step, state, optimizer, picture, judged, examine(model, some, gradients))


def probabilities(logits: Tensor) -> Tensor:
    """Logits (N, 1) of two classes, or (N, C) -> probabilities (N, C)."""
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)  # σ(z) = softmax(0, z)
    return logits.softmax(dim=1)


def shown_rows(count: int) -> np.ndarray:
    """Which of `count` rows are in the clouds: all, or MOST_SHOWN spread evenly. (M,) int64."""
    if count <= MOST_SHOWN:
        return np.arange(count)
    return np.linspace(0, count - 1, MOST_SHOWN).round().astype(np.int64)


def view_of(features: np.ndarray) -> tuple[float, float, float, float]:
    """The part of the plane around points (N, 2)."""
    low, high = features[:, :2].min(axis=0), features[:, :2].max(axis=0)  # (2,), (2,)
    space = np.maximum(high - low, 1e-6) * _MARGIN
    low, high = low - space, high + space
    return float(low[0]), float(high[0]), float(low[-1]), float(high[-1])


@torch.no_grad()
def take_picture(
    model: Network, features: np.ndarray, shown: np.ndarray, before: Picture | None = None
) -> Picture:
    """Picture the network on features (N, D), raw. before: an earlier one, to turn planes alike."""
    weights = [layer.weight.detach().numpy().copy() for layer in model.layers]
    biases = [layer.bias.detach().numpy().copy() for layer in model.layers]
    view = view_of(features)
    fields = output = planes = None
    outputs = len(biases[-1])
    if features.shape[1] == 2:
        units = sum(map(len, biases))
        side = _SMALL_SIDE if units > _MANY_UNITS else _SIDE
        answers = torch.cat(model.trace(_grid(view, side)), dim=1)  # (g², U)
        fields = _bytes(answers.T.reshape(units, side, side))
        if outputs == 1:
            scores = model.trace(_grid(view, _OUTPUT_SIDE))[-1]  # (3600, 1)
            chance = scores.sigmoid().mul(255).round().nan_to_num(128)
            output = chance.view(_OUTPUT_SIDE, _OUTPUT_SIDE).byte().numpy()
    if output is None:
        rows = torch.from_numpy(features[shown])  # (M, D)
        clouds = [model.standardized(rows), *model.trace(rows)[:-1]]
        earlier = before.planes if before is not None and before.planes else [None] * len(clouds)
        if len(earlier) != len(clouds):
            earlier = [None] * len(clouds)
        planes = [_plane(cloud, old) for cloud, old in zip(clouds, earlier, strict=True)]
    return Picture(weights, biases, fields, output, view, planes, shown)


@torch.no_grad()
def examine(model: Network, rows: Tensor, gradients: Sequence[float]) -> Health:
    """How the layers do on training rows (N, D), raw. gradients: each layer's gradient norm."""
    dead, saturated = [], []
    for answers in model.trace(rows)[:-1]:  # (N, H)
        silent = (answers.amax(dim=0) <= 0) if model.activation == "relu" else torch.zeros(1)
        dead.append(silent.float().mean().item())
        if model.activation == "sigmoid":
            answers = 2 * answers - 1
        bounded = model.activation in ("tanh", "sigmoid")
        saturated.append((answers.abs() > 0.94).float().mean().item() if bounded else 0.0)
    sizes = tuple(layer.weight.square().mean().sqrt().item() for layer in model.layers)
    return Health(tuple(dead), tuple(saturated), tuple(gradients), sizes)


def _grid(view: tuple[float, float, float, float], side: int) -> Tensor:
    """The middles of side × side cells, (side², 2), row by row from the top."""
    x_low, x_high, y_low, y_high = view
    middles = (torch.arange(side) + 0.5) / side  # (side,)
    x = x_low + middles * (x_high - x_low)
    y = y_high - middles * (y_high - y_low)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], dim=1)


def _bytes(fields: Tensor) -> np.ndarray:
    """(U, g, g) of any size -> uint8, 128 for zero, each unit by its own largest value."""
    fields = fields.nan_to_num().clamp(-_FAR, _FAR)
    largest = fields.abs().amax(dim=(1, 2), keepdim=True).clamp_min(1e-12)
    return (128 + 127 * fields / largest).round().byte().numpy()


def _plane(cloud: Tensor, before: np.ndarray | None) -> np.ndarray:
    """Rows (M, D) on the plane in which they spread most, int8 (M, 2).

    A plane has no up or left. It is turned and mirrored to lie as it did `before` (Procrustes:
    of all rotations the one with the least squared distance), so that what moves is the network.
    """
    cloud = cloud.double().nan_to_num().clamp(-_FAR, _FAR)  # of a network that ran away
    cloud = cloud - cloud.mean(dim=0)
    spread, axes = torch.linalg.eigh(cloud.T @ cloud)  # (D,), (D, D), least first
    axes = axes[:, -2:].flip(1)  # (D, 2)
    first = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))  # (1, 2)
    points = cloud @ (axes * first.sign())  # (M, 2), or (M, 1) for a layer of one unit
    points = torch.nn.functional.pad(points, (0, 2 - points.shape[1]))
    if before is not None and before.shape == points.shape:
        left, _, right = torch.linalg.svd(points.T @ torch.from_numpy(before).double())
        points = points @ (left @ right)
    largest = points.abs().max().clamp_min(1e-12)
    return (127 * points / largest).round().to(torch.int8).numpy()
