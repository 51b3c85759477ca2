"""The same training from many seeds, side by side: how much of a result is luck?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from dlcore.progress import Progress


@dataclass(frozen=True)
class Seeds:
    """Held-out accuracy (S,) at the end, for each of S first weights and orders of the batches."""

    seeds: tuple[int, ...]
    accuracy: np.ndarray


def side_by_side(runs: Sequence[Iterator[Progress]], seeds: Sequence[int]) -> Iterator[Progress]:
    """Every run an epoch further, again and again; yields the means of their metrics.

    Beside valid_accuracy stand valid_accuracy_low and valid_accuracy_high, the worst run's and the
    best one's. The last event's snapshot is a Seeds.
    """
    while True:
        events = [next((e for e in run if "loss" in e.metrics), None) for run in runs]
        now = [event for event in events if event is not None]
        if not now:
            return
        metrics = {name: fmean(e.metrics[name] for e in now) for name in now[0].metrics}
        accuracy = np.array([event.metrics["valid_accuracy"] for event in now])
        metrics["valid_accuracy_low"] = float(accuracy.min())
        metrics["valid_accuracy_high"] = float(accuracy.max())
        step, total = now[0].step, now[0].total
        yield Progress(
            step, total, metrics, Seeds(tuple(seeds), accuracy) if step == total else None
        )
