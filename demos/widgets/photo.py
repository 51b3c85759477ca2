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
    The page sends {"file": {"path", "meta"}, "number": n} in the value's place, an upload of
    Gradio's, and the event "sent". gradio_client does the same with
    {"file": handle_file("cat.jpg")} or {"example": name}. `uploaded` reads what a handler received.
    The value that answers a number is made by `answered` or, when the picture is no picture, by
    `refused`. Any other value that comes meanwhile is older: the page sends its picture once more.
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


def answered(payload: object, value: dict[str, Any]) -> dict[str, Any]:
    """The value as the answer to a payload, so that the page knows its picture has arrived."""
    number = _number(payload)
    return value if number is None else {**value, "answers": number}


def refused(payload: object, fault: UserError) -> dict[str, Any]:
    """The value that says why a picture was not taken, above the one shown until then.

    Its words must be among the widget's own. To a client that sends no number, and sees no page,
    the fault itself is raised.
    """
    number = _number(payload)
    if number is None or not isinstance(payload, dict):
        raise fault
    kept = {name: payload[name] for name in ("src", "size", "crop") if name in payload}
    key = fault.key.removeprefix("widgets.photo.").rpartition("errors.")[2]
    return {**kept, "answers": number, "refused": {"key": key, "values": fault.values}}


def _number(payload: object) -> int | None:
    number = payload.get("number") if isinstance(payload, dict) else None
    return number if type(number) is int else None
