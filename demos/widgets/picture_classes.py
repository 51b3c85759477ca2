"""Classes and their pictures: named, filled from files, folders, zip files or the camera."""

import base64
import binascii
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from demos.widgets.base import Widget

THUMBNAIL = 44  # pixels of a side
SHOWN = 12  # of a class: the newest ones
_QUALITY = 70


class PictureClasses(Widget):
    """Cards, one a class. The page itself cuts each picture square and makes it small.

    value = {"classes": [{"name", "count", "sheet": data URL of the newest SHOWN thumbnails}, …],
             "told": {"key", "values"} or null, "side": 224, "most": 10}
    The event `act` carries {"do": "add", "name", "pictures": [base64 of a JPEG, …]} (which makes
    the class if need be), {"do": "class", "name"}, {"do": "rename", "name", "to"},
    {"do": "remove", "name"}, {"do": "drop", "name", "index"} or {"do": "clear"}.
    """

    script = "picture_classes"
    signals = ("act",)


class LiveCamera(Widget):
    """A camera whose pictures go to the server one after the other, each when the last is answered.

    value = {"seq", "told"}: which picture was answered; a key of what to say, or None.
    The event `frame` carries {"picture": base64 of a JPEG, "seq"}.
    """

    script = "live_camera"
    signals = ("frame",)


def classes_value(
    classes: Mapping[str, Sequence[bytes]], *, side: int, most: int, told: Any = None
) -> dict[str, Any]:
    """The value for classes of small pictures' files. told: (key, values) of something to say."""
    cards = [
        {"name": name, "count": len(files), "sheet": _sheet(tuple(files[-SHOWN:]))}
        for name, files in classes.items()
    ]
    said = {"key": told[0], "values": told[1]} if told else None
    return {"classes": cards, "told": said, "side": side, "most": most}


def _sheet(files: Sequence[bytes]) -> str:
    """Thumbnails side by side in one picture; "" for none."""
    if not files:
        return ""
    whole = np.zeros((THUMBNAIL, THUMBNAIL * len(files), 3), np.uint8)
    for place, file in enumerate(files):
        with Image.open(io.BytesIO(file)) as picture:
            picture.draft("RGB", (THUMBNAIL, THUMBNAIL))
            small = picture.convert("RGB").resize((THUMBNAIL, THUMBNAIL))
        whole[:, place * THUMBNAIL : (place + 1) * THUMBNAIL] = np.asarray(small)
    return data_url(whole, quality=_QUALITY)


def data_url(pixels: np.ndarray, *, quality: int = 85) -> str:
    """Pixels uint8 (H, W, 3) as a data URL."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=quality)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def decoded(text: object, most: int = 400_000) -> bytes:
    """The bytes of a picture that a page sent as base64. Raises ValueError."""
    if not isinstance(text, str) or len(text) > most:
        raise ValueError("no picture")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("no picture") from error
