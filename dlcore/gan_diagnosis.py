"""What became of a game, read from the run itself: its scores, its gradients, its pictures.

Each finding is a claim with the numbers it rests on. The settings are not asked: a discriminator
is too strong when the generator stands still before it, not when somebody gave it a high rate.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dlcore.progress import Progress

_LATE = 0.25  # the part of a run, at its end, that is judged
_CERTAIN = 0.9  # mean score of real minus mean score of fake pictures
_EARLY = 100  # steps before which nothing can be said
# Between 64 real digits: how much a pixel varies (root mean square), and how far the most similar
# other digit is. Even of ones alone it is 0.17 and 2.8.
_REAL_SPREAD, _REAL_APART = 0.26, 6.1


@dataclass(frozen=True)
class Finding:
    """key: "burst", "certain", "same", "twins", "missing", "unreadable", "early" or "fine".

    values: the numbers that show it.
    """

    key: str
    values: Mapping[str, float] = field(default_factory=dict)


def diagnose(
    events: Sequence[Progress], snapshot: Any, config: Any, quality: Any = None
) -> list[Finding]:
    """Everything found wrong, the gravest first; a single "fine" if nothing was.

    snapshot: the run's last; quality: what the judge said of its samples (dlcore/quality.py), or
    None if it was not asked. config only says how scores are meant and which digits were shown.
    """
    curves: dict[str, list[float]] = {}
    for event in events:
        for name, value in event.metrics.items():
            curves.setdefault(name, []).append(value)
    if not curves.get("d_loss") or snapshot is None:
        return []
    found = [*_burst(curves), *_certain(curves, config), *_same(snapshot)]
    if quality is not None:
        found += _judged(quality, config)
    steps = events[-1].step
    if not found and steps < _EARLY:
        return [Finding("early", {"steps": steps})]
    if found:
        return found
    return [Finding("fine", {name: _late(curves[name]) for name in ("d_real", "d_fake")})]


def _late(values: Sequence[float]) -> float:
    """The mean over the last part of a curve."""
    part = values[-max(1, round(len(values) * _LATE)) :]
    return sum(part) / len(part)


def _burst(curves: Mapping[str, Sequence[float]]) -> list[Finding]:
    """Steps so long that they overshoot: a loss that is no number, or that leapt far up."""
    losses = [*curves["d_loss"], *curves["g_loss"]]
    if not all(map(math.isfinite, losses)):
        return [Finding("burst", {"worst": math.inf})]
    first, worst = curves["d_loss"][0], max(curves["d_loss"])
    if worst > 5 * max(abs(first), 0.7):  # 0.7: one that cannot tell at all says ln 2
        return [Finding("burst", {"first": first, "worst": worst})]
    return []


def _certain(curves: Mapping[str, Sequence[float]], config: Any) -> list[Finding]:
    """A judge that is always sure, and right, has nothing to teach: every change looks as bad."""
    if config.variant == "wgan-gp":  # its scores mean nothing by themselves
        return []
    real, fake = _late(curves["d_real"]), _late(curves["d_fake"])
    if real - fake > _CERTAIN:
        return [
            Finding("certain", {"d_real": real, "d_fake": fake, "g_loss": _late(curves["g_loss"])})
        ]
    return []


def _same(snapshot: Any) -> list[Finding]:
    """Mode collapse, as the pictures of 64 different noises show it.

    Either there is hardly a difference between them at all, or only a few different ones: then
    most have a twin. Distances are Euclidean, between pixels in [0, 1].
    """
    pixels = np.asarray(snapshot.samples, np.float32).reshape(64, -1) / 255  # (64, 784)
    spread = float(np.sqrt(pixels.var(axis=0).mean()))
    if spread < 0.4 * _REAL_SPREAD:
        return [Finding("same", {"spread": spread, "real": _REAL_SPREAD})]
    squares = np.square(pixels).sum(axis=1)
    apart = squares[:, None] + squares - 2 * pixels @ pixels.T  # (64, 64)
    np.fill_diagonal(apart, np.inf)
    nearest = float(np.median(np.sqrt(apart.min(axis=1).clip(min=0))))
    if nearest < 0.4 * _REAL_APART:
        return [Finding("twins", {"apart": nearest, "real": _REAL_APART})]
    return []


def _judged(quality: Any, config: Any) -> list[Finding]:
    """What the independent judge misses: whole digits, or pictures that it can read at all."""
    found = []
    shares = np.asarray(quality.histogram)
    missing = int((shares < 0.01).sum())
    if config.digits == "all" and missing:
        values = {"missing": missing, "digit": int(shares.argmax()), "share": float(shares.max())}
        found.append(Finding("missing", values))
    if quality.confident < 0.5:
        found.append(Finding("unreadable", {"confident": quality.confident}))
    return found
