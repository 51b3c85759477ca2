"""A picture to paint over with a brush: what the network no longer sees."""

import base64
from typing import Any

import numpy as np

from demos.kit.errors import UserError
from demos.widgets.base import Widget

SIDE = 56  # cells of the mask each way: four pixels of the network's input


class Cover(Widget):
    """Paint over parts of a picture, by mouse, finger, stylus or keys.

    value = {"src": data URL of the square that the network gets, "covered": the same as the
             network gets it with the mask of turn "seen"}
    The page sends {"mask": base64 of SIDE x SIDE bytes, 1 = covered, "turn": a number} in the
    value's place, and the event "brush" at every stroke. `covered` reads the mask. A new "src"
    begins with nothing covered.
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


def turn_of(payload: object) -> int:
    """Which of the page's masks this is."""
    turn = payload.get("turn") if isinstance(payload, dict) else None
    return turn if type(turn) is int and abs(turn) < 2**53 else 0
