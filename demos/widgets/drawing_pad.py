"""A square to draw in, with mouse, finger, stylus or keys."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from demos.kit.errors import UserError
from demos.widgets.base import Widget
from dlcore.drawing import CANVAS, DrawingError, read_canvas, write_canvas


class DrawingPad(Widget):
    """The drawing pad.

    value: {"pixels": base64 of 84 x 84 bytes, 255 = ink}; "" or a value without "pixels" is an
        empty pad. Setting it shows that picture, which can be drawn over and undone.
    event "draw": the picture changed, by pen (up to 8 times a second and at pen-up) or by Python.
        Listen with `trigger_mode="always_last"`. A handler receives the base64 text; `drawn(text)`
        turns it into a tensor, or into a message if it is none.
    """

    script = "drawing_pad"
    signals = ("draw",)

    def preprocess(self, payload: Any) -> Any:
        # any client can send anything; what is no drawing is refused by `drawn`, inside the guard
        if payload is None:
            return ""
        return payload.get("pixels", "") if isinstance(payload, dict) else payload

    def api_info(self) -> dict[str, Any]:
        return {
            "type": {},
            "description": '{"pixels": base64 of 84 x 84 bytes, row by row, 255 = ink, 0 = paper}',
        }

    def example_payload(self) -> Any:
        return {"pixels": ""}


def drawn(pixels: object) -> Tensor:
    """The drawing (84, 84) in [0, 1] that a handler received. Raises UserError if it is none."""
    try:
        return read_canvas(pixels)
    except DrawingError as error:
        raise UserError("widgets.drawing_pad.unreadable") from error


def showing(canvas: Tensor) -> dict[str, str]:
    """The pad's value that shows a drawing (84, 84) in [0, 1]."""
    return {"pixels": write_canvas(canvas)}


def stroke(points: Sequence[tuple[float, float]], width: float) -> dict[str, str]:
    """The pad's value with one stroke, straight from point to point.

    points: (x, y) in shares of the pad; width: of the pen, in the canvas's pixels.
    """
    corners = torch.tensor(points) * CANVAS  # (P, 2)
    start, step = corners[:-1], corners.diff(dim=0)  # (P-1, 2)
    rows, columns = torch.meshgrid(*[torch.arange(CANVAS) + 0.5] * 2, indexing="ij")
    pixels = torch.stack([columns, rows], dim=-1)[:, :, None]  # (84, 84, 1, 2)
    along = ((pixels - start) * step).sum(-1) / (step * step).sum(-1)  # (84, 84, P-1)
    nearest = start + along.clamp(0, 1)[..., None] * step
    distance = (pixels - nearest).norm(dim=-1).amin(dim=-1)  # (84, 84)
    return showing((width / 2 + 0.5 - distance).clamp(0, 1))
