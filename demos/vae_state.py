"""What the VAE tab remembers of a session, which model answers, and what may be asked."""

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any

from torch import Tensor

from demos.kit.errors import UserError
from demos.kit.run import Run
from demos.widgets.drawing_pad import drawn
from dlcore import vae
from dlcore.data.mnist import load_mnist
from dlcore.drawing import to_mnist

SECTIONS = ("explore", "train", "compare")
BUNDLED = ("2", "20")  # latent dimensions of the models that come along
WHICH = (*BUNDLED, "yours")
STEPS = 10  # pictures along a path
SAMPLES = 8  # drawn from a posterior
FARTHEST = 1e6  # world units from the middle; no plane is as large

Point = tuple[float, float]


@dataclass(frozen=True)
class Trained:
    """The reader's own model, held read-only."""

    model: vae.VAE
    config: vae.Config


@dataclass(frozen=True)
class Overlay:
    """What lies on the plane over the points: where the reader pointed, the path, the draws."""

    pointer: Point | None = None
    path: tuple[Point, Point] | None = None
    draws: int = 0  # how often other samples were asked for
    loaded: tuple[str, int] | None = None  # a test image on the pad: its pixels, its position


@cache
def bundled(name: str) -> vae.VAE:
    """A model that comes along. Raises UserError."""
    try:
        return vae.load_bundled(name)
    except OSError as error:
        raise UserError("vae.errors.no_bundled", file=vae.bundled(name).name) from error


def trained(run: Run) -> Trained | None:
    """What is kept of a run, stopped ones included; None when it ended before its first weights."""
    if run.kept is None:
        return None
    return Trained(vae.restore(run.kept.state, run.config), run.config)


def model_of(which: object, own: object) -> vae.VAE:
    """The model of this name. Raises UserError."""
    if isinstance(which, str) and which in BUNDLED:
        return bundled(which)
    if which != "yours":
        raise UserError("vae.errors.unknown_model")
    if not isinstance(own, Trained):
        raise UserError("vae.errors.train_first")
    return own.model


def what_it_gets(pixels: object, overlay: Overlay) -> Tensor | None:
    """The picture (28, 28) that the encoder gets for the pad; None while the pad is empty.

    A test image that was loaded goes to it as it stands in MNIST, until it is drawn over.
    """
    canvas = drawn(pixels)
    if overlay.loaded and pixels == overlay.loaded[0]:
        return load_mnist().test_images[overlay.loaded[1]] / 255
    return to_mnist(canvas) if canvas.any() else None


# --- What a browser may ask: checked here, because any client can send anything ------------------


def point_of(data: object) -> Point:
    """A place {"x", "y"} on the plane. Raises UserError."""
    if not isinstance(data, dict):
        raise UserError("vae.errors.no_point")
    return _place([data.get("x"), data.get("y")])


def path_of(data: object) -> tuple[Point, Point]:
    """A path {"from": [x, y], "to": [x, y]}. Raises UserError."""
    if not isinstance(data, dict):
        raise UserError("vae.errors.no_point")
    return _place(data.get("from")), _place(data.get("to"))


def _place(pair: Any) -> Point:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise UserError("vae.errors.no_point")
    for number in pair:
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise UserError("vae.errors.no_point")
        if not abs(number) <= FARTHEST:  # false for NaN, too
            raise UserError("vae.errors.no_point")
    return float(pair[0]), float(pair[1])


def changed(overlay: object, **news: Any) -> Overlay:
    """The overlay with something new on it."""
    return dataclasses.replace(overlay if isinstance(overlay, Overlay) else Overlay(), **news)
