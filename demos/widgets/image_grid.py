"""Small pictures in a grid: mistakes, kernels, samples, over time."""

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from demos.widgets.base import Widget, pack

# 600 of them, five a second for two minutes, are 4.8 MB when sent as text
MOST_BYTES = 6000
_QUALITIES = (40, 12, 4)  # of a sheet too noisy to be sent without loss
_SHADES = (16, 6)
_FOR, _AGAINST = np.array([0.13, 0.33, 0.77]), np.array([0.81, 0.36, 0.05])  # RGB


class ImageGrid(Widget):
    """Pictures scaled up with crisp pixels, at most `columns` in a row.

    value = {"images": pack(u1 array (N, H, W) or (N, H, W, 3)), "captions": ["7 → 1", …],
             "marks": ["wrong" | "right" | "muted" | "", …], "columns": 10, "picked": 3,
             "palette": "ink" (paper … ink) | "grey" (black … white) | "diverging" (zero at 128)}
    Captions are looked up in `texts`, of "cat → dog  93 %" each part by itself.
    Only "images" is needed; pictures that are streamed go as a `sheet` in its place. With
    "frames": [{"step", "images" or a sheet, "captions"?, …}] instead, the grid follows its group's
    timeline; keys beside "frames" hold for all of them. `images`, `sheet` and `diverging_images`
    below build a value or a frame from an array.

    ImageGrid(pick=True) makes the cells buttons; the event `pick` carries {"index", "id"}, the id
    from a list "ids" beside the images, which may be scrubbed with them. Also as keywords:
    columns, palette, smallest and largest (side of a cell in CSS pixels), empty (a key).
    """

    script = "image_grid"
    signals = ("pick",)


def images(array: ArrayLike, *, captions: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """Pictures (N, H, W) or (N, H, W, 3): uint8 as they are, floats in [0, 1] (else clipped)."""
    pixels = _bytes(array)
    if pixels.ndim not in (3, 4) or (pixels.ndim == 4 and pixels.shape[3] != 3):
        raise ValueError(f"pictures must be (N, H, W) or (N, H, W, 3), not {pixels.shape}")
    value: dict[str, Any] = {"images": pack(pixels, "u1"), **more}
    if captions:
        if len(captions) != len(pixels):
            raise ValueError(f"{len(captions)} captions for {len(pixels)} pictures")
        value["captions"] = [str(caption) for caption in captions]
    return value


def _bytes(array: ArrayLike) -> np.ndarray:
    """Pixels as uint8; floats in [0, 1] become 0 … 255."""
    pixels = np.asarray(array)
    if pixels.dtype == np.uint8:
        return pixels
    return (np.nan_to_num(pixels).clip(0, 1) * 255).round().astype(np.uint8)


def on_paper(image: np.ndarray, heat: np.ndarray | None = None) -> np.ndarray:
    """Ink on white paper with heat over it, blue above zero and orange below.

    image: (H, W) in [0, 1], 1 = ink; heat: (H, W), signed, its largest value as strong as any.
    Gives (H, W, 3) in [0, 1].
    """
    paper = (1 - 0.75 * image[..., None]).repeat(3, axis=-1)
    if heat is None:
        return paper
    strength = (heat / max(float(np.abs(heat).max()), 1e-12))[..., None]
    return paper + (np.where(strength < 0, _AGAINST, _FOR) - paper) * np.abs(strength) * 0.8


def sheet(
    array: ArrayLike, columns: int | None = None, *, most: int | None = MOST_BYTES
) -> dict[str, Any]:
    """Grey pictures (N, H, W), uint8 or floats in [0, 1], side by side in one compressed picture.

    {"sheet": "data:image/webp;base64,…", "count": N, "tile": [H, W]}: the keys of an ImageGrid's
    value or frame, as `{"step": step, **sheet(samples)}`. Sixteen shades without loss if that
    takes at most `most` bytes (64 digits: 5.5 kB, a tenth of the array), or six, which digits can
    hardly be told from (4 kB); else the finest lossy quality that does, and noise that none can
    hold is sent at half its size.
    most=None: all 256 shades, without loss.
    """
    pixels = _bytes(array)
    if pixels.ndim != 3 or not pixels.size:
        raise ValueError(f"a sheet holds grey pictures (N, H, W), not {pixels.shape}")
    data = _compressed(_tiled(pixels, columns), most)
    if most is not None and len(data) > most and min(pixels.shape[1:]) > 1:
        pixels = _halved(pixels)
        data = _compressed(_tiled(pixels, columns), most)
    return {
        "sheet": f"data:image/webp;base64,{base64.b64encode(data).decode('ascii')}",
        "count": len(pixels),
        "tile": list(pixels.shape[1:]),
    }


def _tiled(pixels: np.ndarray, columns: int | None) -> np.ndarray:
    """(N, H, W) as one picture (rows * H, columns * W), by default about as many of each."""
    count, height, width = pixels.shape
    across = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / across)
    filled = np.zeros((rows * across, height, width), np.uint8)
    filled[:count] = pixels
    whole = filled.reshape(rows, across, height, width).swapaxes(1, 2)  # (rows, H, columns, W)
    return whole.reshape(rows * height, across * width)


def _halved(pixels: np.ndarray) -> np.ndarray:
    """Of every 2 x 2 pixels their mean; an odd last row or column falls away."""
    count, height, width = pixels.shape
    even = pixels[:, : height // 2 * 2, : width // 2 * 2]
    return even.reshape(count, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).astype(np.uint8)


def _compressed(whole: np.ndarray, most: int | None) -> bytes:
    """A grey picture as WebP, of at most so many bytes if any quality achieves that."""
    if most is None:
        return _webp(whole, lossless=True, method=2)
    data = b""
    for shades in _SHADES:
        step = 255 // (shades - 1)  # paper stays 0 and ink stays 255
        rounded = (whole.astype(np.uint16) + step // 2) // step * step
        data = _webp(rounded.astype(np.uint8), lossless=True, method=2)
        if len(data) <= most:
            return data
    for quality in _QUALITIES:
        data = _webp(whole, quality=quality, method=4)
        if len(data) <= most:
            break
    return data


def _webp(pixels: np.ndarray, **how: Any) -> bytes:
    """Takes 3 to 5 ms for 64 digits."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", **how)
    return buffer.getvalue()


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
