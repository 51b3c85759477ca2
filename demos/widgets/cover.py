"""A picture to paint over with a brush: what the network no longer sees."""

import base64
from typing import Any

import numpy as np

from demos.kit.errors import UserError
from demos.widgets.base import Widget

SIDE = 56  # cells of the mask each way: four pixels of the network's input


class Cover(Widget):
    """Paint over parts of a picture, by mouse, finger, stylus or keys.

    value = {"src": data URL of the square that the network gets}; a new one begins uncovered.
    The page sends {"mask": base64 of SIDE x SIDE bytes, 1 = covered} in the value's place, and the
    event "brush" while somebody paints. `covered` reads the mask. What comes of it is for other
    components: an answer to an old mask would undo a newer one here.
    """

    script = "cover"
    signals = ("brush",)

    def api_info(self) -> dict[str, Any]:
        text = f'{{"mask": base64 of {SIDE} x {SIDE} bytes, row by row, 1 = covered}}'
        return {"type": {}, "description": text}

    def example_payload(self) -> Any:
        return {"mask": ""}


def covered(payload: object) -> np.ndarray:
    """The mask (SIDE, SIDE), True where the picture is covered. Raises UserError if it is none."""
    mask = payload.get("mask", "") if isinstance(payload, dict) else ""
    if not mask:
        return np.zeros((SIDE, SIDE), bool)
    try:
        cells = np.frombuffer(base64.b64decode(mask, validate=True), np.uint8)
        return cells.reshape(SIDE, SIDE) > 0
    except (ValueError, TypeError) as error:
        raise UserError("widgets.cover.unreadable") from error
