"""The plane of a latent space: where pictures are encoded to, and what is decoded from anywhere."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from demos.widgets.base import Widget, pack
from demos.widgets.image_grid import sheet
from demos.widgets.recording import recent

Frame = dict[str, Any]


class LatentPlane(Widget):
    """A square of the plane from -span to span, y upwards, with a hand on it.

    value = {
        "run": "a1b2", "labels": packed u1 (M), the digit of each point,
        "frames": [{"step", "span": half the width of the square,
                    "means": packed i1 (M, 2), ±127 is ±span,
                    "manifold": a sheet of n * n pictures or null}, …],
        "pointer": {"x", "y"} or null, "picture": packed u1 (H, W) or null, decoded there,
        "path": [[x, y], [x, y]] or null,
        "ellipse": {"x", "y", "sx", "sy", "angle"} or null,  one standard deviation, radians
        "samples": packed f4 (K, 2) or null,
        "mode": "points" | "manifold" | "both", "axes": ["z₁", "z₂"], "title": a key
    }
    `latent_plane` and `latent_frame` make it; only "run", "labels" and "frames" are needed. Later
    values of the same run may leave out what did not change: an answer to "point" takes a kilobyte
    with `laid_on`, and thirty with two thousand points and their manifold.

    The manifold's pictures are decoded from the middles of n x n equal fields, row by row from the
    top left. Follows its group's timeline. While there is no "picture", the page shows the nearest
    of the manifold's.

    event "point" {"x", "y"}: somebody points there. The next one is sent when "pointer" has come
    back, and then the newest: listen with trigger_mode="multiple".
    event "path" {"from": [x, y], "to": [x, y]}: a path was drawn, by dragging with Shift or with
    the path button. Coordinates are finite from the page, and within the span; check them.

    A plane with a group may show a moment whose network is gone: it asks for nothing, and shows the
    manifold's pictures only. So does LatentPlane(compact=True), which has no axes, legend or tools,
    for small multiples. empty: a key; largest: its width in CSS pixels.
    """

    script = "latent_plane"
    signals = ("point", "path")


def latent_plane(
    run: str, labels: np.ndarray, frames: Sequence[Frame], **overlay: Any
) -> dict[str, Any]:
    """The value of a LatentPlane. labels (M,); frames: all of the run; the newest few are sent.

    overlay: any of the other keys, as they are.
    """
    if labels.ndim != 1 or (labels.size and not 0 <= labels.min() <= labels.max() <= 9):
        raise ValueError("labels must be digits (M,)")
    newest = recent(frames)
    for frame in newest:
        if frame["means"]["shape"][0] != len(labels):
            raise ValueError(f"{len(labels)} labels for {frame['means']['shape'][0]} points")
    return {"run": run, "labels": pack(labels, "u1"), "frames": newest, **overlay}


def latent_frame(
    step: int, points: np.ndarray, span: float, manifold: np.ndarray | None = None
) -> Frame:
    """One recorded moment: points (M, 2) in the plane's units; manifold (n * n, H, W) uint8.

    Points past the span are shown at its edge.
    """
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"points must be (M, 2), not {points.shape}")
    if not (math.isfinite(span) and span > 0):
        raise ValueError(f"span must be above 0, not {span}")
    places = np.rint(np.nan_to_num(127 * points / span).clip(-127, 127))
    tiles = None
    if manifold is not None:
        side = math.isqrt(len(manifold))
        if side * side != len(manifold):
            raise ValueError(f"a manifold is n * n pictures, not {len(manifold)}")
        tiles = sheet(manifold, side)
    return {"step": step, "span": float(span), "means": pack(places, "i1"), "manifold": tiles}


def laid_on(run: str, **overlay: Any) -> dict[str, Any]:
    """The value that changes what lies on a plane already shown, and nothing else."""
    return {"run": run, "frames": [], **overlay}
