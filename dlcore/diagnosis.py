"""What went wrong with a training, read from the run itself: its losses, gradients and layers.

Each finding is a claim with the numbers it rests on. Nothing is looked up by the settings' name: a
learning rate is too high when the loss rose, not when somebody chose 10.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dlcore.data.tables import Table
from dlcore.portrait import Snapshot
from dlcore.progress import Progress

LEARNT, UNDERFIT = 0.9, 0.8  # of the training rows answered right


@dataclass(frozen=True)
class Finding:
    """key: "rate", "dead", "saturated", "vanishing", "overfit", "unscaled", "symmetric", "stuck",
    "underfit" or "fine". values: the numbers that show it.
    """

    key: str
    values: Mapping[str, float] = field(default_factory=dict)


def diagnose(events: Sequence[Progress], snapshot: Snapshot, table: Table) -> list[Finding]:
    """Everything found wrong, the gravest first; a single "fine" if nothing was.

    The settings are not asked, on purpose: they are a suspicion, the run is the proof.
    """
    curves: dict[str, list[float]] = {}
    for event in events:
        for name, value in event.metrics.items():
            curves.setdefault(name, []).append(value)
    if not curves.get("loss"):
        return []
    found = [
        *_rate(curves["loss"]),
        *_unscaled(snapshot, table),
        *_layers(snapshot, learnt=curves["accuracy"][-1] >= LEARNT),
        *_overfit(curves, table),
    ]
    labels = np.asarray(table.labels)[table.train]
    largest = float(np.bincount(labels).max() / len(labels))
    accuracy = curves["accuracy"][-1]
    if accuracy <= largest + 0.02:
        found.append(Finding("stuck", {"accuracy": accuracy, "largest": largest}))
    elif not found and accuracy < UNDERFIT:
        found.append(Finding("underfit", {"accuracy": accuracy}))
    if not found:
        valid = curves["valid_accuracy"][-1]
        values = {"loss": curves["loss"][-1], "accuracy": accuracy, "valid_accuracy": valid}
        return [Finding("fine", values)]
    return found


def _rate(losses: list[float]) -> list[Finding]:
    """Downhill steps that lead uphill are too long: the loss rose above where it began."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    first, worst = losses[0], max(finite, default=math.inf)
    guessing = 0.75  # a network that says one half to everything has ln 2 = 0.69
    if len(finite) < len(losses) or worst > 1.2 * max(first, guessing):
        return [Finding("rate", {"first": first, "worst": worst, "last": losses[-1]})]
    return []


def _layers(snapshot: Snapshot, *, learnt: bool) -> list[Finding]:
    """Units that say nothing, units at their end stops, gradients that fade on their way down.

    A network that has learnt its rows may well be sure of itself, so there only dead halves count.
    """
    found, health = [], snapshot.health
    if max(health.dead, default=0) >= (0.5 if learnt else 0.25):
        layer = int(np.argmax(health.dead))
        found.append(Finding("dead", {"layer": layer + 1, "share": health.dead[layer]}))
    if not learnt and max(health.saturated, default=0) >= 0.5:
        layer = int(np.argmax(health.saturated))
        values = {"layer": layer + 1, "share": health.saturated[layer]}
        found.append(Finding("saturated", values))
    first, last = health.gradients[0], health.gradients[-1]
    if not learnt and len(health.gradients) > 2 and 0 < first < last / 100:
        found.append(Finding("vanishing", {"first": first, "last": last, "times": last / first}))
    rows = snapshot.state["layers.0.weight"]  # (units, D)
    if len(rows) > 1 and len(health.gradients) > 1 and np.ptp(rows, axis=0).max() < 1e-6:
        found.append(Finding("symmetric", {"units": float(len(rows))}))
    return found


def _unscaled(snapshot: Snapshot, table: Table) -> list[Finding]:
    """Columns of very different size as the first layer gets them."""
    inputs = table.features[table.train].astype(np.float64) / snapshot.state["scale"]
    spread = inputs.std(axis=0)
    spread = spread[spread > 0]
    if not len(spread) or spread.max() < 20 * spread.min():
        return []
    narrow, wide = float(spread.min()), float(spread.max())
    return [Finding("unscaled", {"narrow": narrow, "wide": wide, "times": wide / narrow})]


def _overfit(curves: dict[str, list[float]], table: Table) -> list[Finding]:
    """The held-out loss turned and rose while the training loss went on falling."""
    loss, valid = curves["loss"], curves["valid_loss"]
    if not all(map(math.isfinite, (*loss, *valid))):
        return []
    best = int(np.argmin(valid))
    if valid[-1] > 1.25 * valid[best] and valid[-1] > valid[best] + 0.05 and loss[-1] <= loss[best]:
        gap = curves["accuracy"][-1] - curves["valid_accuracy"][-1]
        values = {"best": valid[best], "last": valid[-1], "train": loss[-1], "gap": gap}
        return [Finding("overfit", values | {"rows": float(len(table.train))})]
    return []
