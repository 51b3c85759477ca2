"""Small pictures in a grid: mistakes, kernels, samples, over time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from demos.widgets.base import Widget, pack


class ImageGrid(Widget):
    """Pictures scaled up with crisp pixels, at most `columns` in a row.

    value = {"images": pack(u1 array (N, H, W) or (N, H, W, 3)), "captions": ["7 → 1", …],
             "marks": ["wrong" | "right" | "muted" | "", …], "columns": 10, "picked": 3,
             "palette": "ink" (paper … ink) | "grey" (black … white) | "diverging" (zero at 128)}
    Only "images" is needed. With "frames": [{"step", "images", "captions"?, …}] instead, the grid
    follows its group's timeline; keys beside "frames" hold for all of them. `images` and
    `diverging_images` below build a value or a frame from an array.

    ImageGrid(pick=True) makes the cells buttons; the event `pick` carries {"index", "id"}, the id
    from a list "ids" beside the images, which may be scrubbed with them. Also as keywords:
    columns, palette, smallest and largest (side of a cell in CSS pixels), empty (a key).
    """

    script = "image_grid"
    signals = ("pick",)


def images(array: ArrayLike, *, captions: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """Pictures (N, H, W) or (N, H, W, 3): uint8 as they are, floats in [0, 1] (else clipped)."""
    pixels = np.asarray(array)
    if pixels.ndim not in (3, 4) or (pixels.ndim == 4 and pixels.shape[3] != 3):
        raise ValueError(f"pictures must be (N, H, W) or (N, H, W, 3), not {pixels.shape}")
    if pixels.dtype != np.uint8:
        pixels = (np.nan_to_num(pixels).clip(0, 1) * 255).round().astype(np.uint8)
    value: dict[str, Any] = {"images": pack(pixels, "u1"), **more}
    if captions:
        if len(captions) != len(pixels):
            raise ValueError(f"{len(captions)} captions for {len(pixels)} pictures")
        value["captions"] = [str(caption) for caption in captions]
    return value


def diverging_images(
    array: ArrayLike, *, limit: float | None = None, captions: Sequence[str] = (), **more: Any
) -> dict[str, Any]:
    """Signed pictures (N, H, W), such as kernels: -limit … 0 … limit as orange … paper … blue.

    One limit for all pictures, by default their largest absolute value, so that a weak kernel
    looks weak.
    """
    values = np.nan_to_num(np.asarray(array, dtype=np.float32))
    if limit is None:
        limit = float(np.abs(values).max(initial=0.0))
    scaled = (values / (limit or 1.0)).clip(-1, 1)
    pixels = (128 + 127 * scaled).round().astype(np.uint8)
    return images(pixels, captions=captions, palette="diverging", **more)
