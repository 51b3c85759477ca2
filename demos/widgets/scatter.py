"""The same rows as each layer sees them: small planes side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from demos.widgets.base import Widget, pack
from demos.widgets.recording import recent


class Scatter(Widget):
    """Clouds of points, one plane a layer; pointing at a row shows it in all of them.

    value = {
        "run": "a1b2", "titles": ["inputs", "Layer 1", …] or null, "classes": ["no", "yes"],
        "labels": packed u1 (M), "held": packed u1 (M) or null, "rows": packed i4 (M) or null,
        "frames": [{"step", "planes": [packed i1 (M, 2), …]}, …],  ±127 is the plane's edge
    }
    `scatter` and `scatter_frame` make it. Titles are word keys or plain text; without them the
    first plane is called the inputs and each further one by its layer. "rows" are the row numbers
    to name, "held" tells held-out rows, which are drawn hollow. Scatter(named=True) looks the
    classes up in `texts`, too.
    """

    script = "scatter"


def scatter(
    run: str,
    frames: Sequence[dict[str, Any]] = (),
    *,
    labels: np.ndarray,
    classes: Sequence[str],
    titles: Sequence[str] | None = None,
    held: np.ndarray | None = None,
    rows: np.ndarray | None = None,
) -> dict[str, Any]:
    """The value of a Scatter. frames: all of the run so far; the newest few are sent."""
    for name, one in (("held", held), ("rows", rows)):
        if one is not None and len(one) != len(labels):
            raise ValueError(f"{len(one)} {name} for {len(labels)} labels")
    return {
        "run": run,
        "titles": None if titles is None else list(titles),
        "classes": list(classes),
        "labels": pack(labels, "u1"),
        "held": None if held is None else pack(held, "u1"),
        "rows": None if rows is None else pack(rows, "i4"),
        "frames": recent(frames),
    }


def scatter_frame(step: int, planes: Sequence[np.ndarray]) -> dict[str, Any]:
    """One recorded moment: of every plane the places (M, 2) of all rows, from -127 to 127."""
    for plane in planes:
        if plane.ndim != 2 or plane.shape[1] != 2:
            raise ValueError(f"a plane must be (M, 2), not {plane.shape}")
    return {"step": step, "planes": [pack(plane, "i1") for plane in planes]}
