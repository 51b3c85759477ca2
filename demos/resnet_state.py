"""What the image-classification tab keeps, and what it may be asked: any client can send anything."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import Image

from demos.kit.errors import UserError
from dlcore import pretrained
from dlcore.image_model import IMAGE_NETWORKS, ImageModel, read_image_model

NETWORKS = tuple(IMAGE_NETWORKS)  # EfficientNet-Lite0, which comes along, first
SECTIONS = ("gets", "why", "hide", "stages", "robust", "attack")


@dataclass(frozen=True)
class Shown:
    """The picture on the page, upright and in red, green and blue."""

    name: str  # of an example, or "yours"
    picture: Image.Image


def network(name: object) -> ImageModel:
    """The network of a name that a browser sent, read-only. Raises UserError."""
    if not isinstance(name, str) or name not in NETWORKS:
        raise UserError("resnet.errors.unknown_network")
    if pretrained.find(name) is None:
        raise UserError("resnet.errors.not_here", title=IMAGE_NETWORKS[name].title)
    return _read(name)


@cache
def _read(name: str) -> ImageModel:
    path = pretrained.find(name)
    assert path is not None
    return read_image_model(name, path)


def here(name: str) -> bool:
    """Whether a network's weights are on this machine."""
    return pretrained.find(name) is not None


def picture_of(shown: object) -> Image.Image:
    """The picture on the page. Raises UserError while there is none."""
    if not isinstance(shown, Shown):
        raise UserError("resnet.errors.no_picture")
    return shown.picture


def whole(data: Any, name: str, below: int) -> int:
    """A whole number from an event's data, 0 ≤ number < below. Raises UserError."""
    value = data.get(name) if isinstance(data, dict) else None
    if type(value) is not int or not 0 <= value < below:
        raise UserError("resnet.errors.unknown_choice")
    return value
