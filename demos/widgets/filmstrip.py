"""The same few things at many moments of a run, moments from left to right."""

from typing import Any

from numpy.typing import ArrayLike

from demos.widgets.base import Widget
from demos.widgets.image_grid import sheet

_MOST_BYTES = 2_000  # a column of 16 digits in about so many, so that a run of 100 moments is small


class Filmstrip(Widget):
    """One column of small pictures a moment; the moment that its group looks at stands out.

    value = {"run": id, "frames": [{"step": 120, "column": "data:image/webp;base64,…"}, …]}
    A column is one grey picture, paper 0 and ink 255, as `film_frame` makes it. The browser keeps
    the frames of a run (recording.py) and shows as many as fit, the first and the newest among
    them. A click goes to that moment. `empty` is a key for an empty strip.
    """

    script = "filmstrip"


def film_frame(images: ArrayLike) -> dict[str, Any]:
    """A frame's content: grey pictures (N, H, W), one below the other."""
    return {"column": sheet(images, columns=1, most=_MOST_BYTES)["sheet"]}
