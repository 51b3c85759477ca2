"""What the image-classification tab keeps, and what it may be asked: any client sends anything."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from demos.kit.errors import UserError
from dlcore import resnet
from dlcore.image_model import ImageModel
from dlcore.imagenet import imagenet_labels
from dlcore.pictures import EXAMPLES, PictureError, load_example, open_picture
from dlcore.preprocess import Prepared, prepare_steps, squash_steps
from dlcore.pretrained import find
from dlcore.resnet_why import load_network

BUNDLED = "efficientnet_lite0"
FIRST = "chelsea"  # the example that a visitor finds
OWN_ANSWER = -1  # as a label: whatever the network says itself
FILLS = ("grey", "blur")
LABELS = 1000
_MOST_SIDE = 1024  # of a kept picture; it is five times what any network here looks at


@dataclass(frozen=True)
class Shown:
    """The picture on the page: upright, in red, green and blue, at most 1024 pixels long."""

    name: str  # of an example, or "yours"
    picture: Image.Image
    size: tuple[int, int]  # as it was sent


def example(name: object) -> Shown:
    """One of the pictures that come along. Raises UserError."""
    if not isinstance(name, str) or name not in EXAMPLES:
        raise UserError("resnet.errors.unknown_choice")
    picture = load_example(name)
    return Shown(name, picture, picture.size)


def sent_picture(data: bytes) -> Shown:
    """A picture of the reader's. Raises UserError that says what is wrong with it."""
    try:
        picture = open_picture(data)
    except PictureError as error:
        raise UserError(f"widgets.photo.refused.{error.key}", **error.values) from error
    size = picture.size
    if max(size) > _MOST_SIDE:
        scale = _MOST_SIDE / max(size)
        smaller = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        picture = picture.resize(smaller, Image.Resampling.LANCZOS)
    return Shown("yours", picture, size)


def shown_or_first(shown: object) -> Shown:
    """The picture on the page; before any, the first example."""
    return shown if isinstance(shown, Shown) else example(FIRST)


# --- Networks ------------------------------------------------------------------------------------


def present(name: object) -> str:
    """The network that answers for the one asked: the bundled one while that is not here."""
    if not isinstance(name, str) or name not in resnet.NETWORKS:
        raise UserError("resnet.errors.unknown_network")
    if find(name) is not None:
        return name
    if find(BUNDLED) is None:
        raise UserError("resnet.errors.no_bundled", file=f"{BUNDLED}.safetensors")
    return BUNDLED


def answering(config: resnet.Config) -> resnet.Config:
    """The settings with the network that really answers."""
    return replace(config, network=present(config.network))


def network(name: object) -> ImageModel:
    """The network that answers for the one asked, read-only. Raises UserError."""
    return _load(present(name))


@cache
def _load(name: str) -> ImageModel:
    return load_network(name)


def prepared(shown: Shown, config: resnet.Config) -> Prepared:
    """Every picture between the one on the page and the network's input."""
    steps = squash_steps if config.preparation == "squash" else prepare_steps
    return steps(shown.picture, network(config.network).recipe)


def pixels(shown: Shown, config: resnet.Config) -> np.ndarray:
    """What the network gets, but for the normalisation: uint8 (224, 224, 3)."""
    return np.array(prepared(shown, config).cropped, np.uint8)


# --- What a browser may ask ----------------------------------------------------------------------


def whole(data: Any, name: str, below: int) -> int:
    """A whole number from an event's data, 0 ≤ number < below. Raises UserError."""
    value = data.get(name) if isinstance(data, dict) else None
    if type(value) is not int or not 0 <= value < below:
        raise UserError("resnet.errors.unknown_choice")
    return value


def label_of(value: object) -> int | None:
    """A label from its list; None for the network's own answer. Raises UserError."""
    if isinstance(value, str):  # an address or a typed name
        found = [one.index for one in imagenet_labels() if value in (one.en, one.vi)]
        value = found[0] if found else int(value) if value.lstrip("-").isdecimal() else None
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    if type(value) is not int or not OWN_ANSWER <= value < LABELS:
        raise UserError("resnet.errors.unknown_label")
    return None if value == OWN_ANSWER else value


def stage_of(model: ImageModel, value: object) -> str:
    """The name of one of the network's stages; "", the last, for one of another network."""
    stages = [name for name, _ in model.stages.named_children()]
    return value if isinstance(value, str) and value in stages else ""


def one_of(value: object, choices: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise UserError("resnet.errors.unknown_choice")
    return value
