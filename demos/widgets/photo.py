"""A photograph of the reader's: dropped, pasted, chosen, or taken with the camera."""

from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from demos.kit.errors import UserError
from demos.widgets.base import Widget
from dlcore.pictures import MOST_PIXELS

MOST_BYTES = 5_000_000  # as the app's own limit on uploads; the page shrinks what is larger


class Photo(Widget):
    """Takes a picture in and shows it, with a frame around what the network sees of it.

    value = {"src": data URL, "size": [width, height] of the picture as it was sent,
             "crop": [left, top, right, bottom] in shares of it, "key": words about it}
    The page sends {"file": {"path", "meta"}} in the value's place, an upload of Gradio's, or
    {"example": name}, and the event "sent". gradio_client does the same with
    {"file": handle_file("cat.jpg")}. `uploaded` reads what a handler received.
    Pictures of more than MOST_BYTES are made smaller by the page before they are sent; those that
    claim more than MOST_PIXELS are refused there, as `dlcore.pictures` would do it here.
    """

    script = "photo"
    signals = ("sent",)

    def __init__(self, value: Any = None, **props: Any) -> None:
        super().__init__(value, most_pixels=MOST_PIXELS, **props)

    def api_info(self) -> dict[str, Any]:
        return {
            "type": {},
            "description": '{"file": handle_file("cat.jpg")}, or {"example": one that comes along}',
        }

    def example_payload(self) -> Any:
        return {"example": "chelsea"}


def uploaded(payload: object) -> bytes | None:
    """The bytes of the picture that a page sent, None if it sent none. Raises UserError.

    Only what was uploaded is read: any client may name any path.
    """
    file = payload.get("file") if isinstance(payload, dict) else None
    given = file.get("path") if isinstance(file, dict) else None
    if given is None:
        return None
    try:
        folder = Path(get_upload_folder()).resolve()
        path = Path(str(given)).resolve()
        if not path.is_relative_to(folder) or path.stat().st_size > MOST_BYTES:
            raise UserError("widgets.photo.unreadable")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise UserError("widgets.photo.unreadable") from error
