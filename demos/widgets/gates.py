"""What every unit of a recurrent cell did at every word: gates and states, one under another."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from demos.widgets.base import Widget, pack

GATES = ("forget", "input", "output", "reset", "update")  # between 0 and 1; the rest is signed


class Gates(Widget):
    """Heatmaps that share their columns (words) and rows (units); a cell shows its arithmetic.

    value = {"words": [texts], "kind": "lstm" | "gru" | "rnn",
             "layers": [{"name", "gate": bool, "values": pack(f4 (H, T)), "fixed": number or null}],
             "units": [H numbers of the units, from top to bottom],
             "weights": [H weights of these units in the answer] or null, "note": key or null}
    Names: forget, input, output (LSTM gates), reset, update (GRU gates), candidate, cell, hidden.
    Pointing at a cell, or walking with the arrow keys, writes out the equations of that unit at
    that word. Keyword: empty (the key of the empty state).
    """

    script = "gates"


def gates(
    words: Sequence[str],
    kind: str,
    layers: Mapping[str, ArrayLike | None],
    *,
    weights: ArrayLike | None = None,
    fixed: Mapping[str, float] | None = None,
    note: str | None = None,
) -> dict[str, Any]:
    """The value for arrays (T, H) by name; None where a cell has no such part.

    weights (H): how each unit enters the answer; units are ordered by it, "for" on top.
    fixed: gates that were held at a number.
    """
    shown = {n: np.asarray(v, dtype=np.float32) for n, v in layers.items() if v is not None}
    for name, table in shown.items():
        if table.ndim != 2 or len(table) != len(words):
            raise ValueError(f"{name} is {table.shape} for {len(words)} words")
    heights = {table.shape[1] for table in shown.values()}
    if len(heights) != 1:
        raise ValueError(f"all parts need as many units as the others, not {sorted(heights)}")
    units = np.arange(heights.pop())
    if weights is not None:
        units = np.argsort(-np.asarray(weights, dtype=np.float32), kind="stable")
    return {
        "words": list(words),
        "kind": kind,
        "layers": [
            {
                "name": name,
                "gate": name in GATES,
                "values": pack(table.T[units]),
                "fixed": (fixed or {}).get(name),
            }
            for name, table in shown.items()
        ],
        "units": units.tolist(),
        "weights": None if weights is None else np.asarray(weights, dtype=float)[units].tolist(),
        "note": note,
    }
