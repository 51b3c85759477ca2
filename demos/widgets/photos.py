"""Photographs side by side, each with its words: examples to choose from, steps, neighbours."""

import base64
import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from PIL import Image

from demos.widgets.base import Widget

_QUALITY = 88  # of WebP: what the eye cannot tell from the original, at a sixth of a PNG's size


class Photos(Widget):
    """Photographs in a row that wraps, as sharp as they are sent.

    value = {"pictures": [{"src": data URL, "key": "resize", "values": {…}, "id": any,
                           "mark": "wrong" | "right" | ""}, …], "picked": an id}
    Under each picture stand the words of its key (in `texts`; raw when absent), {placeholders}
    filled: numbers as the reader writes them, {"percent": 0.93} as a percentage, and {"en", "vi"}
    in the reader's language. With "frames": [{"step", "pictures"}] and the "run" they are of, the
    pictures follow the group's timeline.

    Photos(pick=True) makes them buttons; the event `pick` carries {"id"}. Also as keywords: side
    (CSS pixels of the longer side), empty (a key), crisp (show pixels instead of smoothing them).
    """

    script = "photos"
    signals = ("pick",)


def photo(pixels: np.ndarray, key: str, *, side: int | None = None, **more: Any) -> dict[str, Any]:
    """One of the pictures. more: values, id, mark."""
    return {"src": data_url(pixels, side=side), "key": key, **more}


def photos(pictures: Iterable[Mapping[str, Any]], *, picked: Any = None) -> dict[str, Any]:
    """The value for pictures made with `photo`."""
    value: dict[str, Any] = {"pictures": [dict(picture) for picture in pictures]}
    if picked is not None:
        value["picked"] = picked
    return value


def data_url(
    pixels: np.ndarray, *, side: int | None = None, exact: bool = False, quality: int = _QUALITY
) -> str:
    """A picture (H, W, 3) or (H, W), uint8 or floats in [0, 1], as a data URL the page can show.

    side: the longer side at most, in pixels; exact: without loss, for pictures whose pixels count.
    """
    if pixels.dtype != np.uint8:
        pixels = (np.nan_to_num(pixels).clip(0, 1) * 255).round().astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if side is not None and max(picture.size) > side:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if exact:
        picture.save(buffer, "WEBP", lossless=True, method=1)
    else:
        picture.save(buffer, "WEBP", quality=quality, method=2)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
