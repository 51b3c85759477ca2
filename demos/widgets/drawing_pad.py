"""A square to draw in, with mouse, finger, stylus or keys."""

from typing import Any

from torch import Tensor

from demos.kit.errors import UserError
from demos.widgets.base import Widget
from dlcore.drawing import DrawingError, read_canvas, write_canvas


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
